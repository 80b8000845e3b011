//! Edits in, publications out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{
    Catalog, CatalogChange, Change, Contest, Contested, Publication, Snapshot, predecessor,
};
use crate::resource::{AudienceId, Resource, ResourceId, ResourceType, Version};

/// How many bytes of replaced resources are kept at most.
const PREDECESSOR_BYTES: usize = 4 << 20;

/// How many clients a contest remembers: the two that matter, and one in case that one of them
/// is the client that asks.
const REFUSERS: usize = 3;

/// Collects edits and turns them into publications. The compile loop owns one.
///
/// Slot ids are never used twice: a stream that was asleep for long must not mistake a new
/// resource for one that it has sent, and 2³² of them last thirteen years at ten new names per
/// second. A slot that no catalog holds at the time of a publication is dropped with it.
#[derive(Debug, Default)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
    published: Snapshot,
    next_id: u32,
    next_audience: u32,
    /// Which catalogs hold a slot.
    holders: BTreeMap<ResourceId, Vec<AudienceId>>,
    touched: BTreeSet<ResourceId>,
    renamed: BTreeMap<AudienceId, BTreeSet<(ResourceType, Arc<str>)>>,
    contested: BTreeSet<ResourceId>,
    /// The order in which predecessors came, with their sizes.
    replaced: VecDeque<(ResourceId, Version, usize)>,
    replaced_bytes: usize,
}

impl SnapshotBuilder {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state with all edits so far, published or not.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Puts a resource into a new slot. It stays only if it is listed before [`Self::publish`].
    pub fn insert(&mut self, resource: Resource) -> ResourceId {
        let id = ResourceId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        self.snapshot.slots.insert(id, Arc::new(resource));
        self.touched.insert(id);
        id
    }

    /// Replaces the content of a slot. False if the slot is unknown or holds this version already;
    /// then nothing changes. Type and name of a slot must stay what they were, otherwise the
    /// replacement is declined too.
    pub fn replace(&mut self, id: ResourceId, resource: Resource) -> bool {
        let Some(old) = self.snapshot.slots.get(&id) else {
            return false;
        };
        if old.version == resource.version || old.ty != resource.ty || old.name != resource.name {
            return false;
        }
        self.snapshot.slots.insert(id, Arc::new(resource));
        self.touched.insert(id);
        true
    }

    /// Opens an audience with an empty catalog.
    pub fn open_audience(&mut self) -> AudienceId {
        let id = AudienceId(self.next_audience);
        self.next_audience = self.next_audience.wrapping_add(1);
        self.snapshot.audiences.insert(id, Catalog::default());
        self.renamed.entry(id).or_default();
        id
    }

    /// Closes an audience. Streams that are still in it see their names disappear.
    pub fn close_audience(&mut self, audience: AudienceId) {
        let Some(catalog) = self.snapshot.audiences.get(&audience).cloned() else {
            return;
        };
        for ty in ResourceType::ALL {
            for (name, _) in catalog.iter(ty) {
                self.unlist(audience, ty, name);
            }
        }
        self.snapshot.audiences.remove(&audience);
    }

    /// Lets an audience hold a slot under the name of its resource, instead of any slot that it
    /// held under this name before. False if the slot or the audience is unknown.
    pub fn list(&mut self, audience: AudienceId, id: ResourceId) -> bool {
        let Some(resource) = self.snapshot.slots.get(&id) else {
            return false;
        };
        let (ty, name) = (resource.ty, Arc::clone(&resource.name));
        let Some(catalog) = self.snapshot.audiences.get_mut(&audience) else {
            return false;
        };
        let old = catalog.names.get_mut(ty).insert(Arc::clone(&name), id);
        if old == Some(id) {
            return true;
        }
        self.holders.entry(id).or_default().push(audience);
        if let Some(old) = old {
            self.release(old, audience);
        }
        self.renamed.entry(audience).or_default().insert((ty, name));
        true
    }

    /// Takes a name from an audience; true if it was there.
    pub fn unlist(&mut self, audience: AudienceId, ty: ResourceType, name: &str) -> bool {
        let Some(catalog) = self.snapshot.audiences.get_mut(&audience) else {
            return false;
        };
        let Some((name, old)) = catalog.names.get_mut(ty).remove_with_key(name) else {
            return false;
        };
        self.release(old, audience);
        self.renamed.entry(audience).or_default().insert((ty, name));
        true
    }

    fn release(&mut self, id: ResourceId, audience: AudienceId) {
        if let Some(audiences) = self.holders.get_mut(&id) {
            if let Some(at) = audiences.iter().position(|held| *held == audience) {
                audiences.swap_remove(at);
            }
            if audiences.is_empty() {
                self.holders.remove(&id);
            }
        }
        self.touched.insert(id);
    }

