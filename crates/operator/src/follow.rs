//! From the source to the compile loop, batch by batch, with one line in the log for each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ferromesh_api::Key;
use ferromesh_dialects::{default_units, lower, object_ref};
use ferromesh_kube_source::Source;
use ferromesh_kube_source::batch::{Batch, Coverage};
use ferromesh_kube_source::report::Places;
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_xds_server::{Applied, Change, PlaneHandle};

use crate::identity::known::Known;
use crate::identity::pinned::{self, Pinned};
use crate::metrics::{Event, Metrics};
use crate::reporter::News;
use crate::subjects::Subjects;

/// So many objects of a change are named in the log.
const NAMED: usize = 3;

/// Carries changes from the source to the compile loop.
pub struct Follower {
    plane: PlaneHandle,
    places: Arc<Mutex<Places>>,
    subjects: Subjects,
    metrics: Arc<Metrics>,
    news: News,
    known: Arc<Known>,
    /// What is declared from the start on besides the objects of the source.
    first: Vec<Change>,
    /// How many objects of each kind there are.
    kinds: BTreeMap<Arc<str>, i64>,
}

/// What happened to the objects of a batch.
struct Changed {
    key: Key,
    event: Event,
}

impl Follower {
    /// Nothing is known yet.
    pub fn new(
        plane: PlaneHandle,
        (places, subjects): (Arc<Mutex<Places>>, Subjects),
        metrics: Arc<Metrics>,
        news: News,
        (known, first): (Arc<Known>, Vec<Change>),
    ) -> Self {
        Self {
            plane,
            places,
            subjects,
            metrics,
            news,
            known,
            first,
            kinds: BTreeMap::new(),
        }
    }

    /// Follows the source. Ends only if the source or the compile loop has died.
    pub async fn run(mut self, mut source: Source, started: Instant) {
        let Some(first) = self.complete(&mut source).await else {
            return;
        };
        let defaults = default_units()
            .into_iter()
            .map(|unit| Change::Replace(Arc::new(unit)));
        let (mut changes, changed) = self.lower(&first);
        let configurations = pinned::configurations(&changes);
        changes.extend(defaults);
        changes.append(&mut self.first);
        if self.apply(changes, first, started).await.is_none() {
            return;
        }
        self.known.refresh(&self.plane, names(&changed)).await;
        let Some(mesh) = self.known.follow_mesh().borrow().clone() else {
            return;
        };
        let mut pinned = Pinned::new(mesh.security.trust_domain.clone(), configurations);
        let took = started.elapsed();
        tracing::info!(objects = changed.len(), took_ms = ms(took), "ready");
        while let Some(batch) = source.next().await {
            let since = Instant::now();
            let (changes, changed) = self.lower(&batch);
            let changes = changes.into_iter().map(|it| pinned.hold(it)).collect();
            let Some(applied) = self.apply(changes, batch, since).await else {
                return;
            };
            log(&changed, &applied, since);
            self.known.refresh(&self.plane, names(&changed)).await;
        }
    }

    /// Waits until all that is there has been read; until then it is told what is in the way.
    async fn complete(&self, source: &mut Source) -> Option<Batch> {
        loop {
            let batch = source.next().await?;
            match batch.coverage {
                Coverage::Complete => return Some(batch),
                Coverage::Partial => self.news.tell(batch.faults),
            }
        }
    }

    /// Lowers what has changed and counts it.
    fn lower(&mut self, batch: &Batch) -> (Vec<Change>, Vec<Changed>) {
        let Batch {
            changed,
            moved,
            removed,
            faults: _,
            coverage: _,
        } = batch;
        let objects = changed.iter().map(|located| &located.object);
        self.known.note(objects, removed);
        self.subjects.begin(batch);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for located in moved {
            places.put(located);
        }
        let mut changes = Vec::with_capacity(changed.len() + removed.len());
        let mut events = Vec::with_capacity(changes.capacity());
        for located in changed {
            let event = if places.put(located) {
                Event::Add
            } else {
                Event::Update
            };
            events.push(Changed {
                key: located.key(),
                event,
            });
            changes.push(Change::Replace(Arc::new(lower(&located.object))));
        }
        for key in removed {
            places.remove(key);
            events.push(Changed {
                key: key.clone(),
                event: Event::Delete,
            });
            changes.push(Change::Remove(Arc::new(object_ref(key))));
        }
        drop(places);
        for Changed { key, event } in &events {
            self.metrics.changed(key, *event);
            let count = self.kinds.entry(key.kind.clone()).or_default();
            *count += match event {
                Event::Add => 1,
                Event::Update => 0,
                Event::Delete => -1,
            };
        }
        let count = |kind: &str| self.kinds.get(kind).copied().unwrap_or(0);
        self.metrics
            .services
            .set(count("Service") + count("ServiceEntry"));
        self.metrics.virtual_services.set(count("VirtualService"));
        (changes, events)
    }

    async fn apply(
        &mut self,
        changes: Vec<Change>,
        batch: Batch,
        since: Instant,
    ) -> Option<Applied> {
        let applied = self.plane.apply(changes, since).await?;
        self.subjects.publish(applied.serial);
        self.metrics
            .push_time
            .observe(since.elapsed().as_secs_f64());
        self.news.tell(batch.faults);
        Some(applied)
    }
}

/// The workloads among what has changed.
fn names(changed: &[Changed]) -> Vec<WorkloadName> {
    changed
        .iter()
        .filter(|changed| matches!(&*changed.key.kind, "Pod" | "WorkloadEntry"))
        .map(|Changed { key, event: _ }| WorkloadName {
            namespace: Namespace::from(&*key.namespace),
            name: Arc::from(&*key.name),
        })
        .collect()
}

/// Milliseconds with three digits.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// One line: what changed, how many proxies it went to, how long it took.
fn log(changed: &[Changed], applied: &Applied, since: Instant) {
    if changed.is_empty() {
        return;
    }
    let Applied {
        changes,
        in_force,
        serial,
        resources,
        streams,
        compile,
        publish,
    } = applied;
    let mut what: Vec<_> = changed
        .iter()
        .take(NAMED)
        .map(|Changed { key, event }| format!("{} {key}", event.word()))
        .collect();
    if changed.len() > NAMED {
        what.push(format!("and {} more", changed.len() - NAMED));
    }
    let refused = changes - in_force;
    tracing::info!(
        proxies = streams,
        took_ms = ms(since.elapsed()),
        compile_ms = ms(*compile),
        publish_ms = ms(*publish),
        resources,
        refused,
        serial,
        "{}",
        what.join(", ")
    );
}
