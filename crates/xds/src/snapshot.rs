//! What every audience may hold, as persistent maps, and what changed between two of them.

mod builder;

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::resource::{AudienceId, PerType, Resource, ResourceId, ResourceType, Version};

pub use builder::SnapshotBuilder;

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
    pub fn virtual_hosts(&self, route: &str) -> impl Iterator<Item = (&Arc<str>, ResourceId)> {
        let prefix = format!("{route}/");
        let from: Arc<str> = Arc::from(prefix.as_str());
        self.names
            .get(ResourceType::VirtualHost)
            .range(from..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .map(|(name, id)| (name, *id))
    }
}

/// A version that some client refused.
#[derive(Clone, Debug)]
pub struct Contest {
    /// The refused version; the slot still holds it.
    pub version: Version,
    /// Clients that refused it. More than three are not remembered: nothing depends on them.
    pub refused_by: Vec<Arc<str>>,
    /// Somebody accepted it, so the refusals are those clients' own affair.
    pub accepted: bool,
    /// What the slot held before, if that is still known.
    pub predecessor: Option<Arc<Resource>>,
}

/// How many refusals by *others* make a new stream distrust a version.
const DISTRUST: usize = 2;

/// One state of the world. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    serial: u64,
    slots: OrdMap<ResourceId, Arc<Resource>>,
    audiences: OrdMap<AudienceId, Catalog>,
    predecessors: OrdMap<ResourceId, Arc<Resource>>,
    contests: OrdMap<ResourceId, Arc<Contest>>,
}

impl Snapshot {
    /// The number of the publication that made this snapshot; zero before the first.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The content of a slot, if any catalog still holds it.
    pub fn resource(&self, id: ResourceId) -> Option<&Arc<Resource>> {
        self.slots.get(&id)
    }

    /// What a slot held before its present content. Only the most recent ones are kept.
    pub fn predecessor(&self, id: ResourceId) -> Option<&Arc<Resource>> {
        self.predecessors.get(&id)
    }

    /// What a client that has not seen this slot should get *instead* of its present content:
    /// the predecessor of a version that two other clients refused and nobody accepted.
    pub fn substitute(&self, id: ResourceId, client: &str) -> Option<&Arc<Resource>> {
        let contest = self.contests.get(&id)?;
        let others = contest
            .refused_by
            .iter()
            .filter(|name| name.as_ref() != client);
        let doubted = !contest.accepted && others.count() >= DISTRUST;
        contest.predecessor.as_ref().filter(|_| doubted)
    }

    /// The dispute about a slot's present content, if there is one.
    pub fn contest(&self, id: ResourceId) -> Option<&Contest> {
        self.contests.get(&id).map(Arc::as_ref)
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

    /// What a stream that was served from `old` sees change when its client moves from some
    /// audiences to others, as they are here. What changes inside an audience in which it stays
    /// is not part of it.
    pub fn moved(&self, old: &Self, from: &[AudienceId], to: &[AudienceId]) -> Vec<CatalogChange> {
        let left: Vec<_> = from.iter().filter(|id| !to.contains(id)).collect();
        let joined: Vec<_> = to.iter().filter(|id| !from.contains(id)).collect();
        let mut changes: BTreeMap<(ResourceType, Arc<str>), CatalogChange> = BTreeMap::new();
        let empty = Catalog::default();
        for at in 0..left.len().max(joined.len()) {
            let before = left.get(at).and_then(|id| old.catalog(**id));
            let after = joined.get(at).and_then(|id| self.catalog(**id));
            for change in old.between(before.unwrap_or(&empty), after.unwrap_or(&empty)) {
                let key = (change.ty, Arc::clone(&change.name));
                match changes.get_mut(&key) {
                    Some(known) => {
                        known.before = known.before.or(change.before);
                        known.after = known.after.or(change.after);
                        known.predecessor = known.predecessor.take().or(change.predecessor);
                    }
                    None => {
                        changes.insert(key, change);
                    }
                }
            }
        }
        changes.into_values().collect()
    }

    /// The difference of a catalog of this snapshot to one of any other.
    fn between<'a>(
        &'a self,
        old: &'a Catalog,
        new: &'a Catalog,
    ) -> impl Iterator<Item = CatalogChange> + 'a {
        ResourceType::ALL.into_iter().flat_map(move |ty| {
            old.names.get(ty).diff(new.names.get(ty)).map(move |item| {
                let (name, before, after) = match item {
                    DiffItem::Add(name, id) => (name, None, Some(*id)),
                    DiffItem::Remove(name, id) => (name, Some(*id), None),
                    DiffItem::Update {
                        old: (name, old),
                        new: (_, new),
                    } => (name, Some(*old), Some(*new)),
                };
                CatalogChange::new(
                    ty,
                    name,
                    before.and_then(|id| Some((id, self.resource(id)?))),
                    after,
                )
            })
        })
    }
}

/// A slot that got new content under its old name.
#[derive(Clone, Debug)]
pub struct Change {
    /// The slot.
    pub id: ResourceId,
    /// The type of its content.
    pub ty: ResourceType,
    /// The audiences that may hold it.
    pub audiences: Vec<AudienceId>,
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
    /// Its slot before and the version that the slot held; `None` if the name is new.
    pub before: Option<(ResourceId, Version)>,
    /// Its slot now; `None` if the name is gone.
    pub after: Option<ResourceId>,
    /// The content before, as in [`Change::predecessor`].
    pub predecessor: Option<Arc<Resource>>,
}

impl CatalogChange {
    fn new(
        ty: ResourceType,
        name: &Arc<str>,
        before: Option<(ResourceId, &Arc<Resource>)>,
        after: Option<ResourceId>,
    ) -> Self {
        Self {
            ty,
            name: Arc::clone(name),
            before: before.map(|(id, resource)| (id, resource.version)),
            after,
            predecessor: before.and_then(|(_, resource)| predecessor(resource)),
        }
    }
}

/// A slot whose present content somebody refused, or accepted after all.
#[derive(Clone, Debug)]
pub struct Contested {
    /// The slot.
    pub id: ResourceId,
    /// The type of its content.
    pub ty: ResourceType,
    /// The audiences that may hold it.
    pub audiences: Vec<AudienceId>,
}

/// A new snapshot and what makes it different from the one before.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The newest state.
    pub snapshot: Arc<Snapshot>,
    /// Slots with new content. Slots that are new are found through `catalogs`.
    pub changed: Vec<Change>,
    /// Per audience: the names that changed.
    pub catalogs: Vec<(AudienceId, Vec<CatalogChange>)>,
    /// Disputes that began or ended.
    pub contested: Vec<Contested>,
}

impl Publication {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        let Self {
            snapshot: _,
            changed,
            catalogs,
            contested,
        } = self;
        changed.is_empty() && catalogs.is_empty() && contested.is_empty()
    }
}

/// Whether a session ever needs the old content of this resource back.
pub(crate) fn predecessor(resource: &Arc<Resource>) -> Option<Arc<Resource>> {
    match resource.ty {
        ResourceType::Endpoints | ResourceType::Secret => None,
        ResourceType::Cluster
        | ResourceType::Listener
        | ResourceType::Route
        | ResourceType::VirtualHost => Some(Arc::clone(resource)),
    }
}
