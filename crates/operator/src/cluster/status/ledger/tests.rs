use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_dialects::report::Progress;
use ferromesh_injector::Settings;
use ferromesh_mesh::origin::ObjectRef;
use tokio::time::{Duration, Instant};

use super::super::document::{Seen, print};
use super::super::world::{Others, Refusal, Version, Word, World};
use super::{Due, Ledger, Round};
use crate::cluster::webhooks::entries::Revision;
use crate::findings::Found;
use crate::subjects::{Objects, Stage, Subject};

/// A ledger, the objects, and what is known.
struct Bench {
    ledger: Ledger,
    objects: Objects,
    found: Found,
    debt: Option<u64>,
    refusals: u64,
    streams: usize,
    others: Others,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            objects: Objects::new(),
            found: Found {
                records: BTreeSet::new(),
                refused: Vec::new(),
                epoch: 1,
                refusals: 0,
            },
            debt: None,
            refusals: 0,
            streams: 1,
            others: Others::Nobody,
            now: Instant::now(),
        }
    }

    fn put(&mut self, generation: i64, serial: u64, epoch: u64) {
        let subject = Subject {
            api_version: Arc::from("networking.istio.io/v1"),
            uid: Arc::from("u"),
            generation,
            revision: None,
            stage: Stage::Published {
                serial,
                epoch,
                at: self.now,
            },
        };
        self.objects.insert(object(), subject);
    }

    fn round(&mut self) -> Round {
        let world = World {
            found: &self.found,
            debt: self.debt,
            refusals: self.refusals,
            streams: self.streams,
            others: &self.others,
            now: self.now,
        };
        let revision = Revision::of(&Settings::default());
        self.ledger.round(&self.objects, &revision, &world)
    }

    /// What is due, as the reason of `Programmed`, and is written.
    fn write(&mut self) -> Vec<&'static str> {
        let Round { due, .. } = self.round();
        due.iter()
            .map(|due| {
                self.ledger.done(due, self.now);
                reason(due)
            })
            .collect()
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }
}

fn object() -> Arc<ObjectRef> {
    Arc::new(ObjectRef {
        group: Arc::from("networking.istio.io"),
        kind: Arc::from("VirtualService"),
        namespace: Arc::from("a"),
        name: Arc::from("b"),
    })
}

fn reason(due: &Due) -> &'static str {
    due.status
        .conditions
        .last()
        .map_or("", |condition| condition.reason)
}

#[test]
fn nothing_is_due_twice() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    assert_eq!(bench.write(), ["Programmed"]);
    bench.pass(60_000);
    let Round { due, next, .. } = bench.round();
    assert!(due.is_empty() && next.is_none(), "{due:?} {next:?}");
}

#[test]
fn proxies_have_some_time_to_answer() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    bench.debt = Some(5);
    let Round { due, next, .. } = bench.round();
    assert!(due.is_empty() && next.is_some(), "{due:?} {next:?}");
    bench.pass(100);
    // Only what came later is not answered.
    bench.debt = Some(6);
    assert_eq!(bench.write(), ["Programmed"]);
    // What has been taken once is not taken back, whoever else connects.
    bench.pass(2_000);
    bench.debt = Some(1);
    assert!(bench.write().is_empty());
}

#[test]
fn a_proxy_that_does_not_answer_is_told_of() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    bench.debt = Some(4);
    bench.pass(600);
    assert_eq!(bench.write(), ["Pending"]);
    bench.pass(100);
    bench.debt = None;
    // Not again so soon.
    let Round { due, next, .. } = bench.round();
    assert!(due.is_empty() && next.is_some(), "{due:?} {next:?}");
    bench.pass(1_000);
    assert_eq!(bench.write(), ["Programmed"]);
}

#[test]
fn a_report_about_an_older_version_is_none() {
    let mut bench = Bench::new();
    bench.put(2, 5, 2);
    assert!(bench.write().is_empty());
    bench.found.epoch = 2;
    assert_eq!(bench.write(), ["Programmed"]);
    bench.pass(1_000);
    bench.put(3, 6, 2);
    if let Some(subject) = bench.objects.get_mut(&object()) {
        subject.stage = Stage::Compiling;
    }
    assert!(bench.write().is_empty());
}

