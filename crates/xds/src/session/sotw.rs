//! Responses of the state-of-the-world variant.

use std::sync::Arc;
use std::time::Instant;

use super::delta::Batch;
use super::memory::Fallback;
use super::order::ORDER;
use super::watch::FLIGHTS;
use super::{Content, Session};
use crate::frame::Frame;
use crate::id_set::IdSet;
use crate::resource::{Resource, ResourceId, ResourceType, Version};

impl Session {
    pub(super) fn next_sotw(&mut self, now: Instant) -> Option<Frame> {
        if std::mem::take(&mut self.follow)
            && let Some(frame) = self.part(ResourceType::Endpoints, now)
        {
            self.follow = !self.watches.get(ResourceType::Endpoints).dirty.is_empty();
            return Some(frame);
        }
        loop {
            for ty in ORDER {
                let frame = match ty {
                    ResourceType::Cluster | ResourceType::Listener => self.set(ty, now),
                    _ => self.part(ty, now),
                };
                if frame.is_some() {
                    return frame;
                }
            }
            // A set without the names says that they are gone.
            let (ty, names) = self.removable(now, usize::MAX)?;
            for name in names {
                if let Some(old) = self.leaving.remove(&name) {
                    self.memory.unpin(&old);
                }
            }
            self.watches.get_mut(ty).owed |= ty == ResourceType::Cluster;
        }
    }

    /// All slots of a type that the client wants.
    fn wanted(&self, ty: ResourceType) -> IdSet {
        let catalogs = self
            .audiences
            .iter()
            .filter_map(|audience| self.snapshot.catalog(*audience));
        if self.watches.get(ty).wildcard {
            return catalogs
                .flat_map(|catalog| catalog.iter(ty))
                .map(|(_, id)| id.0)
                .collect();
        }
        let of_type = |id: &u32| {
            self.snapshot
                .resource(ResourceId(*id))
                .is_some_and(|resource| resource.ty == ty)
        };
        self.subscribed.iter().filter(of_type).collect()
    }

    fn version<'a>(resources: impl Iterator<Item = &'a Arc<Resource>>) -> Version {
        let mut parts = Vec::new();
        for resource in resources {
            parts.push(resource.name.as_bytes());
            parts.push(resource.version.as_bytes().as_slice());
        }
        Version::of(parts)
    }

    /// The version of everything of a type that the client should hold. It must not depend on
    /// the numbers of the slots, which differ between replicas.
    fn full_version(&self, ty: ResourceType) -> Version {
        let mut all: Vec<_> = self
            .wanted(ty)
            .iter()
            .filter_map(|id| self.shown(ResourceId(id)))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Self::version(all.iter())
    }

    fn shown(&self, id: ResourceId) -> Option<Arc<Resource>> {
        match self.content(id) {
            Content::Current(resource) | Content::Older(resource) => Some(resource),
            Content::Nothing | Content::Kept => None,
        }
    }

    /// Whether a client that brings this version has everything already.
    pub(super) fn matches_version(&self, ty: ResourceType, text: &str) -> bool {
        !text.is_empty() && self.full_version(ty).reads(text)
    }

    /// The whole set of clusters or listeners, if it became different.
    fn set(&mut self, ty: ResourceType, now: Instant) -> Option<Frame> {
        let watch = self.watches.get(ty);
        if watch.dirty.is_empty() && !watch.owed {
            return None;
        }
        let news: Vec<ResourceId> = watch.dirty.iter().map(ResourceId).collect();
        let suspects: Vec<ResourceId> = news
            .iter()
            .copied()
            .filter(|id| self.alone.contains(id.0))
            .collect();
        if !suspects.is_empty() && !watch.flights.is_empty() {
            // One at a time, so that the answer tells which one it is.
            return None;
        }
        if ty == ResourceType::Listener {
            self.warm(now);
            let held = |id: &ResourceId| {
                self.shown(*id)
                    .is_some_and(|resource| self.is_held(&resource))
            };
            if news.iter().any(held) {
                return None;
            }
        }
        self.watches.get_mut(ty).owed = false;
        let (batch, all) = self.fill(ty, &news, suspects.split_first().map(|(_, later)| later));
        Some(self.send_set(ty, batch, all, now))
    }

    /// Chooses content for every slot of a set. `later` are those suspects whose turn has not come.
    fn fill(
        &self,
        ty: ResourceType,
        news: &[ResourceId],
        later: Option<&[ResourceId]>,
    ) -> (Batch, Vec<Arc<Resource>>) {
        let mut batch = Batch::default();
        let mut all = Vec::new();
        // What the client has not answered yet is in this set, too, and may be why it refuses it.
        let flying = self
            .watches
            .get(ty)
            .flights
            .iter()
            .flat_map(|flight| &flight.ids);
        let suspect: IdSet = news.iter().chain(flying).map(|id| id.0).collect();
        for id in self.wanted(ty).iter().map(ResourceId) {
            if later.is_some_and(|later| later.contains(&id)) {
                // Where nobody knows what the client had, it has to do without: anything else
                // might be why it refuses the set.
                if let Fallback::Resource(resource) = self.before(id) {
                    all.push(resource);
                }
                continue;
            }
            let new = suspect.contains(id.0);
            match self.content(id) {
                Content::Current(resource) | Content::Older(resource) if !new => all.push(resource),
                Content::Current(resource) => {
                    batch.add(id, &resource, resource.sotw(), true);
                    all.push(resource);
                }
                Content::Older(resource) => {
                    batch.add(id, &resource, resource.sotw(), false);
                    all.push(resource);
                }
                // A set without it would take from the client what it has.
                Content::Kept => {
                    batch.ids.push(id);
                    all.extend(self.snapshot.resource(id).cloned());
                }
                Content::Nothing if new => batch.dropped.push(id),
                Content::Nothing => {}
            }
        }
        all.extend(
            self.leaving
                .values()
                .filter(|resource| resource.ty == ty)
                .cloned(),
        );
        all.sort_by(|a, b| a.name.cmp(&b.name));
        (batch, all)
    }

    fn send_set(
        &mut self,
        ty: ResourceType,
        mut batch: Batch,
        all: Vec<Arc<Resource>>,
        now: Instant,
    ) -> Frame {
        let nonce = self.next_nonce();
        let version = Self::version(all.iter()).to_string();
        let bodies = all.iter().map(|resource| resource.sotw()).collect();
        self.record(ty, nonce, &mut batch, now);
        Frame::sotw(ty, nonce, &version, bodies)
    }

    /// Those resources of a type that became different, if there are any.
    fn part(&mut self, ty: ResourceType, now: Instant) -> Option<Frame> {
        let watch = self.watches.get_mut(ty);
        watch.unknown.clear();
        watch.owed = false;
        if watch.flights.len() >= FLIGHTS {
            return None;
        }
        let mut batch = Batch::default();
        self.pick(ty, now, &mut batch);
        if batch.bodies.is_empty() {
            self.settle(ty, &batch);
            return None;
        }
        let nonce = self.next_nonce();
        let bodies = batch
            .sent
            .iter()
            .map(|(_, resource)| resource.sotw())
            .collect();
        self.record(ty, nonce, &mut batch, now);
        // A version that a client may bring again must mean that it has everything, also if it
        // refuses what it has not answered yet.
        let watch = self.watches.get(ty);
        let version = if watch.dirty.is_empty() && watch.flights.len() == 1 {
            self.full_version(ty).to_string()
        } else {
            format!("part {nonce}")
        };
        Some(Frame::sotw(ty, nonce, &version, bodies))
    }
}
