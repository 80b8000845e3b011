//! The two laws that certify the compiler, over generated worlds, and the proof that the first
//! one notices a forgotten question.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::listener::ListenerTraffic;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::dice::Dice;
use super::{generate, laws};
use crate::edit::ProxyId;
use crate::proxy::Proxy;
use crate::question::QuestionKind;
use crate::{Compiler, Snapshot};

/// Edits, each as numbers that [`Dice`] reads.
type Script = Vec<Vec<u8>>;

fn scripts(longest: usize) -> impl Strategy<Value = Script> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 32), 1..longest)
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// How often what happened.
#[derive(Debug, Default)]
struct Counts(BTreeMap<String, usize>);

impl Counts {
    fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_insert(0) += 1;
    }

    fn expect(&self, what: &str) {
        assert!(
            self.0.contains_key(what),
            "never happened: {what}\n{self:#?}"
        );
    }
}

/// A compiler with its history.
#[derive(Default)]
struct World {
    compiler: Compiler,
    snapshot: Snapshot,
    units: BTreeMap<Arc<ObjectRef>, Arc<Unit>>,
    proxies: BTreeMap<ProxyId, Proxy>,
}

impl World {
    fn compile(&mut self) {
        for edit in self.compiler.compile() {
            let text = format!("{edit:?}");
            assert!(self.snapshot.apply(edit), "refers to nothing: {text}");
        }
    }

    fn replace(&mut self, unit: Arc<Unit>) {
        self.units.insert(unit.object.clone(), unit.clone());
        self.compiler.replace(unit);
    }

    fn step(&mut self, knobs: &[u8], counts: &mut Counts) {
        let mut dice = Dice::new(knobs);
        match dice.roll(16) {
            0 | 1 => {
                let at = dice.roll(self.units.len().max(1));
                if let Some(object) = self.units.keys().nth(at).cloned() {
                    counts.note(format!("remove {}", object.kind));
                    self.units.remove(&object);
                    self.compiler.remove(&object);
                }
            }
            2 => {
                counts.note("open");
                let proxy = generate::proxy(&mut dice);
                let id = self.compiler.open(proxy.clone());
                self.proxies.insert(id, proxy);
            }
            3 => {
                let at = dice.roll(self.proxies.len().max(1));
                if let Some(id) = self.proxies.keys().nth(at).copied() {
                    counts.note("close");
                    self.proxies.remove(&id);
                    self.compiler.close(id);
                    self.snapshot.forget(id);
                }
            }
            4..6 => self.compile(),
            _ => {
                let unit = generate::object(&mut dice);
                let sort = match self.units.get(&unit.object) {
                    None => "add",
                    Some(before) if **before == *unit => "repeat",
                    Some(_) => "change",
                };
                counts.note(format!("{sort} {}", unit.object.kind));
                self.replace(unit);
            }
        }
    }

    /// What every proxy gets, in the order in which they were opened.
    fn views(&self) -> Vec<laws::Views> {
        self.proxies
            .keys()
            .map(|id| laws::views(&self.snapshot, *id))
            .collect()
    }

    /// A new compiler over the same units, in another order, and the same proxies.
    fn clean(&self, seed: usize, proxies_first: bool) -> Self {
        let mut clean = Self::default();
        let mut units: Vec<_> = self.units.values().cloned().collect();
        let mut state = seed;
        for at in (1..units.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            units.swap(at, (state >> 33) % (at + 1));
        }
        let open = |clean: &mut Self| {
            for proxy in self.proxies.values() {
                let id = clean.compiler.open(proxy.clone());
                clean.proxies.insert(id, proxy.clone());
            }
        };
        if proxies_first {
            open(&mut clean);
        }
        for unit in units {
            clean.replace(unit);
        }
        if !proxies_first {
            open(&mut clean);
        }
        clean.compile();
        clean
    }
}

fn compare(world: &World, clean: &World) -> Result<(), TestCaseError> {
    for (now, then) in world.views().iter().zip(&clean.views()) {
        let names = |views: &laws::Views| views.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(names(now), names(then));
        for (now, then) in now.values().zip(then.values()) {
            prop_assert_eq!(now, then);
        }
    }
    // Nothing is left over: as many views and audiences as a new compiler has.
    prop_assert_eq!(world.snapshot.size(), clean.snapshot.size());
    prop_assert_eq!(world.compiler.memo_len(), clean.compiler.memo_len());
    prop_assert_eq!(world.compiler.diagnostics(), clean.compiler.diagnostics());
    Ok(())
}