    /// Notes that a client refused a version. It counts until somebody accepts that version or
    /// the slot gets another one.
    pub fn refuse(&mut self, id: ResourceId, version: Version, client: &Arc<str>) {
        if self
            .published
            .resource(id)
            .is_none_or(|held| held.version != version)
        {
            return;
        }
        let mut contest = match self.snapshot.contest(id) {
            Some(contest) => contest.clone(),
            None => Contest {
                version,
                refused_by: Vec::new(),
                accepted: false,
                predecessor: self.snapshot.predecessor(id).cloned(),
            },
        };
        if contest.refused_by.len() < REFUSERS && !contest.refused_by.contains(client) {
            contest.refused_by.push(Arc::clone(client));
            self.snapshot.contests.insert(id, Arc::new(contest));
            self.contested.insert(id);
        }
    }

    /// Notes that a client accepted a version that others refused.
    pub fn vouch(&mut self, id: ResourceId, version: Version) {
        let Some(contest) = self.snapshot.contest(id) else {
            return;
        };
        if contest.version == version && !contest.accepted {
            let contest = Contest {
                accepted: true,
                ..contest.clone()
            };
            self.snapshot.contests.insert(id, Arc::new(contest));
            self.contested.insert(id);
        }
    }

    /// Ends a batch of edits: drops slots that nobody holds and says what is different from the
    /// publication before. Edits that cancel each other out leave no trace.
    pub fn publish(&mut self) -> Publication {
        let mut changed = Vec::new();
        for id in std::mem::take(&mut self.touched) {
            let Some(audiences) = self.holders.get(&id).cloned() else {
                self.snapshot.slots.remove(&id);
                self.snapshot.contests.remove(&id);
                self.snapshot.predecessors.remove(&id);
                continue;
            };
            let (before, after) = (self.published.slots.get(&id), self.snapshot.slots.get(&id));
            let (Some(before), Some(after)) = (before, after) else {
                continue;
            };
            if before.version != after.version {
                let predecessor = predecessor(before);
                changed.push(Change {
                    id,
                    ty: after.ty,
                    audiences,
                    predecessor: predecessor.clone(),
                });
                self.snapshot.contests.remove(&id);
                if let Some(old) = predecessor {
                    self.keep(id, old);
                }
            }
        }
        let mut catalogs = Vec::new();
        for (audience, names) in std::mem::take(&mut self.renamed) {
            let changes: Vec<_> = names
                .into_iter()
                .filter_map(|(ty, name)| self.renaming(audience, ty, &name))
                .collect();
            let known = |snapshot: &Snapshot| snapshot.catalog(audience).is_some();
            if known(&self.snapshot) != known(&self.published) || !changes.is_empty() {
                catalogs.push((audience, changes));
            }
        }
        self.inherit(&catalogs);
        let contested = std::mem::take(&mut self.contested);
        let contested = contested.into_iter().filter_map(|id| {
            let audiences = self.holders.get(&id)?.clone();
            Some(Contested {
                id,
                ty: self.snapshot.resource(id)?.ty,
                audiences,
            })
        });
        let contested: Vec<_> = contested.collect();
        self.snapshot.serial += 1;
        self.published = self.snapshot.clone();
        Publication {
            snapshot: Arc::new(self.snapshot.clone()),
            changed,
            catalogs,
            contested,
        }
    }

    /// A slot that takes over a name takes over what is known of the name's past, unless
    /// audiences that differed before share it now.
    fn inherit(&mut self, catalogs: &[(AudienceId, Vec<CatalogChange>)]) {
        let mut heirs: BTreeMap<ResourceId, Option<Arc<Resource>>> = BTreeMap::new();
        for change in catalogs.iter().flat_map(|(_, changes)| changes) {
            let (Some((old, version)), Some(new)) = (change.before, change.after) else {
                continue;
            };
            let Some(present) = self.snapshot.slots.get(&new) else {
                continue;
            };
            if self.published.slots.contains_key(&new) {
                continue;
            }
            let predecessor = if present.version == version {
                if let Some(contest) = self.published.contests.get(&old) {
                    self.snapshot.contests.insert(new, Arc::clone(contest));
                }
                self.published.predecessor(old).cloned()
            } else {
                change.predecessor.clone()
            };
            let version = |resource: &Option<Arc<Resource>>| resource.as_ref().map(|r| r.version);
            match heirs.get(&new) {
                Some(known) if version(known) != version(&predecessor) => {
                    heirs.insert(new, None);
                }
                Some(_) => {}
                None => {
                    heirs.insert(new, predecessor);
                }
            }
        }
        for (id, predecessor) in heirs {
            if let Some(predecessor) = predecessor {
                self.keep(id, predecessor);
            }
        }
    }

    fn keep(&mut self, id: ResourceId, old: Arc<Resource>) {
        let size = old.delta.len();
        self.replaced.push_back((id, old.version, size));
        self.replaced_bytes += size;
        self.snapshot.predecessors.insert(id, old);
        while self.replaced_bytes > PREDECESSOR_BYTES {
            let Some((id, version, size)) = self.replaced.pop_front() else {
                return;
            };
            self.replaced_bytes = self.replaced_bytes.saturating_sub(size);
            if self
                .snapshot
                .predecessor(id)
                .is_some_and(|kept| kept.version == version)
            {
                self.snapshot.predecessors.remove(&id);
            }
        }
    }

