//! Keys of those who issue tokens: fetched from the addresses that RequestAuthentications name,
//! again and again, and declared to the compile loop as objects of a source of our own.
//!
//! Whoever may write a RequestAuthentication decides which address is asked, so what is fetched is
//! nobody's way into this machine: see [`address`]. Each address has its own pace and its own
//! faults; the last good keys stay in force, also over a restart.
//!
//! Reading order: [`url`], [`address`], [`fetch`], [`keys`], [`store`], then this file.

pub mod address;
pub mod fetch;
pub mod keys;
pub mod store;
#[cfg(test)]
mod tests;
pub mod url;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::key_set::KeySet;
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::unit::Unit;
use ferromesh_xds_server::{Change, PlaneHandle};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::metrics::Metrics;
use crate::reporter::News;
use fetch::Fetcher;
use store::Store;

/// Fetches at one time.
const AT_A_TIME: usize = 16;

/// What a rule may say about how long a fetch takes.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses after the first failure and after many.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(5 * 60);

/// How often keys are fetched.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After keys have come; a little more or less.
    pub refresh: Duration,
    /// After the first failure; then twice as long each time.
    pub first_retry: Duration,
    /// But no longer than this.
    pub last_retry: Duration,
}

impl Pace {
    /// Once in such a time. Whoever fails is not asked less often than that.
    pub fn every(refresh: Duration) -> Self {
        Self {
            refresh,
            first_retry: SHORTEST_RETRY.min(refresh),
            last_retry: LONGEST_RETRY.min(refresh),
        }
    }
}

/// Which keys are wanted, and how long a fetch may take; `None` before anything is known.
pub type Wanted = Option<BTreeMap<KeySource, Duration>>;

/// Keys by where they come from.
pub type Held = BTreeMap<KeySource, Arc<str>>;

/// What all fetches share.
struct Shared {
    fetcher: Fetcher,
    store: Store,
    pace: Pace,
    slots: Semaphore,
    plane: PlaneHandle,
    metrics: Arc<Metrics>,
    news: News,
}

/// Follows which keys are wanted.
pub struct Jwks {
    shared: Arc<Shared>,
    /// What was there at the start.
    stored: Held,
}

