//! One aggregated stream of one client.
//!
//! [`Session`] is a step function. Its owner feeds it requests ([`Session::request`]),
//! publications ([`Session::publish`]) and audiences ([`Session::assign`]), and asks for
//! [`Session::next_frame`] whenever the transport has room, and again at [`Session::deadline`].
//! After each step it collects [`Session::take_events`] and [`Session::take_interest`].
//!
//! Files: `request` (subscriptions, resume), `publish` (what changed), `delta` and `sotw` (frames
//! of the two variants), `order` (what must wait for what), `refusal` (answers of the client),
//! `memory`, `watch` and `names` (state).

mod delta;
mod memory;
mod names;
mod order;
mod publish;
mod refusal;
mod request;
mod sotw;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use crate::frame::Frame;
use crate::id_set::IdSet;
use crate::resource::{AudienceId, PerType, Resource, ResourceId, ResourceType, Version};
use crate::snapshot::Snapshot;
use memory::{Fallback, Memory};
use names::NameSet;
use order::Closing;
use watch::{RELEASED, Watch};

pub use watch::Status;

/// The two forms of the aggregated protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `DeltaAggregatedResources`: changes only.
    Delta,
    /// `StreamAggregatedResources`: full sets of clusters and listeners, other types by name.
    StateOfTheWorld,
}

/// How much of a type a client subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nothing.
    Nothing,
    /// Some names.
    Names,
    /// Everything that it may hold, or (virtual hosts) whole tables.
    Everything,
}

/// Something that the owner of a session may want to tell others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client refused a resource.
    Refused(Refusal),
    /// The client accepted a version that others refused.
    Vouched {
        /// The resource's slot.
        id: ResourceId,
        /// The version.
        version: Version,
    },
    /// Something unusual.
    Note(Note),
}

/// A resource that a client refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The resource's slot.
    pub id: ResourceId,
    /// Its type.
    pub ty: ResourceType,
    /// Its name.
    pub name: Arc<str>,
    /// The refused version; `None` if it was replaced in the meantime and is not known any more.
    pub version: Option<Version>,
    /// The client's words, shortened.
    pub error: Arc<str>,
}

/// Something unusual on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Routes were sent although the client has not asked for the endpoints of this cluster, to
    /// which they refer, for five seconds.
    Unwarmed {
        /// The cluster.
        cluster: Arc<str>,
    },
    /// The client asked for a type that does not exist here.
    UnknownType {
        /// Its URL, shortened.
        type_url: Arc<str>,
    },
}

/// Why a stream has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The client subscribed to, or brought, more names without a resource than anybody needs.
    TooManyNames,
}

/// Which slots a client began and ceased to name explicitly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Slots that it names now.
    pub added: Vec<ResourceId>,
    /// Slots that it does not name any more.
    pub dropped: Vec<ResourceId>,
}

/// One aggregated stream. See the [module](self).
#[derive(Debug)]
pub struct Session {
    variant: Variant,
    client: Arc<str>,
    snapshot: Arc<Snapshot>,
    audiences: Arc<[AudienceId]>,
    watches: PerType<Watch>,
    /// Route tables whose virtual hosts the client wants.
    tables: NameSet,
    /// Slots that the client names explicitly.
    subscribed: IdSet,
    /// Slots of which the client was sent some version and has not been told to drop it.
    sent: IdSet,
    /// Those of `sent` of which it never accepted any version.
    unaccepted: IdSet,
    /// Slots that travel alone, because a response that carried them was refused without a name.
    alone: IdSet,
    /// Slots of which the client was given the predecessor of a doubtful version.
    substituted: IdSet,
    memory: Memory,
    /// Clusters that were sent while their endpoints were not yet asked for.
    awaiting: BTreeMap<ResourceId, Instant>,
    /// Clusters were just sent; their endpoints go next.
    follow: bool,
    closing: Closing,
    /// State of the world: clusters that are gone, while something may still refer to them.
    leaving: BTreeMap<Arc<str>, Arc<Resource>>,
    nonce: u64,
    events: Vec<Event>,
    interest: Interest,
}

/// What a client should hold of a slot.
enum Content {
    /// What the slot holds.
    Current(Arc<Resource>),
    /// Something older.
    Older(Arc<Resource>),
    /// Nothing.
    Nothing,
    /// What it has.
    Kept,
}

impl Session {
    /// A stream that has just been opened. `client` names the workload behind it, so that its
    /// refusals before and after a reconnection count once.
    pub fn new(variant: Variant, client: Arc<str>, snapshot: Arc<Snapshot>) -> Self {
        Self {
            variant,
            client,
            snapshot,
            audiences: Arc::new([]),
            watches: PerType::default(),
            tables: NameSet::default(),
            subscribed: IdSet::default(),
            sent: IdSet::default(),
            unaccepted: IdSet::default(),
            alone: IdSet::default(),
            substituted: IdSet::default(),
            memory: Memory::default(),
            awaiting: BTreeMap::new(),
            follow: false,
            closing: Closing::default(),
            leaving: BTreeMap::new(),
            nonce: 0,
            events: Vec::new(),
            interest: Interest::default(),
        }
    }