    fn renaming(
        &self,
        audience: AudienceId,
        ty: ResourceType,
        name: &Arc<str>,
    ) -> Option<CatalogChange> {
        let slot = |snapshot: &Snapshot| {
            snapshot
                .catalog(audience)
                .and_then(|held| held.get(ty, name))
        };
        let (before, after) = (slot(&self.published), slot(&self.snapshot));
        if before == after {
            return None;
        }
        let before = before.and_then(|id| Some((id, self.published.resource(id)?)));
        Some(CatalogChange::new(ty, name, before, after))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::SnapshotBuilder;
    use crate::resource::{Resource, ResourceId, ResourceType};
    use crate::snapshot::{Catalog, Snapshot};

    fn make(ty: ResourceType, name: &str, value: &str) -> Resource {
        Resource::encode(ty, name, &[], value.as_bytes(), [], None)
    }

    #[test]
    fn new_content_touches_a_slot_and_no_catalog() {
        let mut world = SnapshotBuilder::new();
        let audience = world.open_audience();
        let id = world.insert(make(ResourceType::Cluster, "a", "1"));
        world.list(audience, id);
        let first = world.publish();
        assert!(first.changed.is_empty());
        assert_eq!(first.catalogs.len(), 1);
        assert!(world.replace(id, make(ResourceType::Cluster, "a", "2")));
        let second = world.publish();
        assert_eq!(second.changed.len(), 1);
        assert!(second.catalogs.is_empty());
        assert!(!world.replace(id, make(ResourceType::Cluster, "a", "2")));
        assert!(world.publish().is_empty());
    }

    #[test]
    fn an_edit_that_is_undone_is_no_change() {
        let mut world = SnapshotBuilder::new();
        let audience = world.open_audience();
        let id = world.insert(make(ResourceType::Cluster, "a", "1"));
        world.list(audience, id);
        world.publish();
        world.replace(id, make(ResourceType::Cluster, "a", "2"));
        world.replace(id, make(ResourceType::Cluster, "a", "1"));
        world.unlist(audience, ResourceType::Cluster, "a");
        world.list(audience, id);
        assert!(world.publish().is_empty());
    }

    #[test]
    fn a_slot_lives_as_long_as_a_catalog_holds_it_and_its_id_is_not_reused() {
        let mut world = SnapshotBuilder::new();
        let (one, two) = (world.open_audience(), world.open_audience());
        let id = world.insert(make(ResourceType::Cluster, "a", "1"));
        world.list(one, id);
        world.list(two, id);
        world.publish();
        world.unlist(one, ResourceType::Cluster, "a");
        assert!(world.publish().snapshot.resource(id).is_some());
        world.close_audience(two);
        assert!(world.publish().snapshot.resource(id).is_none());
        assert_ne!(world.insert(make(ResourceType::Cluster, "a", "1")), id);
    }

    #[test]
    fn a_slot_that_takes_over_a_name_inherits_its_past() {
        let mut world = SnapshotBuilder::new();
        let audience = world.open_audience();
        let put = |world: &mut SnapshotBuilder, value: &str| {
            let id = world.insert(make(ResourceType::VirtualHost, "80/a", value));
            world.list(audience, id);
            id
        };
        put(&mut world, "good");
        world.publish();
        let bad = put(&mut world, "bad");
        let version = world
            .publish()
            .snapshot
            .resource(bad)
            .map(|held| held.version);
        for (client, version) in [("x", version), ("y", version)] {
            if let Some(version) = version {
                world.refuse(bad, version, &Arc::from(client));
            }
        }
        let substitute = |snapshot: &Snapshot, id: ResourceId| {
            snapshot.substitute(id, "z").map(|held| held.version)
        };
        let first = substitute(&world.publish().snapshot, bad);
        assert!(first.is_some() && first != version, "{first:?}");
        // The same content in a slot of its own is as doubtful as it was.
        let moved = put(&mut world, "bad");
        assert_eq!(substitute(&world.publish().snapshot, moved), first);
    }

    #[test]
    fn virtual_hosts_are_those_of_one_table() {
        let mut world = SnapshotBuilder::new();
        let audience = world.open_audience();
        let mut ids = Vec::new();
        for name in ["8/x", "80/a", "80/b", "80b/c", "81/d"] {
            let id = world.insert(make(ResourceType::VirtualHost, name, ""));
            world.list(audience, id);
            ids.push(id);
        }
        let snapshot = world.publish().snapshot;
        let empty = Catalog::default();
        let found: Vec<_> = snapshot
            .catalog(audience)
            .unwrap_or(&empty)
            .virtual_hosts("80")
            .map(|(_, id)| id)
            .collect();
        assert_eq!(found, ids[1..3]);
    }
}
