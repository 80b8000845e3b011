//! What has to wait for what: nothing may refer to a cluster that is not there yet, and no
//! cluster may go while something still refers to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Event, Note, Session};
use crate::resource::{PerType, Resource, ResourceId, ResourceType};

/// How long routes wait for the endpoints of the clusters to which they refer.
const WARMING: Duration = Duration::from_secs(5);

/// How long removals that were found on resume wait, so that the client can resume the types
/// that may still refer to what is gone.
pub(super) const SETTLING: Duration = Duration::from_secs(1);

/// The order in which the types are served: what is referred to goes before what refers to it.
pub(super) const ORDER: [ResourceType; 6] = [
    ResourceType::Secret,
    ResourceType::Cluster,
    ResourceType::Endpoints,
    ResourceType::Listener,
    ResourceType::Route,
    ResourceType::VirtualHost,
];

/// The types whose resources refer to clusters.
const REFERRING: [ResourceType; 3] = [
    ResourceType::Listener,
    ResourceType::Route,
    ResourceType::VirtualHost,
];

/// The types to whose resources something may refer, in the order of removal.
const REFERRED: [ResourceType; 4] = [
    ResourceType::Route,
    ResourceType::Cluster,
    ResourceType::Endpoints,
    ResourceType::Secret,
];

/// Whether a removal of this type has to wait until nothing can refer to the name.
pub(super) fn is_referred(ty: ResourceType) -> bool {
    REFERRED.contains(&ty)
}

/// Names that are about to be removed, once the client has answered everything that it was sent
/// before.
#[derive(Debug, Default)]
pub(super) struct Closing {
    names: PerType<BTreeSet<Arc<str>>>,
    /// For each of [`REFERRING`]: the last response that has to be answered first.
    barrier: [u64; 3],
    /// Not before this.
    pub(super) not_before: Option<Instant>,
}

impl Closing {
    /// The names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter().flat_map(|(_, names)| names)
    }

    /// Takes a name back; true if it was there.
    pub(super) fn remove(&mut self, ty: ResourceType, name: &str) -> bool {
        self.names.get_mut(ty).remove(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.iter().all(|(_, names)| names.is_empty())
    }
}

/// The route table of a virtual host.
pub(super) fn table_of(host: &Resource) -> Option<&str> {
    host.name.rsplit_once('/').map(|(table, _)| table)
}

