//! What the compile loop and the streams share.
//!
//! One lock, held for lookups only and never across an `await`: the newest snapshot, the streams
//! with what they hold, and the mailbox of each.

mod debt;
mod interest;
mod state;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ferromesh_xds::{
    AudienceId, Interest as Names, PerType, Publication, ResourceType, Scope, Snapshot,
};
use tokio::sync::mpsc;

use crate::counters::{Counters, Counts, add};
use crate::denial::Denial;
pub(crate) use debt::Debt;
use interest::Interest;

pub(crate) use state::{Delivery, Dispatch, Record};
pub use state::{StreamId, StreamState};

/// Called with the time from a change until a client has accepted all that came of it.
pub type Converged = Box<dyn Fn(Duration) + Send + Sync>;

#[derive(Debug)]
struct Entry {
    id: StreamId,
    record: Arc<Record>,
    mailbox: mpsc::UnboundedSender<Delivery>,
    audiences: Option<Arc<[AudienceId]>>,
    scopes: PerType<Option<Scope>>,
}

#[derive(Debug)]
struct Shared {
    latest: Arc<Dispatch>,
    streams: Vec<Option<Entry>>,
    free: Vec<u32>,
    births: u64,
    interest: Interest,
}

/// See the [module](self).
pub struct Hub {
    shared: Mutex<Shared>,
    /// Counters of all streams.
    pub counters: Counters,
    converged: Converged,
    ready: AtomicBool,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            shared,
            counters,
            converged: _,
            ready,
        } = self;
        f.debug_struct("Hub")
            .field("shared", shared)
            .field("counters", counters)
            .field("ready", ready)
            .finish_non_exhaustive()
    }
}

impl Hub {
    pub(crate) fn new(converged: Converged) -> Self {
        let publication = Publication {
            snapshot: Arc::new(Snapshot::default()),
            changed: Vec::new(),
            catalogs: Vec::new(),
            contested: Vec::new(),
        };
        let shared = Shared {
            latest: Arc::new(Dispatch {
                publication,
                since: Instant::now(),
            }),
            streams: Vec::new(),
            free: Vec::new(),
            births: 0,
            interest: Interest::default(),
        };
        let ready = AtomicBool::new(false);
        Self {
            shared: Mutex::new(shared),
            counters: Counters::default(),
            converged,
            ready,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics while it holds the lock; if something did, the index would still be sound
        // enough to serve.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest published state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.lock().latest.publication.snapshot)
    }

    /// The values of the counters.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// How many streams are open.
    pub fn open_streams(&self) -> usize {
        let shared = self.lock();
        shared.streams.len() - shared.free.len()
    }

    /// All open streams.
    pub fn streams(&self) -> Vec<StreamState> {
        let state = |entry: &Entry| {
            let Record {
                client,
                proxy,
                variant,
                peer,
                connected,
                status,
                debt: _,
            } = entry.record.as_ref();
            StreamState {
                client: client.clone(),
                proxy: proxy.clone(),
                variant: *variant,
                peer: peer.address,
                connected: *connected,
                audiences: entry.audiences.clone(),
                status: status
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone(),
            }
        };
        self.lock().streams.iter().flatten().map(state).collect()
    }

    /// The first publication that some client may not have taken, of those that concern it; `None`
    /// if all clients have answered everything.
    pub fn oldest_debt(&self) -> Option<u64> {
        let shared = self.lock();
        let entries = shared.streams.iter().flatten();
        entries.filter_map(|entry| entry.record.debt().owed()).min()
    }

    /// Whether something has been published: before that, nobody is served.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(crate) fn converged(&self, time: Duration) {
        (self.converged)(time);
    }

