//! Responses of the delta variant.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::order::{ORDER, is_referred, table_of};
use super::watch::{FLIGHTS, Flight};
use super::{Content, Session, Variant};
use crate::frame::Frame;
use crate::resource::{Resource, ResourceId, ResourceType, bodyless};

/// A response that has reached this size takes no further resource.
pub(super) const SPLIT: usize = 64 << 10;

/// How many names a response removes at most.
const REMOVALS: usize = 512;

/// The makings of one response.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) ids: Vec<ResourceId>,
    pub(super) sent: Vec<(ResourceId, Arc<Resource>)>,
    pub(super) older: Vec<(ResourceId, Arc<Resource>)>,
    /// Slots that the client is told to drop.
    pub(super) dropped: Vec<ResourceId>,
    /// Slots of which the client keeps what it has.
    pub(super) kept: Vec<ResourceId>,
    pub(super) bodies: Vec<Bytes>,
    pub(super) removed: Vec<Arc<str>>,
    pub(super) size: usize,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.bodies.is_empty() && self.removed.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.size >= SPLIT || self.removed.len() >= REMOVALS
    }

    fn remove(&mut self, name: &Arc<str>) {
        self.size += name.len() + 3;
        self.removed.push(Arc::clone(name));
    }

    pub(super) fn add(
        &mut self,
        id: ResourceId,
        resource: &Arc<Resource>,
        body: Bytes,
        current: bool,
    ) {
        self.size += body.len();
        self.bodies.push(body);
        self.ids.push(id);
        self.sent.push((id, Arc::clone(resource)));
        if !current {
            self.older.push((id, Arc::clone(resource)));
        }
    }
}

impl Session {
    pub(super) fn next_delta(&mut self, now: Instant) -> Option<Frame> {
        if std::mem::take(&mut self.follow)
            && let Some(frame) = self.updates(ResourceType::Endpoints, now)
        {
            // More of them go before the next clusters, too.
            self.follow = !self.watches.get(ResourceType::Endpoints).dirty.is_empty();
            return Some(frame);
        }
        for ty in ORDER {
            if let Some(frame) = self.updates(ty, now) {
                return Some(frame);
            }
        }
        let (ty, names) = self.removable(now, REMOVALS)?;
        let nonce = self.next_nonce();
        self.watches.get_mut(ty).fly(Flight::new(nonce));
        Some(Frame::delta(ty, nonce, Vec::new(), &names))
    }

    /// The next response with news of one type.
    fn updates(&mut self, ty: ResourceType, now: Instant) -> Option<Frame> {
        let watch = self.watches.get(ty);
        let idle = watch.dirty.is_empty() && watch.unknown.is_empty() && !watch.owed;
        let stays = watch.gone.is_empty() || is_referred(ty);
        let choked = watch.flights.len() >= FLIGHTS && ty != ResourceType::Cluster;
        if idle && stays || choked {
            return None;
        }
        let mut batch = Batch::default();
        self.pick(ty, now, &mut batch);
        self.tell_unknown(ty, &mut batch);
        self.tell_gone(ty, &mut batch);
        let owed = std::mem::take(&mut self.watches.get_mut(ty).owed);
        if batch.is_empty() && !owed {
            self.settle(ty, &batch);
            return None;
        }
        let nonce = self.next_nonce();
        self.record(ty, nonce, &mut batch, now);
        Some(Frame::delta(ty, nonce, batch.bodies, &batch.removed))
    }