    /// The next response, if there is anything to say. To be called when it can be written.
    pub fn next_frame(&mut self, now: Instant) -> Option<Frame> {
        match self.variant {
            Variant::Delta => self.next_delta(now),
            Variant::StateOfTheWorld => self.next_sotw(now),
        }
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// How the explicitly named slots changed since the last call.
    pub fn take_interest(&mut self) -> Interest {
        let Interest {
            mut added,
            mut dropped,
        } = std::mem::take(&mut self.interest);
        added.retain(|id| self.subscribed.contains(id.0));
        dropped.retain(|id| !self.subscribed.contains(id.0));
        Interest { added, dropped }
    }

    /// All slots that the client names explicitly.
    pub fn named(&self) -> impl Iterator<Item = ResourceId> + '_ {
        self.subscribed.iter().map(ResourceId)
    }

    /// How much of a type the client subscribed to.
    pub fn scope(&self, ty: ResourceType) -> Scope {
        let watch = self.watches.get(ty);
        let tables = ty == ResourceType::VirtualHost && !self.tables.is_empty();
        if watch.wildcard || tables {
            Scope::Everything
        } else if watch.seen {
            Scope::Names
        } else {
            Scope::Nothing
        }
    }

    /// The audiences of the client.
    pub fn audiences(&self) -> &Arc<[AudienceId]> {
        &self.audiences
    }

    /// The state from which responses are built.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Progress of a type.
    pub fn status(&self, ty: ResourceType) -> &Status {
        &self.watches.get(ty).status
    }

    /// Whether there may be something to say.
    pub fn has_news(&self) -> bool {
        let waits = |watch: &Watch| {
            let Watch {
                dirty,
                unknown,
                gone,
                owed,
                ..
            } = watch;
            !dirty.is_empty() || !unknown.is_empty() || !gone.is_empty() || *owed
        };
        self.watches.iter().any(|(_, watch)| waits(watch)) || !self.closing.is_empty()
    }

    /// Whether the client has answered everything.
    pub fn is_answered(&self) -> bool {
        self.watches
            .iter()
            .all(|(_, watch)| watch.flights.is_empty())
    }

    /// How many bytes of names wait to be sent: the only part of the unsent that is more than a
    /// bit for each resource.
    pub fn backlog(&self) -> usize {
        let len = |names: &BTreeSet<Arc<str>>| names.iter().map(|name| name.len()).sum::<usize>();
        let watches = self
            .watches
            .iter()
            .map(|(_, watch)| watch.unknown.size() + len(&watch.gone));
        watches.sum::<usize>() + self.closing.names().map(|name| name.len()).sum::<usize>()
    }

    /// The slot that the client gets under a name.
    fn resolve(&self, ty: ResourceType, name: &str) -> Option<ResourceId> {
        self.audiences
            .iter()
            .find_map(|audience| self.snapshot.catalog(*audience)?.get(ty, name))
    }

    /// Whether the client wants this name without having to name it.
    fn covers(&self, ty: ResourceType, name: &str) -> bool {
        self.watches.get(ty).wildcard
            || ty == ResourceType::VirtualHost
                && name
                    .rsplit_once('/')
                    .is_some_and(|(table, _)| self.tables.contains(table))
    }

    /// What the client should hold of a slot.
    fn content(&self, id: ResourceId) -> Content {
        let Some(current) = self.snapshot.resource(id) else {
            return Content::Nothing;
        };
        if let Some(refused) = self
            .memory
            .refused(id)
            .filter(|refused| refused.version == current.version)
        {
            return match &refused.fallback {
                Fallback::Resource(resource) => Content::Older(Arc::clone(resource)),
                Fallback::Nothing => Content::Nothing,
                Fallback::Kept => Content::Kept,
            };
        }
        if (!self.sent.contains(id.0) || self.substituted.contains(id.0))
            && let Some(substitute) = self.snapshot.substitute(id, &self.client)
        {
            return Content::Older(Arc::clone(substitute));
        }
        Content::Current(Arc::clone(current))
    }

    /// Forgets that the client ever had this slot.
    fn release(&mut self, ty: ResourceType, id: ResourceId) {
        for set in [
            &mut self.sent,
            &mut self.unaccepted,
            &mut self.alone,
            &mut self.substituted,
        ] {
            set.remove(id.0);
        }
        let watch = self.watches.get_mut(ty);
        watch.dirty.remove(id.0);
        watch.rename_flights(id, RELEASED);
        self.awaiting.remove(&id);
        self.memory.forget(id);
    }

    fn next_nonce(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }
}