impl Session {
    /// When [`Session::next_frame`] may have something to say although nothing happened.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let waiting = REFERRING
            .iter()
            .any(|ty| !self.watches.get(*ty).dirty.is_empty());
        let warming = self.awaiting.values().filter(|_| waiting).min().copied();
        let removals = REFERRED
            .iter()
            .any(|ty| !self.watches.get(*ty).gone.is_empty());
        let settling = self.closing.not_before.filter(|_| removals);
        // What is late already waits for something else to happen.
        [warming, settling]
            .into_iter()
            .flatten()
            .filter(|time| *time > now)
            .min()
    }

    /// Clusters were sent: their endpoints have to follow, because Envoy keeps an updated
    /// cluster warming until it gets them again, and does not ask. `fresh` are those that the
    /// client did not have: it will ask for their endpoints, whatever it had of them before.
    pub(super) fn clusters_sent(
        &mut self,
        clusters: &[(ResourceId, Arc<Resource>)],
        fresh: &[ResourceId],
        now: Instant,
    ) {
        for (id, cluster) in clusters {
            let Some(eds) = &cluster.eds else { continue };
            let fresh = fresh.contains(id);
            let found = self.resolve(ResourceType::Endpoints, eds);
            let watch = self.watches.get_mut(ResourceType::Endpoints);
            let known = match found {
                Some(endpoints) if self.sent.contains(endpoints.0) => {
                    watch.dirty.insert(endpoints.0);
                    if fresh {
                        self.sent.remove(endpoints.0);
                    }
                    true
                }
                Some(endpoints) => watch.dirty.contains(endpoints.0),
                None if watch.missing.contains(eds) => {
                    watch.unknown.push(eds);
                    true
                }
                None => false,
            };
            self.follow |= known;
            if fresh || !known {
                self.awaiting.insert(*id, now + WARMING);
            }
        }
    }

    /// The client got to know route tables: it takes their virtual hosts from now on. If a table
    /// has none, it has to be told so: Envoy's listener would wait 15 s for an answer.
    pub(super) fn tables_known(&mut self, tables: &[ResourceId], again: bool) {
        let snapshot = Arc::clone(&self.snapshot);
        for route in tables.iter().filter_map(|id| snapshot.resource(*id)) {
            let watch = self.watches.get_mut(ResourceType::VirtualHost);
            if !watch.wildcard && !self.tables.contains(&route.name) {
                continue;
            }
            let mut empty = true;
            let catalogs = self
                .audiences
                .iter()
                .filter_map(|audience| snapshot.catalog(*audience));
            for (_, id) in catalogs.flat_map(|catalog| catalog.virtual_hosts(&route.name)) {
                empty = false;
                if again || !self.sent.contains(id.0) {
                    watch.dirty.insert(id.0);
                }
            }
            if empty && again {
                watch.unknown.push(format!("{}/", route.name));
            }
        }
    }

    /// Whether the client would ignore this virtual host, because it does not know the table. It
    /// gets it when it gets the table.
    pub(super) fn is_early(&self, host: &Resource, id: ResourceId) -> bool {
        host.ty == ResourceType::VirtualHost
            && self.watches.get(ResourceType::Route).seen
            && !self.sent.contains(id.0)
            && !self.subscribed.contains(id.0)
            && host.name.rsplit_once('/').is_some_and(|(table, _)| {
                let route = self.resolve(ResourceType::Route, table);
                !self.tables.contains(table) && route.is_none_or(|id| !self.sent.contains(id.0))
            })
    }

    /// Forgets the clusters whose endpoints have been answered, or have not been asked for in time.
    pub(super) fn warm(&mut self, now: Instant) {
        if self.awaiting.is_empty() {
            return;
        }
        let mut awaiting = std::mem::take(&mut self.awaiting);
        awaiting.retain(|id, deadline| {
            let Some(cluster) = self.snapshot.resource(*id) else {
                return false;
            };
            let late = now >= *deadline;
            let answered = cluster
                .eds
                .as_ref()
                .is_none_or(|eds| self.has_endpoints_answer(eds));
            if late && !answered {
                let cluster = Arc::clone(&cluster.name);
                self.events.push(Event::Note(Note::Unwarmed { cluster }));
            }
            !late && !answered
        });
        self.awaiting = awaiting;
    }

    fn has_endpoints_answer(&self, eds: &str) -> bool {
        match self.resolve(ResourceType::Endpoints, eds) {
            Some(id) => self.sent.contains(id.0),
            None => {
                let watch = self.watches.get(ResourceType::Endpoints);
                watch.missing.contains(eds) && watch.unknown.is_empty()
            }
        }
    }

    /// Whether this listener, route or virtual host refers to a cluster that awaits its endpoints.
    pub(super) fn is_held(&self, resource: &Resource) -> bool {
        !self.awaiting.is_empty()
            && REFERRING.contains(&resource.ty)
            && resource.refers_to.iter().any(|name| {
                let cluster = self.resolve(ResourceType::Cluster, name);
                cluster.is_some_and(|id| self.awaiting.contains_key(&id))
            })
    }

    /// Route tables of which a virtual host is held. Their other hosts wait with it, because a
    /// domain can move from one to another: Envoy refuses a table that has it twice, and until
    /// the second comes nobody would have it.
    pub(super) fn held_tables(&self, ty: ResourceType) -> BTreeSet<Arc<str>> {
        if ty != ResourceType::VirtualHost || self.awaiting.is_empty() {
            return BTreeSet::new();
        }
        let dirty = self.watches.get(ty).dirty.iter().map(ResourceId);
        dirty
            .filter_map(|id| self.snapshot.resource(id))
            .filter(|host| self.is_held(host))
            .filter_map(|host| table_of(host).map(Arc::from))
            .collect()
    }

    /// The next names of referred types that can be removed: their type and up to `count` of them.
    pub(super) fn removable(
        &mut self,
        now: Instant,
        count: usize,
    ) -> Option<(ResourceType, Vec<Arc<str>>)> {
        if self.closing.is_empty() && !self.close(now) {
            return None;
        }
        let answered = REFERRING.iter().zip(self.closing.barrier);
        if !answered
            .into_iter()
            .all(|(ty, nonce)| self.watches.get(*ty).is_answered(nonce))
        {
            return None;
        }
        let ty = REFERRED
            .into_iter()
            .find(|ty| !self.closing.names.get(*ty).is_empty())?;
        let names = self.closing.names.get_mut(ty);
        let mut out = Vec::new();
        while out.len() < count
            && let Some(name) = names.pop_first()
        {
            self.watches.get_mut(ty).untaken.remove(&name);
            out.push(name);
        }
        Some((ty, out))
    }

    /// Starts to remove what is gone, if everything that may have stopped referring to it has
    /// been sent.
    fn close(&mut self, now: Instant) -> bool {
        if REFERRED
            .iter()
            .all(|ty| self.watches.get(*ty).gone.is_empty())
        {
            self.closing.not_before = None;
            return false;
        }
        let unsent = REFERRING.iter().any(|ty| {
            let watch = self.watches.get(*ty);
            !watch.dirty.is_empty() || *ty != ResourceType::Route && !watch.gone.is_empty()
        });
        if unsent || self.closing.not_before.is_some_and(|time| now < time) {
            return false;
        }
        self.closing.not_before = None;
        for ty in REFERRED {
            let gone = std::mem::take(&mut self.watches.get_mut(ty).gone);
            let clusters = matches!(ty, ResourceType::Cluster | ResourceType::Endpoints);
            let (needed, free) = gone
                .into_iter()
                .partition(|name| clusters && self.memory.needs_cluster(name));
            self.watches.get_mut(ty).gone = needed;
            *self.closing.names.get_mut(ty) = free;
        }
        self.closing.barrier = REFERRING.map(|ty| self.watches.get(ty).status.sent);
        !self.closing.is_empty()
    }
}
