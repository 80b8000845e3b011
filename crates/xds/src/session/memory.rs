//! What a client refused and what it accepted before, as far as a session remembers it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::resource::{Resource, ResourceId, Version};

/// How many bytes of replaced resources one session keeps alive at most.
const PINNED: usize = 64 << 10;

/// How many refused resources one session remembers.
const REFUSALS: usize = 1024;

/// What the client is left with after it refused a version.
#[derive(Clone, Debug)]
pub(super) enum Fallback {
    /// This, which it accepted before.
    Resource(Arc<Resource>),
    /// Nothing: it never accepted any version.
    Nothing,
    /// Whatever it has, which is no longer known here.
    Kept,
}

/// A version that the client refused, while its slot still holds it.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) version: Version,
    pub(super) fallback: Fallback,
}

/// What the client accepted last, where that is not what the slots hold; and what it refused.
#[derive(Debug, Default)]
pub(super) struct Memory {
    accepted: BTreeMap<ResourceId, Arc<Resource>>,
    refused: BTreeMap<ResourceId, Refused>,
    pinned: usize,
}

impl Memory {
    /// Counts `resource` as kept alive; false if that would be too much.
    pub(super) fn pin(&mut self, resource: &Resource) -> bool {
        let sum = self.pinned + resource.delta.len();
        let fits = sum <= PINNED;
        if fits {
            self.pinned = sum;
        }
        fits
    }

    /// Counts `resource` as kept alive, whatever the sum.
    pub(super) fn hold(&mut self, resource: &Resource) {
        self.pinned += resource.delta.len();
    }

    /// Counts `resource` as no longer kept alive.
    pub(super) fn unpin(&mut self, resource: &Resource) {
        self.pinned = self.pinned.saturating_sub(resource.delta.len());
    }

    /// Remembers what the client accepted last.
    pub(super) fn accept(&mut self, id: ResourceId, resource: &Arc<Resource>) {
        self.forget_accepted(id);
        if self.pin(resource) {
            self.accepted.insert(id, Arc::clone(resource));
        }
    }

    fn forget_accepted(&mut self, id: ResourceId) -> Option<Arc<Resource>> {
        let old = self.accepted.remove(&id)?;
        self.unpin(&old);
        Some(old)
    }

    /// What the client had before a slot's content, as far as that is remembered.
    pub(super) fn before(&self, id: ResourceId) -> Option<Fallback> {
        let accepted = self.accepted.get(&id).cloned().map(Fallback::Resource);
        accepted.or_else(|| Some(self.refused.get(&id)?.fallback.clone()))
    }

    /// Remembers a refusal; true if the client has to be told of the fallback.
    pub(super) fn refuse(&mut self, id: ResourceId, version: Version, fallback: Fallback) -> bool {
        self.forget(id);
        if self.refused.len() >= REFUSALS {
            return false;
        }
        let fallback = match fallback {
            Fallback::Resource(resource) if !self.pin(&resource) => Fallback::Kept,
            fits => fits,
        };
        let differs = !matches!(fallback, Fallback::Kept);
        self.refused.insert(id, Refused { version, fallback });
        differs
    }

    /// The client cannot keep what it has instead of something that it refused. True if it did.
    pub(super) fn give_up(&mut self, id: ResourceId) -> bool {
        let kept = self
            .refused
            .get_mut(&id)
            .map(|refused| &mut refused.fallback);
        let Some(kept) = kept.filter(|fallback| matches!(fallback, Fallback::Kept)) else {
            return false;
        };
        *kept = Fallback::Nothing;
        true
    }

    fn forget_refused(&mut self, id: ResourceId) -> Option<Refused> {
        let old = self.refused.remove(&id)?;
        if let Fallback::Resource(resource) = &old.fallback {
            self.unpin(resource);
        }
        Some(old)
    }

    /// Forgets everything about a slot.
    pub(super) fn forget(&mut self, id: ResourceId) {
        self.forget_accepted(id);
        self.forget_refused(id);
    }

    /// Carries everything about a slot over to another one.
    pub(super) fn rename(&mut self, from: ResourceId, to: ResourceId) {
        if let Some(accepted) = self.accepted.remove(&from) {
            self.accepted.insert(to, accepted);
        }
        if let Some(refused) = self.refused.remove(&from) {
            self.refused.insert(to, refused);
        }
    }

    /// The refusal of a slot's content.
    pub(super) fn refused(&self, id: ResourceId) -> Option<&Refused> {
        self.refused.get(&id)
    }

    /// All refusals that are remembered.
    pub(super) fn all_refused(&self) -> impl Iterator<Item = (ResourceId, &Refused)> {
        self.refused.iter().map(|(id, refused)| (*id, refused))
    }

    /// Whether the client was left with something that refers to this cluster.
    pub(super) fn needs_cluster(&self, name: &str) -> bool {
        self.refused
            .values()
            .any(|refused| match &refused.fallback {
                Fallback::Resource(resource) => {
                    resource.refers_to.iter().any(|held| held.as_ref() == name)
                }
                Fallback::Nothing | Fallback::Kept => false,
            })
    }
}