#[test]
fn a_refusal_is_waited_for_until_its_author_can_be_told() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    bench.refusals = 1;
    assert!(bench.write().is_empty());
    bench.found.refusals = 1;
    assert_eq!(bench.write(), ["Programmed"]);
}

#[test]
fn without_proxies_nothing_has_to_be_waited_for() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    bench.streams = 0;
    assert_eq!(bench.write(), ["NoProxies"]);
    bench.pass(2_000);
    bench.streams = 3;
    assert!(bench.write().is_empty(), "scaling writes nothing");
    bench.put(2, 6, 1);
    assert_eq!(bench.write(), ["Programmed"]);
}

#[test]
fn a_version_that_is_refused_waits_for_nobody() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    bench.debt = Some(1);
    bench.found.refused = vec![(object(), true)];
    assert_eq!(bench.write(), ["Invalid"]);
}

#[test]
fn a_new_holder_of_the_lease_writes_nothing_twice() {
    let mut bench = Bench::new();
    bench.put(4, 5, 1);
    bench.streams = 0;
    let wanted = bench.round().due.remove(0);
    for (generation, uid, expected) in [(4, "u", 0), (3, "u", 1), (4, "other", 1)] {
        let mut bench = Bench::new();
        bench.put(4, 5, 1);
        // Nobody has connected to the new one yet, or has and has answered nothing.
        bench.debt = Some(1);
        bench.pass(1_000);
        let version = Version {
            uid: Arc::from(uid),
            generation,
        };
        let seen = Seen {
            print: print(&wanted.status),
            taken: Some((generation, Progress::NoProxies)),
        };
        bench.ledger.learn(object(), version, seen);
        assert_eq!(bench.write().len(), expected, "{generation} {uid}");
    }
}

#[test]
fn objects_of_others_are_left_alone() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    if let Some(subject) = bench.objects.get_mut(&object()) {
        subject.revision = Some(Arc::from("somebody-elses"));
    }
    assert!(bench.write().is_empty());
}

#[test]
fn the_other_replicas_are_asked_once_ours_have_taken_it() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    bench.others = Others::Unasked;
    bench.debt = Some(5);
    assert!(bench.round().questions.is_empty(), "ours have not");
    bench.debt = None;
    let Round { due, questions, .. } = bench.round();
    assert!(due.is_empty(), "{due:?}");
    let version = Version {
        uid: Arc::from("u"),
        generation: 1,
    };
    assert_eq!(questions, std::slice::from_ref(&version));
    let mut say = |word: Word| {
        bench.pass(2_000);
        bench.others = Others::Words([(version.clone(), word)].into());
        bench.write()
    };
    assert_eq!(say(Word::Pending), ["Pending"]);
    let refusal = Refusal {
        path: Arc::from("spec.x"),
        words: "no".to_owned(),
    };
    assert_eq!(say(Word::Refused(refusal)), ["Refused"]);
    assert_eq!(say(Word::Taken), ["Programmed"]);
    // Nobody is asked again.
    assert!(say(Word::Pending).is_empty());
}

#[test]
fn replicas_without_proxies_do_not_count() {
    for (streams, word, expected) in [
        (0, Word::Taken, "Programmed"),
        (1, Word::NoProxies, "Programmed"),
        (0, Word::NoProxies, "NoProxies"),
    ] {
        let mut bench = Bench::new();
        bench.put(1, 5, 1);
        bench.streams = streams;
        let version = Version {
            uid: Arc::from("u"),
            generation: 1,
        };
        bench.others = Others::Words([(version, word)].into());
        assert_eq!(bench.write(), [expected]);
    }
}

#[test]
fn what_fails_lets_others_go_first() {
    let mut bench = Bench::new();
    bench.put(1, 5, 1);
    let due = bench.round().due.remove(0);
    bench.ledger.failed(&due, bench.now);
    let Round { due, next, .. } = bench.round();
    assert!(due.is_empty() && next.is_some(), "{due:?} {next:?}");
    bench.pass(60_000);
    assert_eq!(bench.write(), ["Programmed"]);
}