/// Runs a script; `dropped` is the kind of question that is forgotten.
fn incremental_is_clean(
    script: &Script,
    dropped: Option<QuestionKind>,
    counts: &mut Counts,
) -> Result<(), TestCaseError> {
    let mut world = World::default();
    world.compiler.readers.dropped = dropped;
    for knobs in script {
        world.step(knobs, counts);
    }
    world.compile();
    let clean = world.clean(script.len(), script.len().is_multiple_of(3));
    compare(&world, &clean)?;
    for (proxy, views) in world.proxies.values().zip(world.views()) {
        laws::check(&views);
        laws::check_tls(proxy, &views);
        for view in views.values() {
            counts.note(describe(view));
            for what in secured(view) {
                counts.note(what);
            }
            if is_of_machine(view) {
                counts.note("a Kubernetes service with an entry");
            }
        }
    }
    Ok(())
}

/// Whether a Kubernetes service has an instance that is an entry.
fn is_of_machine(view: &View) -> bool {
    let View::Endpoints(endpoints) = view else {
        return false;
    };
    let ClusterName::Outbound { host, .. } = &endpoints.cluster else {
        return false;
    };
    let mut instances = endpoints.groups.iter().flat_map(|group| &group.endpoints);
    host.as_str().ends_with(".svc.cluster.local")
        && instances.any(|instance| &*instance.address == generate::MACHINE)
}

/// What of security a view shows.
fn secured(view: &View) -> Vec<String> {
    let first = |text: String| text.split(['(', ' ']).next().unwrap_or_default().to_owned();
    let security = match view {
        View::Cluster(cluster) => return vec![first(format!("tls{:?}", cluster.tls))],
        View::Listener(listener) => match &listener.traffic {
            ListenerTraffic::VirtualInbound { security, .. }
            | ListenerTraffic::Inbound { security, .. } => security,
            _ => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let tokens = security.tokens.iter();
    let keys = tokens.map(|token| format!("keys {}", token.keys.is_some()));
    let policies = security.authorization.iter();
    let actions = policies.map(|policy| first(format!("action{:?}", policy.action)));
    let authorizers = security.authorizers.keys();
    keys.chain(actions)
        .chain(authorizers.map(|name| format!("authorizer {name}")))
        .collect()
}

fn describe(view: &View) -> String {
    let text = match view {
        View::Cluster(cluster) => format!("{:?}", cluster.discovery),
        View::Endpoints(_) => "endpoints".to_owned(),
        View::Listener(listener) => format!("{:?}", listener.traffic),
        View::RouteTable(table) => format!("table {:?}", table.hosts),
        View::VirtualHost(host) => format!("host {:?}", host.table),
    };
    text.split([' ', '(', '{'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn incremental_equals_clean() {
    let counts = RefCell::new(Counts::default());
    runner(400)
        .run(&scripts(160), |script| {
            incremental_is_clean(&script, None, &mut counts.borrow_mut())
        })
        .unwrap();
    let counts = counts.into_inner();
    for kind in generate::KINDS {
        for sort in ["add", "change", "remove"] {
            counts.expect(&format!("{sort} {kind}"));
        }
    }
    for what in [
        "open",
        "close",
        "Endpoints",
        "Original",
        "Static",
        "Dns",
        "Named",
        "Nothing",
        "VirtualOutbound",
        "VirtualInbound",
        "Outbound",
        "Inbound",
        "HttpProxy",
        "table",
        "host",
        "endpoints",
        "a Kubernetes service with an entry",
        "tlsOff",
        "tlsAuto",
        "tlsMesh",
        "tlsOther",
        "keys true",
        "keys false",
        "actionAllow",
        "actionDeny",
        "actionCustom",
        "authorizer asked",
        "authorizer hidden",
    ] {
        counts.expect(what);
    }
}

#[test]
fn order_does_not_matter() {
    let (scripts, orders) = (scripts(120), any::<[u8; 4]>());
    runner(150)
        .run(&(scripts, orders), |(script, orders)| {
            let mut world = World::default();
            for knobs in &script {
                world.step(knobs, &mut Counts::default());
            }
            let first = world.clean(0, false);
            for seed in orders {
                let other = world.clean(usize::from(seed), seed % 3 == 0);
                compare(&first, &other)?;
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_forgotten_question_is_noticed() {
    for kind in QuestionKind::ALL {
        let mut runner = runner(1_500);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..1_500).any(|_| {
                let script = scripts(160).new_tree(&mut runner).unwrap().current();
                incremental_is_clean(&script, Some(kind), &mut Counts::default()).is_err()
            })
        }));
        // A law that is broken by an assertion is noticed as well.
        assert!(outcome.unwrap_or(true), "nobody misses {kind:?}");
    }
}
