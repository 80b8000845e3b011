//! The two laws of the compiler, over generated worlds of real objects and through the whole
//! pure core: lower → accept → link → project → emit.
//!
//! *Incremental = clean*: after any edits, what a proxy is served equals what a new compiler
//! serves it over the same accepted units and the same proxies. *Order does not matter*: neither
//! that of the objects nor that of the proxies.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_compiler::acceptance::Acceptance;
use ferromesh_compiler::{Bound, Certificates, Compiler, Interception, Proxy, ProxyId, Tables};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_mesh::unit::Unit;
use ferromesh_target_envoy::Kind;
use ferromesh_testkit::generate::{Edit, MACHINES, World};
use ferromesh_testkit::replica::{Replica, Served};
use serde_json::{Value, json};

fn lower(value: &Value) -> Arc<Unit> {
    let object = Object::new(value.clone()).unwrap_or_else(|fault| panic!("{fault}: {value}"));
    Arc::new(ferromesh_dialects::lower(&object))
}

/// A version of the object that admission denies.
fn broken(mut object: Value) -> Value {
    object["spec"] = json!({"noSuchField": true, "hosts": 7, "ports": 7});
    object["noSuchField"] = json!(1);
    object
}

fn proxy(world: &mut World, step: usize) -> Proxy {
    let (namespace, name) = world.workload();
    let dice = world.dice();
    let interception = match dice.below(4) {
        0 => Interception::Tproxy,
        1 => Interception::None(Bound {
            inbound: IpAddr::V4(Ipv4Addr::new(127, 1, 0, 1)),
            app: IpAddr::V4(Ipv4Addr::LOCALHOST),
            outbound: IpAddr::V4(Ipv4Addr::new(127, 1, 0, (step % 3) as u8 + 1)),
            http_proxy_port: dice.percent(50).then_some(15002),
        }),
        _ => Interception::Redirect,
    };
    Proxy {
        workload: WorkloadName {
            namespace: Namespace::from(namespace),
            name: Arc::from(name),
        },
        interception,
        tables: if dice.percent(20) {
            Tables::Inline
        } else {
            Tables::Separate
        },
        certificates: if dice.percent(20) {
            Certificates::None
        } else {
            Certificates::Sds
        },
    }
}

/// The compiler under test with all that surrounds it.
#[derive(Default)]
struct Plant {
    acceptance: Acceptance,
    compiler: Compiler,
    replica: Replica,
    proxies: BTreeMap<ProxyId, Proxy>,
}

impl Plant {
    fn new() -> Self {
        let mut plant = Self::default();
        for unit in ferromesh_dialects::default_units() {
            plant.offer(Arc::new(unit));
        }
        plant
    }

    fn offer(&mut self, unit: Arc<Unit>) {
        if let Some(unit) = self.acceptance.replace(unit) {
            self.compiler.replace(unit);
        }
    }

    fn delete(&mut self, unit: &Unit) {
        if self.acceptance.remove(&unit.object) {
            self.compiler.remove(&unit.object);
        }
    }

    fn open(&mut self, proxy: Proxy) {
        let id = self.compiler.open(proxy.clone());
        self.proxies.insert(id, proxy);
    }

    fn close(&mut self, id: ProxyId) {
        self.compiler.close(id);
        self.replica.close(id);
        self.proxies.remove(&id);
    }

    fn compile(&mut self) {
        let edits = self.compiler.compile();
        self.replica.apply(edits);
    }

    fn served(&self, id: ProxyId) -> Served {
        self.replica.served(id)
    }
}

/// A new plant over the same accepted units and proxies, in another order.
fn clean(from: &Plant, world: &mut World) -> (Plant, BTreeMap<ProxyId, ProxyId>) {
    let mut plant = Plant::default();
    let mut units: Vec<_> = from.acceptance.in_force().cloned().collect();
    let mut proxies: Vec<_> = from.proxies.iter().collect();
    for at in (1..units.len()).rev() {
        units.swap(at, world.dice().below(at + 1));
    }
    for at in (1..proxies.len()).rev() {
        proxies.swap(at, world.dice().below(at + 1));
    }
    let mut twins = BTreeMap::new();
    let half = proxies.len() / 2;
    for (at, (id, proxy)) in proxies.into_iter().enumerate() {
        if at == half {
            for unit in units.drain(..) {
                plant.offer(unit);
            }
        }
        let twin = plant.compiler.open(proxy.clone());
        plant.proxies.insert(twin, proxy.clone());
        twins.insert(*id, twin);
    }
    for unit in units {
        plant.offer(unit);
    }
    plant.compile();
    (plant, twins)
}

fn difference(one: &Served, other: &Served) -> Vec<String> {
    let mut names = Vec::new();
    for (key, bytes) in one {
        match other.get(key) {
            None => names.push(format!("only incremental: {key:?}")),
            Some(twin) if twin != bytes => names.push(format!("different: {key:?}")),
            Some(_) => {}
        }
    }
    names.extend(
        other
            .keys()
            .filter(|key| !one.contains_key(*key))
            .map(|key| format!("only clean: {key:?}")),
    );
    names
}

