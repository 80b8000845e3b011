//! What the streams count.

use std::sync::atomic::{AtomicU64, Ordering};

use ferromesh_xds::{PerType, ResourceType};

use crate::denial::Reason;

/// Counters of all streams together.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that were accepted.
    pub connections: AtomicU64,
    /// Connections that were turned away because there were too many.
    pub turned_away: AtomicU64,
    /// Streams that were opened.
    pub streams: AtomicU64,
    /// Streams that ended because the client broke a rule.
    pub offences: AtomicU64,
    /// Streams that ended because the client did not read.
    pub stalled: AtomicU64,
    /// Requests.
    pub requests: AtomicU64,
    /// By type: responses sent.
    pub pushes: PerType<AtomicU64>,
    /// By type: bytes of responses sent.
    pub bytes: PerType<AtomicU64>,
    /// By type: resources in responses sent.
    pub resources: PerType<AtomicU64>,
    /// By type: resources that a client refused.
    pub refusals: PerType<AtomicU64>,
    /// Streams that were woken by publications.
    pub wakes: AtomicU64,
    /// Calls that were answered.
    pub calls: AtomicU64,
    /// By reason: clients that were refused.
    pub denials: [AtomicU64; Reason::ALL.len()],
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// The values of [`Counters`] at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that were turned away because there were too many.
    pub turned_away: u64,
    /// Streams that were opened.
    pub streams: u64,
    /// Streams that ended because the client broke a rule.
    pub offences: u64,
    /// Streams that ended because the client did not read.
    pub stalled: u64,
    /// Requests.
    pub requests: u64,
    /// Streams that were woken by publications.
    pub wakes: u64,
    /// Calls that were answered.
    pub calls: u64,
    /// Clients that were refused, by reason.
    pub denials: Vec<(Reason, u64)>,
    /// By type.
    pub types: Vec<TypeCounts>,
}

/// The counters of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeCounts {
    /// The type.
    pub ty: ResourceType,
    /// Responses sent.
    pub pushes: u64,
    /// Bytes of responses sent.
    pub bytes: u64,
    /// Resources in responses sent.
    pub resources: u64,
    /// Resources that a client refused.
    pub refusals: u64,
}

impl Counts {
    /// Resources of all types that a client refused.
    pub fn refusals(&self) -> u64 {
        self.types.iter().map(|of_type| of_type.refusals).sum()
    }
}

impl Counters {
    /// The counter of a reason.
    pub(crate) fn denied(&self, reason: Reason) -> &AtomicU64 {
        &self.denials[reason as usize]
    }

    /// The values now.
    pub fn read(&self) -> Counts {
        let Self {
            connections,
            turned_away,
            streams,
            offences,
            stalled,
            requests,
            pushes,
            bytes,
            resources,
            refusals,
            wakes,
            calls,
            denials: _,
        } = self;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let types = ResourceType::ALL.map(|ty| TypeCounts {
            ty,
            pushes: get(pushes.get(ty)),
            bytes: get(bytes.get(ty)),
            resources: get(resources.get(ty)),
            refusals: get(refusals.get(ty)),
        });
        Counts {
            connections: get(connections),
            turned_away: get(turned_away),
            streams: get(streams),
            offences: get(offences),
            stalled: get(stalled),
            requests: get(requests),
            wakes: get(wakes),
            calls: get(calls),
            denials: Reason::ALL
                .map(|reason| (reason, get(self.denied(reason))))
                .to_vec(),
            types: types.to_vec(),
        }
    }
}
