//! What every audience may hold, as persistent maps, and what changed between two of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::resource::{AudienceId, PerType, Resource, ResourceId, ResourceType};

/// The names that one audience may hold, each with the slot of its content.
///
/// A change of content replaces a slot and touches no catalog, so a catalog changes only when a
/// name appears, disappears or gets another slot.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    names: PerType<OrdMap<Arc<str>, ResourceId>>,
}

impl Catalog {
    /// The slot of a name.
    pub fn get(&self, ty: ResourceType, name: &str) -> Option<ResourceId> {
        self.names.get(ty).get(name).copied()
    }

    /// All names of a type, in order.
    pub fn iter(&self, ty: ResourceType) -> impl Iterator<Item = (&Arc<str>, ResourceId)> {
        self.names.get(ty).iter().map(|(name, id)| (name, *id))
    }

    /// How many names of a type there are.
    pub fn len(&self, ty: ResourceType) -> usize {
        self.names.get(ty).len()
    }

    /// The virtual hosts of a route table: the names that start with `ROUTE/`.
    pub fn virtual_hosts(&self, route: &str) -> impl Iterator<Item = ResourceId> {
        let prefix = format!("{route}/");
        let from: Arc<str> = Arc::from(prefix.as_str());
        self.names
            .get(ResourceType::VirtualHost)
            .range(from..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .map(|(_, id)| *id)
    }
}

/// One state of the world. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    slots: OrdMap<ResourceId, Arc<Resource>>,
    audiences: OrdMap<AudienceId, Catalog>,
}

impl Snapshot {
    /// The content of a slot, if any catalog still holds it.
    pub fn resource(&self, id: ResourceId) -> Option<&Arc<Resource>> {
        self.slots.get(&id)
    }

    /// The catalog of an audience; `None` until the audience is published.
    pub fn catalog(&self, audience: AudienceId) -> Option<&Catalog> {
        self.audiences.get(&audience)
    }

    /// The resource that an audience gets under a name.
    pub fn find(
        &self,
        audience: AudienceId,
        ty: ResourceType,
        name: &str,
    ) -> Option<&Arc<Resource>> {
        self.resource(self.catalog(audience)?.get(ty, name)?)
    }

    /// All slots, in the order of their ids.
    pub fn resources(&self) -> impl Iterator<Item = (ResourceId, &Arc<Resource>)> {
        self.slots.iter().map(|(id, resource)| (*id, resource))
    }

    /// What a stream sees change when its client moves from one audience to another.
    /// The cost is in the size of the difference, not of the catalogs.
    pub fn moved(&self, from: AudienceId, to: AudienceId) -> Vec<CatalogChange> {
        let empty = Catalog::default();
        let from = self.catalog(from).unwrap_or(&empty);
        let to = self.catalog(to).unwrap_or(&empty);
        let mut changes = Vec::new();
        for ty in ResourceType::ALL {
            for item in from.names.get(ty).diff(to.names.get(ty)) {
                let (name, before, after) = match item {
                    DiffItem::Add(name, id) => (name, None, Some(*id)),
                    DiffItem::Remove(name, id) => (name, Some(*id), None),
                    DiffItem::Update {
                        old: (name, old),
                        new: (_, new),
                    } => (name, Some(*old), Some(*new)),
                };
                let was = before.and_then(|id| self.resource(id));
                let is = after.and_then(|id| self.resource(id));
                changes.push(CatalogChange {
                    ty,
                    name: Arc::clone(name),
                    before,
                    after,
                    equal: same(was, is),
                    predecessor: predecessor(was),
                });
            }
        }
        changes
    }
}

/// A slot that got new content under its old name.
#[derive(Clone, Debug)]
pub struct Change {
    /// The slot.
    pub id: ResourceId,
    /// The content before: what a session falls back to when the client refuses the new one.
    /// Absent for endpoints and secrets, which Envoy keeps by itself and which change often.
    pub predecessor: Option<Arc<Resource>>,
}