    /// A stream has told who it is. It gets a mailbox.
    pub(crate) fn join(
        &self,
        record: Arc<Record>,
    ) -> (StreamId, mpsc::UnboundedReceiver<Delivery>) {
        add(&self.counters.streams, 1);
        let (mailbox, receiver) = mpsc::unbounded_channel();
        let mut shared = self.lock();
        shared.births += 1;
        let birth = shared.births;
        let number = match shared.free.pop() {
            Some(number) => number,
            None => {
                shared.streams.push(None);
                u32::try_from(shared.streams.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let id = StreamId { number, birth };
        let entry = Entry {
            id,
            record,
            mailbox,
            audiences: None,
            scopes: PerType::default(),
        };
        if let Some(slot) = shared.streams.get_mut(number as usize) {
            *slot = Some(entry);
        }
        (id, receiver)
    }

    /// A stream has ended.
    pub(crate) fn leave(&self, id: StreamId) {
        let mut shared = self.lock();
        let Shared {
            latest: _,
            streams,
            free,
            births: _,
            interest,
        } = &mut *shared;
        let Some(slot) = streams.get_mut(id.number as usize) else {
            return;
        };
        let Some(entry) = slot.take_if(|entry| entry.id == id) else {
            return;
        };
        free.push(id.number);
        entry.rescope(
            interest,
            entry.audiences.as_deref().unwrap_or_default(),
            &[],
        );
    }

    /// A stream wants more or less of a type. Returns the snapshot from which on it is told.
    pub(crate) fn rescope(&self, id: StreamId, ty: ResourceType, scope: Scope) -> Arc<Snapshot> {
        let mut shared = self.lock();
        let Shared {
            latest,
            streams,
            free: _,
            births: _,
            interest,
        } = &mut *shared;
        if let Some(entry) = entry_mut(streams, id) {
            let before = entry
                .scopes
                .get_mut(ty)
                .replace(scope)
                .unwrap_or(Scope::Nothing);
            let audiences = entry.audiences.as_deref().unwrap_or_default();
            interest.rescope(id.number, audiences, ty, (before, scope));
        }
        Arc::clone(&latest.publication.snapshot)
    }

    /// A stream names other slots. Returns the snapshot from which on it is told.
    pub(crate) fn rename(&self, id: StreamId, names: &Names) -> Arc<Snapshot> {
        let mut shared = self.lock();
        let Shared {
            latest,
            streams,
            free: _,
            births: _,
            interest,
        } = &mut *shared;
        if entry_mut(streams, id).is_some() {
            interest.unname(id.number, names.dropped.iter().copied());
            interest.name(id.number, &names.added);
        }
        Arc::clone(&latest.publication.snapshot)
    }

    /// Publishes, moves clients to other audiences, and wakes the streams that are concerned.
    /// Returns how many those are.
    pub(crate) fn publish(
        &self,
        publication: Publication,
        assigned: Vec<(StreamId, Arc<[AudienceId]>)>,
        since: Instant,
    ) -> usize {
        let dispatch = Arc::new(Dispatch { publication, since });
        let mut shared = self.lock();
        let Shared {
            latest,
            streams,
            free: _,
            births: _,
            interest,
        } = &mut *shared;
        *latest = Arc::clone(&dispatch);
        let serial = dispatch.publication.snapshot.serial();
        let mut concerned = interest.concerned(&dispatch.publication);
        let mut woken = 0;
        for (id, audiences) in assigned {
            let Some(entry) = entry_mut(streams, id) else {
                continue;
            };
            concerned.remove(id.number);
            entry.rescope(
                interest,
                entry.audiences.as_deref().unwrap_or_default(),
                &audiences,
            );
            entry.audiences = Some(Arc::clone(&audiences));
            entry.record.debt().tell(serial);
            woken += usize::from(
                entry
                    .mailbox
                    .send(Delivery::Assign(audiences, Arc::clone(&dispatch)))
                    .is_ok(),
            );
        }
        for number in concerned.iter() {
            let Some(Some(entry)) = streams.get(number as usize) else {
                continue;
            };
            entry.record.debt().tell(serial);
            woken += usize::from(
                entry
                    .mailbox
                    .send(Delivery::Publication(Arc::clone(&dispatch)))
                    .is_ok(),
            );
        }
        drop(shared);
        self.ready.store(true, Ordering::Release);
        add(&self.counters.wakes, woken as u64);
        woken
    }

    /// Tells a stream the audiences of its client, without a new publication.
    pub(crate) fn assign(&self, id: StreamId, audiences: Arc<[AudienceId]>) {
        let mut shared = self.lock();
        let Shared {
            latest,
            streams,
            free: _,
            births: _,
            interest,
        } = &mut *shared;
        let Some(entry) = entry_mut(streams, id) else {
            return;
        };
        entry.rescope(
            interest,
            entry.audiences.as_deref().unwrap_or_default(),
            &audiences,
        );
        entry.audiences = Some(Arc::clone(&audiences));
        let serial = latest.publication.snapshot.serial();
        entry.record.debt().tell(serial);
        // The receiver is gone when the stream has just ended.
        let _ = entry
            .mailbox
            .send(Delivery::Assign(audiences, Arc::clone(latest)));
    }
}

impl Hub {
    /// Tells a stream that its client may not have anything (any more).
    pub(crate) fn deny(&self, id: StreamId, denial: Denial) {
        if let Some(entry) = entry_mut(&mut self.lock().streams, id) {
            // The receiver is gone when the stream has just ended.
            let _ = entry.mailbox.send(Delivery::Denied(denial));
        }
    }
}

impl Entry {
    /// Moves the stream's subscriptions from some audiences to others.
    fn rescope(&self, interest: &mut Interest, from: &[AudienceId], to: &[AudienceId]) {
        for (ty, scope) in self.scopes.iter() {
            let scope = scope.unwrap_or(Scope::Nothing);
            interest.rescope(self.id.number, from, ty, (scope, Scope::Nothing));
            interest.rescope(self.id.number, to, ty, (Scope::Nothing, scope));
        }
    }
}

fn entry_mut(streams: &mut [Option<Entry>], id: StreamId) -> Option<&mut Entry> {
    streams
        .get_mut(id.number as usize)?
        .as_mut()
        .filter(|entry| entry.id == id)
}