    /// Chooses what goes into the next response.
    pub(super) fn pick(&mut self, ty: ResourceType, now: Instant, batch: &mut Batch) {
        if self.watches.get(ty).dirty.is_empty() {
            return;
        }
        if !is_referred(ty) || ty == ResourceType::Route {
            self.warm(now);
        }
        let held = self.held_tables(ty);
        let is_held = |host: &Resource| {
            !held.is_empty() && table_of(host).is_some_and(|table| held.contains(table))
        };
        for id in self.watches.get(ty).dirty.iter().map(ResourceId) {
            if self.snapshot.resource(id).is_none() {
                // It is gone, which has still to be published to this session.
                continue;
            }
            let alone = self.alone.contains(id.0);
            if alone && !batch.is_empty() {
                continue;
            }
            match self.content(id) {
                Content::Current(resource) if self.is_held(&resource) || is_held(&resource) => {
                    continue;
                }
                Content::Current(resource) | Content::Older(resource)
                    if self.is_early(&resource, id) =>
                {
                    batch.kept.push(id);
                }
                Content::Current(resource) => {
                    batch.add(id, &resource, resource.delta.clone(), true)
                }
                Content::Older(resource) => batch.add(id, &resource, resource.delta.clone(), false),
                Content::Nothing => {
                    batch.dropped.push(id);
                    if let Some(resource) = self.snapshot.resource(id) {
                        batch.remove(&resource.name);
                    }
                }
                Content::Kept => batch.kept.push(id),
            }
            if alone || batch.is_full() {
                break;
            }
        }
    }

    /// Names that the client asked for and that do not exist.
    fn tell_unknown(&mut self, ty: ResourceType, batch: &mut Batch) {
        let mut unknown = std::mem::take(&mut self.watches.get_mut(ty).unknown);
        while !batch.is_full()
            && let Some(name) = unknown.pop()
        {
            if self.resolve(ty, &name).is_some() {
                continue;
            }
            if ty == ResourceType::VirtualHost {
                batch.size += 2 * name.len();
                batch.bodies.push(bodyless(&name));
            } else {
                batch.remove(&name);
            }
        }
        self.watches.get_mut(ty).unknown = unknown;
    }

    /// Names to which nothing refers go as soon as everything else of their type has been said.
    fn tell_gone(&mut self, ty: ResourceType, batch: &mut Batch) {
        let watch = self.watches.get_mut(ty);
        let all = watch.dirty.len() <= batch.ids.len() + batch.dropped.len();
        if is_referred(ty) || !all {
            return;
        }
        while !batch.is_full()
            && let Some(name) = watch.gone.pop_first()
        {
            watch.untaken.remove(&name);
            batch.remove(&name);
        }
    }

    /// Remembers what is being sent.
    pub(super) fn record(&mut self, ty: ResourceType, nonce: u64, batch: &mut Batch, now: Instant) {
        self.settle(ty, batch);
        let watch = self.watches.get_mut(ty);
        let mut fresh = Vec::new();
        for id in &batch.ids {
            watch.dirty.remove(id.0);
            if self.sent.insert(id.0) {
                self.unaccepted.insert(id.0);
                fresh.push(*id);
            } else if ty == ResourceType::Route && self.unaccepted.contains(id.0) {
                // If the client refused the table, it ignored the hosts that came after it.
                fresh.push(*id);
            }
        }
        for (id, resource) in &batch.older {
            if self.memory.refused(*id).is_none() {
                self.substituted.insert(id.0);
            }
            // Balances the release when the response is answered.
            self.memory.hold(resource);
        }
        let older = std::mem::take(&mut batch.older).into_iter();
        watch.fly(Flight {
            ids: std::mem::take(&mut batch.ids),
            older: older.map(|(id, held)| (id, Some(held))).collect(),
            removed: batch.removed.clone(),
            ..Flight::new(nonce)
        });
        if ty == ResourceType::Cluster {
            let clusters = std::mem::take(&mut batch.sent);
            self.clusters_sent(&clusters, &fresh, now);
        }
        if ty == ResourceType::Route && self.variant == Variant::Delta {
            self.tables_known(&fresh, true);
        }
        if ty == ResourceType::Endpoints && self.watches.get(ty).dirty.is_empty() {
            self.warm(now);
        }
    }

    /// Takes over what a response says without carrying anything for it.
    pub(super) fn settle(&mut self, ty: ResourceType, batch: &Batch) {
        let watch = self.watches.get_mut(ty);
        for id in &batch.kept {
            watch.dirty.remove(id.0);
        }
        for id in &batch.dropped {
            watch.dirty.remove(id.0);
            self.sent.remove(id.0);
            self.unaccepted.remove(id.0);
        }
    }
}
