//! What one session knows about one type of resource.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::names::{NameQueue, NameSet};
use crate::id_set::IdSet;
use crate::resource::{Resource, ResourceId, Version};

/// How many responses of a type may be unanswered. Clients that answer none get no more than
/// this; clusters are exempt, whose ACK Envoy withholds while anything warms.
pub(super) const FLIGHTS: usize = 64;

/// So many are normal; room for more is given back.
const FEW: usize = 8;

/// Progress of one type on one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The nonce of the last response; zero before the first.
    pub sent: u64,
    /// The nonce of the last response that the client accepted.
    pub accepted: u64,
    /// The nonce of the last response that the client refused.
    pub refused: u64,
    /// How many responses the client refused.
    pub refusals: u64,
    /// What the client said to its last refusal, as long as it lacks something.
    pub error: Option<Arc<str>>,
}

/// No slot. Responses that are on their way carry this for slots that were released since, and
/// may be refused because of it.
pub(super) const RELEASED: ResourceId = ResourceId(u32::MAX);

/// A response that the client has not answered.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) nonce: u64,
    /// The first of the responses that were merged into this one.
    pub(super) merged_from: u64,
    pub(super) ids: Vec<ResourceId>,
    /// What it carried of those ids whose slots hold something else: content that was replaced
    /// since, as far as it is kept, or a substitute.
    pub(super) older: Vec<(ResourceId, Option<Arc<Resource>>)>,
    /// Names that it told the client to drop.
    pub(super) removed: Vec<Arc<str>>,
}

impl Flight {
    pub(super) fn new(nonce: u64) -> Self {
        Self {
            nonce,
            merged_from: nonce,
            ids: Vec::new(),
            older: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// What it carried for `id`, if that is not what the slot holds now; and that, if it is kept.
    pub(super) fn older(&self, id: ResourceId) -> Option<Option<&Arc<Resource>>> {
        let (_, resource) = self.older.iter().find(|(held, _)| *held == id)?;
        Some(resource.as_ref())
    }
}

/// Subscription and progress of one type.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// A request for this type has come.
    pub(super) seen: bool,
    /// The client wants everything that it may hold.
    pub(super) wildcard: bool,
    /// Names that the client asked for and that no audience of its has.
    pub(super) missing: NameSet,
    /// What has to be sent.
    pub(super) dirty: IdSet,
    /// Names whose absence has to be told. Checked again when they are.
    pub(super) unknown: NameQueue,
    /// Names that the client has and must drop.
    pub(super) gone: BTreeSet<Arc<str>>,
    /// Those names that are gone of which the client never accepted any version.
    pub(super) untaken: NameSet,
    /// A response is due even if it is empty.
    pub(super) owed: bool,
    /// Unanswered responses, oldest first.
    pub(super) flights: VecDeque<Flight>,
    /// State of the world: the list of names of the last request.
    pub(super) list: Option<Version>,
    pub(super) status: Status,
}

impl Watch {
    /// Gives back room that names took while there were more of them.
    pub(super) fn shrink(&mut self) {
        self.missing.shrink();
        self.unknown.shrink();
    }

    /// The unanswered responses that carry `id`.
    pub(super) fn flights_of(&mut self, id: ResourceId) -> impl Iterator<Item = &mut Flight> {
        self.flights
            .iter_mut()
            .filter(move |flight| flight.ids.contains(&id))
    }

    /// Whether an unanswered response carries `id`.
    pub(super) fn is_flying(&self, id: ResourceId) -> bool {
        self.flights.iter().any(|flight| flight.ids.contains(&id))
    }

    /// Carries what unanswered responses brought for a slot over to another one.
    pub(super) fn rename_flights(&mut self, from: ResourceId, to: ResourceId) {
        for flight in &mut self.flights {
            let older = flight.older.iter_mut().map(|(id, _)| id);
            for id in flight.ids.iter_mut().chain(older).filter(|id| **id == from) {
                *id = to;
            }
        }
    }

    /// Remembers a response until it is answered.
    pub(super) fn fly(&mut self, flight: Flight) {
        self.status.sent = flight.nonce;
        self.flights.push_back(flight);
        if self.flights.len() > FLIGHTS {
            // The two oldest become one, under the later nonce.
            if let Some(Flight {
                nonce: _,
                merged_from,
                ids,
                older,
                // Only clusters come here, and their removals are not mixed with anything that a
                // client could refuse.
                removed: _,
            }) = self.flights.pop_front()
                && let Some(next) = self.flights.front_mut()
            {
                next.merged_from = merged_from;
                next.ids.extend(ids);
                // A client that never answers must not cost more with every change.
                next.ids.sort_unstable();
                next.ids.dedup();
                for (id, held) in older {
                    if held.is_some() || next.older(id).is_none() {
                        next.older.push((id, held));
                    }
                }
            }
        }
    }

    /// Takes out the oldest response that an answer to `nonce` settles. One that was merged with
    /// later ones is settled by a refusal of any part, or by acceptance of the last.
    pub(super) fn take_flight(&mut self, nonce: u64, refused: bool) -> Option<Flight> {
        let front = self.flights.front()?;
        let merged = refused && front.merged_from <= nonce;
        if front.nonce > nonce && !merged {
            return None;
        }
        let flight = self.flights.pop_front();
        if self.flights.is_empty() && self.flights.capacity() > FEW {
            self.flights = VecDeque::new();
        }
        flight
    }

    /// Whether everything up to `nonce` has been answered.
    pub(super) fn is_answered(&self, nonce: u64) -> bool {
        self.flights
            .front()
            .is_none_or(|flight| flight.nonce > nonce)
    }
}