fn check(seed: u64, steps: usize, counts: &mut BTreeMap<(String, &'static str), usize>) {
    let mut world = World::new(seed, 200);
    let mut plant = Plant::new();
    let objects: Vec<_> = world.objects().map(lower).collect();
    for unit in objects {
        assert!(
            !unit.is_refused(),
            "a generated object is refused: {:#?}",
            unit.diagnostics
        );
        plant.offer(unit);
    }
    for step in 0..8 {
        let proxy = proxy(&mut world, step);
        plant.open(proxy);
    }
    for step in 0..steps {
        for _ in 0..=world.dice().below(4) {
            match world.edit() {
                Edit::Apply(object) => {
                    let unit = lower(&object);
                    assert!(
                        !unit.is_refused(),
                        "refused: {object} {:#?}",
                        unit.diagnostics
                    );
                    plant.offer(unit);
                    if world.dice().percent(10) {
                        plant.offer(lower(&broken(object.clone())));
                        *counts.entry((unit_kind(&object), "break")).or_default() += 1;
                    }
                }
                Edit::Delete(object) => plant.delete(&lower(&object)),
            }
        }
        if world.dice().percent(20) {
            let proxy = proxy(&mut world, step);
            plant.open(proxy);
            *counts.entry(("proxy".into(), "open")).or_default() += 1;
        }
        if world.dice().percent(20) && plant.proxies.len() > 1 {
            let at = world.dice().below(plant.proxies.len());
            if let Some(id) = plant.proxies.keys().nth(at).copied() {
                plant.close(id);
                *counts.entry(("proxy".into(), "close")).or_default() += 1;
            }
        }
        plant.compile();
        if step % 10 == 9 {
            let (twin, ids) = clean(&plant, &mut world);
            for (id, proxy) in &plant.proxies {
                let served = plant.served(*id);
                let difference = difference(&served, &twin.served(ids[id]));
                assert!(
                    difference.is_empty(),
                    "seed {seed}, step {step}, {proxy:?}: {difference:#?}"
                );
                *counts
                    .entry(("WorkloadEntry".into(), "select"))
                    .or_default() += selected(&served);
            }
            assert_eq!(
                plant.replica.views(),
                twin.replica.views(),
                "seed {seed}, step {step}"
            );
            assert_eq!(
                plant.compiler.diagnostics(),
                twin.compiler.diagnostics(),
                "seed {seed}, step {step}"
            );
        }
    }
    for ((kind, sort), count) in &world.counts {
        *counts.entry((kind.clone(), sort)).or_default() += count;
    }
}

/// How many clusters of Kubernetes services have instances that are WorkloadEntries.
fn selected(served: &Served) -> usize {
    let is_machine = |body: &[u8]| {
        let mut windows = body.windows(MACHINES.len());
        windows.any(|window| window == MACHINES.as_bytes())
    };
    served
        .iter()
        .filter(|((kind, name), body)| {
            *kind == Kind::Endpoints && name.ends_with(".svc.cluster.local") && is_machine(body)
        })
        .count()
}

fn unit_kind(object: &Value) -> String {
    object["kind"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn incremental_is_clean_and_order_does_not_matter() {
    let mut counts = BTreeMap::new();
    for seed in 1..=8 {
        check(seed, 150, &mut counts);
    }
    println!("edits by kind and sort:");
    for ((kind, sort), count) in &counts {
        println!("{kind:>16} {sort:>8} {count:>6}");
    }
    let total: usize = counts.values().sum();
    assert!(total > 3000, "only {total} edits");
    let any = World::new(0, 0);
    for sort in ["create", "replace", "delete", "touch", "age"] {
        for kind in any.missing(sort) {
            assert!(
                counts.contains_key(&(kind.to_owned(), sort)),
                "no {sort} of a {kind} was made"
            );
        }
    }
    let selected = counts.get(&("WorkloadEntry".to_owned(), "select"));
    assert!(selected.is_some_and(|count| *count > 100), "{selected:?}");
    for sort in ["open", "close"] {
        assert!(
            counts.contains_key(&("proxy".to_owned(), sort)),
            "no proxy was {sort}ed"
        );
    }
}

#[test]
fn generated_objects_are_accepted() {
    let mut refusals = BTreeMap::new();
    for seed in 0..20 {
        for object in World::new(seed, 300).objects() {
            for diagnostic in &lower(object).diagnostics {
                if diagnostic.severity == ferromesh_mesh::diagnostic::Severity::Error {
                    let kind = unit_kind(object);
                    refusals
                        .entry(format!("{kind} {} {}", diagnostic.code, diagnostic.message))
                        .or_insert_with(|| format!("{}: {object}", diagnostic.path));
                }
            }
        }
    }
    assert!(refusals.is_empty(), "{refusals:#?}");
}