impl Jwks {
    /// Nothing is fetched yet, and what is stored is known.
    pub fn new(
        fetcher: Fetcher,
        (store, stored): (Store, Held),
        pace: Pace,
        plane: PlaneHandle,
        (metrics, news): (Arc<Metrics>, News),
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                fetcher,
                store,
                pace,
                slots: Semaphore::new(AT_A_TIME),
                plane,
                metrics,
                news,
            }),
            stored,
        }
    }

    /// Fetches for ever.
    pub async fn run(self, mut wanted: watch::Receiver<Wanted>) {
        let Self { shared, mut stored } = self;
        let mut tasks: BTreeMap<KeySource, (Duration, JoinHandle<()>)> = BTreeMap::new();
        loop {
            let now = wanted.borrow_and_update().clone();
            if let Some(now) = now {
                let gone: Vec<_> = tasks
                    .keys()
                    .chain(stored.keys())
                    .filter(|source| !now.contains_key(*source))
                    .cloned()
                    .collect();
                for source in gone {
                    if let Some((_, task)) = tasks.remove(&source) {
                        task.abort();
                    }
                    stored.remove(&source);
                    shared.forget(&source).await;
                }
                for (source, limit) in now {
                    let held = stored.remove(&source);
                    let is_same = tasks.get(&source).is_some_and(|(known, _)| *known == limit);
                    if is_same {
                        continue;
                    }
                    let follow = follow(Arc::clone(&shared), source.clone(), limit, held);
                    if let Some((_, task)) = tasks.insert(source, (limit, tokio::spawn(follow))) {
                        task.abort();
                    }
                }
            }
            if wanted.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Keeps the keys of one source fresh.
async fn follow(
    shared: Arc<Shared>,
    source: KeySource,
    limit: Duration,
    mut held: Option<Arc<str>>,
) {
    let limit = limit.clamp(SHORTEST, LONGEST);
    let mut pause = shared.pace.first_retry;
    let mut fault: Option<String> = None;
    loop {
        match shared.fetch(&source, limit).await {
            Ok(keys) => {
                shared.metrics.jwks_fetched.add(1);
                pause = shared.pace.first_retry;
                let is_new = held.as_deref() != Some(&*keys);
                held = Some(keys);
                if let (true, Some(keys)) = (is_new, &held) {
                    shared.store.put(&source, keys).await;
                }
                if fault.take().is_some() || is_new {
                    shared.declare(&source, held.as_ref(), None).await;
                    tracing::info!(source = name(&source), "keys have been fetched");
                }
                tokio::time::sleep(jittered(shared.pace.refresh)).await;
            }
            Err(why) => {
                shared.metrics.jwks_failed.add(1);
                if fault.as_ref() != Some(&why) {
                    tracing::warn!(source = name(&source), fault = why, "keys were not fetched");
                    shared.declare(&source, held.as_ref(), Some(&why)).await;
                    fault = Some(why);
                }
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(shared.pace.last_retry);
            }
        }
    }
}

impl Shared {
    async fn fetch(&self, source: &KeySource, limit: Duration) -> Result<Arc<str>, String> {
        // It is never closed.
        let _slot = self.slots.acquire().await;
        let fetched = tokio::time::timeout(limit, self.fetcher.keys(source)).await;
        match fetched {
            Ok(Ok(keys)) => Ok(keys),
            Ok(Err(fault)) => Err(fault.to_string()),
            Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
        }
    }

    async fn declare(&self, source: &KeySource, keys: Option<&Arc<str>>, fault: Option<&str>) {
        let change = Change::Replace(Arc::new(unit(source, keys, fault)));
        self.plane.apply(vec![change], Instant::now()).await;
        self.news.again();
    }

    async fn forget(&self, source: &KeySource) {
        self.store.remove(source).await;
        let change = Change::Remove(object(source));
        self.plane.apply(vec![change], Instant::now()).await;
        self.news.again();
    }
}

/// What is stored, as the first declarations.
pub fn changes(held: &Held) -> Vec<Change> {
    let change = |(source, keys)| Change::Replace(Arc::new(unit(source, Some(keys), None)));
    held.iter().map(change).collect()
}

fn unit(source: &KeySource, keys: Option<&Arc<str>>, fault: Option<&str>) -> Unit {
    let object = object(source);
    let declaration = keys.map(|keys| {
        Declaration::KeySet(Arc::new(KeySet {
            source: source.clone(),
            keys: keys.clone(),
        }))
    });
    let consequence = match keys {
        Some(_) => "those of before stay in force",
        None => "all tokens that they would verify are refused",
    };
    let diagnostic = fault.map(|fault| Diagnostic {
        severity: Severity::Warning,
        code: "keys-not-fetched",
        object: Some(object.clone()),
        path: Arc::from(""),
        message: format!("keys were not fetched: {fault}; {consequence}"),
        hint: None,
    });
    Unit {
        object,
        declarations: declaration.into_iter().collect(),
        diagnostics: diagnostic.into_iter().collect(),
    }
}

/// The object that says the keys of a source.
fn object(source: &KeySource) -> Arc<ObjectRef> {
    Arc::new(ObjectRef {
        group: Arc::from("ferromesh.io"),
        kind: Arc::from("JsonWebKeySet"),
        namespace: Arc::from(""),
        name: Arc::from(name(source)),
    })
}

fn name(source: &KeySource) -> String {
    match source {
        KeySource::Uri(uri) => uri.to_string(),
        KeySource::Issuer(issuer) => format!("issuer {issuer}"),
        // Nobody fetches these.
        KeySource::Inline(_) | KeySource::Nobody => String::new(),
    }
}

/// A tenth more or less, so that not all are fetched at the same time.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.9 + 0.2 * fastrand::f64())
}