/// A name that appeared, disappeared or got another slot in one catalog.
#[derive(Clone, Debug)]
pub struct CatalogChange {
    /// The type of the resource.
    pub ty: ResourceType,
    /// Its name.
    pub name: Arc<str>,
    /// Its slot before; `None` if the name is new.
    pub before: Option<ResourceId>,
    /// Its slot now; `None` if the name is gone.
    pub after: Option<ResourceId>,
    /// Both slots hold the same content, so a client that has one has the other.
    pub equal: bool,
    /// The content before, as in [`Change::predecessor`].
    pub predecessor: Option<Arc<Resource>>,
}

/// A new snapshot and what makes it different from the one before.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The newest state.
    pub snapshot: Arc<Snapshot>,
    /// Slots with new content. Slots that are new are found through `catalogs`.
    pub changed: Vec<Change>,
    /// Per audience: the names that changed.
    pub catalogs: Vec<(AudienceId, Arc<[CatalogChange]>)>,
}

impl Publication {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.catalogs.is_empty()
    }
}

fn same(a: Option<&Arc<Resource>>, b: Option<&Arc<Resource>>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.version == b.version)
}

fn predecessor(resource: Option<&Arc<Resource>>) -> Option<Arc<Resource>> {
    let resource = resource?;
    match resource.ty {
        ResourceType::Endpoints | ResourceType::Secret => None,
        ResourceType::Cluster
        | ResourceType::Listener
        | ResourceType::Route
        | ResourceType::VirtualHost => Some(Arc::clone(resource)),
    }
}

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
    /// How many catalogs hold a slot.
    holders: BTreeMap<ResourceId, u32>,
    touched: BTreeMap<ResourceId, ()>,
    renamed: BTreeMap<AudienceId, BTreeMap<(ResourceType, Arc<str>), ()>>,
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
        self.touched.insert(id, ());
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
        self.touched.insert(id, ());
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
        *self.holders.entry(id).or_default() += 1;
        if let Some(old) = old {
            self.release(old);
        }
        self.renamed
            .entry(audience)
            .or_default()
            .insert((ty, name), ());
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
        self.release(old);
        self.renamed
            .entry(audience)
            .or_default()
            .insert((ty, name), ());
        true
    }

    fn release(&mut self, id: ResourceId) {
        if let Some(count) = self.holders.get_mut(&id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.holders.remove(&id);
            }
        }
        self.touched.insert(id, ());
    }

    /// Ends a batch of edits: drops slots that nobody holds and says what is different from the
    /// publication before. Edits that cancel each other out leave no trace.
    pub fn publish(&mut self) -> Publication {
        let mut changed = Vec::new();
        for (id, ()) in std::mem::take(&mut self.touched) {
            if !self.holders.contains_key(&id) {
                self.snapshot.slots.remove(&id);
                continue;
            }
            let before = self.published.slots.get(&id);
            if before.is_some() && !same(before, self.snapshot.slots.get(&id)) {
                changed.push(Change {
                    id,
                    predecessor: predecessor(before),
                });
            }
        }
        let mut catalogs = Vec::new();
        for (audience, names) in std::mem::take(&mut self.renamed) {
            let changes: Vec<_> = names
                .into_keys()
                .filter_map(|(ty, name)| self.renaming(audience, ty, name))
                .collect();
            let opened = self.snapshot.catalog(audience).is_some()
                != self.published.catalog(audience).is_some();
            if opened || !changes.is_empty() {
                catalogs.push((audience, changes.into()));
            }
        }
        self.published = self.snapshot.clone();
        Publication {
            snapshot: Arc::new(self.snapshot.clone()),
            changed,
            catalogs,
        }
    }

    fn renaming(
        &self,
        audience: AudienceId,
        ty: ResourceType,
        name: Arc<str>,
    ) -> Option<CatalogChange> {
        let slot = |snapshot: &Snapshot| {
            snapshot
                .catalog(audience)
                .and_then(|catalog| catalog.get(ty, &name))
        };
        let (before, after) = (slot(&self.published), slot(&self.snapshot));
        if before == after {
            return None;
        }
        let was = before.and_then(|id| self.published.resource(id));
        let is = after.and_then(|id| self.snapshot.resource(id));
        Some(CatalogChange {
            ty,
            before,
            after,
            equal: same(was, is),
            predecessor: predecessor(was),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Catalog, SnapshotBuilder};
    use crate::resource::{Resource, ResourceType};

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
            .collect();
        assert_eq!(found, ids[1..3]);
    }
}
