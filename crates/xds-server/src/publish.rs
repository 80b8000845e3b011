//! Edits of the compiler → publications of resources.

mod origin;

use std::collections::HashMap;
use std::sync::Arc;

use ferromesh_compiler::{AudienceId, Edit, ProxyId, ViewId};
use ferromesh_mesh::view::View;
use ferromesh_target_envoy::{Emitted, Kind, emit};
use ferromesh_xds::{Publication, Resource, ResourceId, ResourceType, SnapshotBuilder, Version};

pub use origin::origin;

/// Emits each view once and keeps the slots of the resources that come out.
#[derive(Debug, Default)]
pub struct Publisher {
    builder: SnapshotBuilder,
    slots: HashMap<ViewId, ResourceId>,
    views: HashMap<ResourceId, ViewId>,
    audiences: HashMap<AudienceId, ferromesh_xds::AudienceId>,
    emitted: u64,
}

/// What edits came to.
#[derive(Debug)]
pub struct Published {
    /// What changed.
    pub publication: Publication,
    /// Proxies whose audiences changed.
    pub assigned: Vec<(ProxyId, Arc<[ferromesh_xds::AudienceId]>)>,
}

impl Publisher {
    /// Nothing published.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the edits of one compilation, in their order.
    pub fn apply(&mut self, edits: Vec<Edit>) -> Published {
        let mut assigned = Vec::new();
        for edit in edits {
            match edit {
                Edit::Put { view, content } => self.put(view, &content),
                Edit::Drop { view } => self.drop_view(view),
                Edit::Open { audience } => {
                    self.audiences
                        .insert(audience, self.builder.open_audience());
                }
                Edit::Close { audience } => {
                    if let Some(audience) = self.audiences.remove(&audience) {
                        self.builder.close_audience(audience);
                    }
                }
                Edit::List { audience, view } => {
                    if let Some((audience, slot)) = self.place(audience, view) {
                        self.builder.list(audience, slot);
                    }
                }
                Edit::Unlist { audience, view } => self.unlist(audience, view),
                Edit::Assign { proxy, audiences } => {
                    let known = audiences
                        .iter()
                        .filter_map(|id| self.audiences.get(id).copied());
                    assigned.push((proxy, known.collect()));
                }
            }
        }
        Published {
            publication: self.builder.publish(),
            assigned,
        }
    }

    /// Notes that a client refused a version.
    pub fn refuse(&mut self, id: ResourceId, version: Version, client: &Arc<str>) {
        self.builder.refuse(id, version, client);
    }

    /// Notes that a client accepted a version that others refused.
    pub fn vouch(&mut self, id: ResourceId, version: Version) {
        self.builder.vouch(id, version);
    }

    /// The view of which a slot holds the resource.
    pub fn view(&self, id: ResourceId) -> Option<ViewId> {
        self.views.get(&id).copied()
    }

    /// The version that a slot holds.
    pub fn version(&self, id: ResourceId) -> Option<Version> {
        Some(self.builder.snapshot().resource(id)?.version)
    }

    /// How many views have been emitted in all.
    pub fn emitted(&self) -> u64 {
        self.emitted
    }

    fn put(&mut self, view: ViewId, content: &View) {
        self.emitted += 1;
        let resource = encode(emit(content));
        match self.slots.get(&view) {
            Some(slot) => {
                self.builder.replace(*slot, resource);
            }
            None => {
                let slot = self.builder.insert(resource);
                self.slots.insert(view, slot);
                self.views.insert(slot, view);
            }
        }
    }

    fn drop_view(&mut self, view: ViewId) {
        if let Some(slot) = self.slots.remove(&view) {
            self.views.remove(&slot);
        }
    }

    fn place(
        &self,
        audience: AudienceId,
        view: ViewId,
    ) -> Option<(ferromesh_xds::AudienceId, ResourceId)> {
        Some((*self.audiences.get(&audience)?, *self.slots.get(&view)?))
    }

    /// Takes a view from an audience, unless another one has taken its name there.
    fn unlist(&mut self, audience: AudienceId, view: ViewId) {
        let Some((audience, slot)) = self.place(audience, view) else {
            return;
        };
        let snapshot = self.builder.snapshot();
        let Some(resource) = snapshot.resource(slot) else {
            return;
        };
        let (ty, name) = (resource.ty, Arc::clone(&resource.name));
        let listed = snapshot
            .catalog(audience)
            .and_then(|catalog| catalog.get(ty, &name));
        if listed == Some(slot) {
            self.builder.unlist(audience, ty, &name);
        }
    }
}

/// Frames an emitted resource for the wire.
pub fn encode(emitted: Emitted) -> Resource {
    let Emitted {
        kind,
        name,
        aliases,
        body,
        refers_to,
        eds,
    } = emitted;
    let aliases: Vec<&str> = aliases.iter().map(String::as_str).collect();
    let refers_to: Vec<Arc<str>> = refers_to.into_iter().map(Arc::from).collect();
    Resource::encode(
        resource_type(kind),
        name,
        &aliases,
        &body,
        refers_to,
        eds.map(Arc::from),
    )
}

fn resource_type(kind: Kind) -> ResourceType {
    match kind {
        Kind::Cluster => ResourceType::Cluster,
        Kind::Endpoints => ResourceType::Endpoints,
        Kind::Listener => ResourceType::Listener,
        Kind::Route => ResourceType::Route,
        Kind::VirtualHost => ResourceType::VirtualHost,
    }
}
