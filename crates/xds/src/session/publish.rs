//! What changed, seen by one stream.

use std::sync::Arc;

use super::memory::Fallback;
use super::{Event, Session, Variant};
use crate::resource::{AudienceId, Resource, ResourceId, ResourceType};
use crate::snapshot::{CatalogChange, Change, Contested, Publication, Snapshot, predecessor};

impl Session {
    /// Takes over a publication. Publications must come in the order in which they were made;
    /// those that concern nothing that the client holds or wants may be left out.
    pub fn publish(&mut self, publication: &Publication) {
        let Publication {
            snapshot,
            changed,
            catalogs,
            contested,
        } = publication;
        self.advance(snapshot);
        for change in changed {
            self.changed(change);
        }
        for (audience, changes) in catalogs {
            if self.audiences.contains(audience) {
                for change in changes {
                    self.renamed(change);
                }
            }
        }
        for contest in contested {
            self.contested(contest);
        }
    }

    /// Moves the client to other audiences, as they are in this snapshot. The publication that
    /// made the snapshot has to follow, if it is new.
    pub fn assign(&mut self, audiences: Arc<[AudienceId]>, snapshot: &Arc<Snapshot>) {
        let from = std::mem::replace(&mut self.audiences, audiences);
        let old = Arc::clone(&self.snapshot);
        self.advance(snapshot);
        for change in self.snapshot.moved(&old, &from, &self.audiences) {
            self.renamed(&change);
        }
    }

    /// Builds responses from this snapshot from now on, if it is newer. Everything that became
    /// different must be told by [`Session::publish`], except for what was never sent.
    pub fn advance(&mut self, snapshot: &Arc<Snapshot>) {
        if snapshot.serial() > self.snapshot.serial() {
            self.snapshot = Arc::clone(snapshot);
        }
    }

    /// Takes over a newer snapshot right after the client named `ids`: between the snapshot in
    /// which they were looked up and this one they may have changed before anybody knew that
    /// this stream is interested.
    pub fn recheck(&mut self, snapshot: &Arc<Snapshot>, ids: &[ResourceId]) {
        if snapshot.serial() <= self.snapshot.serial() {
            return;
        }
        let old = std::mem::replace(&mut self.snapshot, Arc::clone(snapshot));
        for id in ids {
            let (Some(before), Some(after)) = (old.resource(*id), self.snapshot.resource(*id))
            else {
                continue;
            };
            if before.version != after.version {
                self.changed(&Change {
                    id: *id,
                    ty: after.ty,
                    audiences: Vec::new(),
                    predecessor: predecessor(before),
                });
            }
        }
    }

    fn changed(&mut self, change: &Change) {
        let Change {
            id,
            ty,
            audiences: _,
            predecessor,
        } = change;
        let refused = self.memory.refused(*id).is_some();
        if !self.sent.contains(id.0) && !refused {
            return;
        }
        let substituted = self.substituted.remove(id.0);
        let watch = self.watches.get_mut(*ty);
        let news = watch.dirty.insert(id.0);
        let mut flies = false;
        for flight in watch.flights_of(*id) {
            flies = true;
            if flight.older(*id).is_none() {
                let old = predecessor.as_ref().filter(|old| self.memory.pin(old));
                flight.older.push((*id, old.cloned()));
            }
        }
        if news
            && !flies
            && !refused
            && !substituted
            && let Some(old) = predecessor
        {
            self.memory.accept(*id, old);
        }
    }

    /// A name appeared, disappeared or got another slot in one of the client's audiences. What
    /// counts is what the name means over all of them.
    fn renamed(&mut self, change: &CatalogChange) {
        let CatalogChange {
            ty,
            name,
            before,
            after: _,
            predecessor: _,
        } = change;
        match (*before, self.resolve(*ty, name)) {
            (Some((old, _)), Some(new)) if old != new => self.transfer(change, old, new),
            (Some((old, _)), None) => self.vanished(change, old),
            (None, Some(new)) => self.appeared(*ty, name, new),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn transfer(&mut self, change: &CatalogChange, old: ResourceId, new: ResourceId) {
        let CatalogChange {
            ty,
            name,
            before,
            after: _,
            predecessor,
        } = change;
        let held = self.sent.contains(old.0);
        let dirty = self.watches.get(*ty).dirty.contains(old.0);
        if !held && !dirty && !self.subscribed.contains(old.0) && self.memory.refused(old).is_none()
        {
            // The slot before was never this client's.
            return self.appeared(*ty, name, new);
        }
        let clean = held && !dirty;
        for set in [
            &mut self.sent,
            &mut self.unaccepted,
            &mut self.alone,
            &mut self.substituted,
            &mut self.watches.get_mut(*ty).dirty,
        ] {
            if set.remove(old.0) {
                set.insert(new.0);
            }
        }
        if self.subscribed.remove(old.0) {
            self.interest.dropped.push(old);
            self.name(new);
        } else if !self.covers(*ty, name) {
            return;
        }
        self.memory.rename(old, new);
        if let Some(deadline) = self.awaiting.remove(&old) {
            self.awaiting.insert(new, deadline);
        }
        let watch = self.watches.get_mut(*ty);
        watch.rename_flights(old, new);
        let was = before.map(|(_, version)| version);
        let same = was == self.snapshot.resource(new).map(|resource| resource.version);
        if !held {
            watch.dirty.insert(new.0);
        } else if clean {
            // A move between two audiences may have been seen from the other side already.
            watch.dirty.remove(new.0);
        }
        if !same {
            self.changed(&Change {
                id: new,
                ty: *ty,
                audiences: Vec::new(),
                predecessor: predecessor.clone(),
            });
        }
    }

    fn vanished(&mut self, change: &CatalogChange, old: ResourceId) {
        let CatalogChange {
            ty,
            name,
            before: _,
            after: _,
            predecessor,
        } = change;
        let named = self.subscribed.remove(old.0);
        let held = self.sent.contains(old.0);
        let wanted = self.watches.get(*ty).dirty.contains(old.0);
        let leaves = match self.variant {
            Variant::StateOfTheWorld => self.in_force(old, predecessor.as_ref()),
            Variant::Delta => None,
        };
        let untaken = self.unaccepted.contains(old.0);
        self.release(*ty, old);
        let watch = self.watches.get_mut(*ty);
        if held && untaken && self.variant == Variant::Delta {
            watch.untaken.insert(name);
        }
        if named {
            self.interest.dropped.push(old);
            watch.missing.insert(name);
        }
        match self.variant {
            Variant::Delta if held => {
                watch.gone.insert(Arc::clone(name));
            }
            Variant::Delta if wanted && named => watch.unknown.push(Arc::clone(name)),
            Variant::StateOfTheWorld if held => self.vanished_from_set(*ty, name, leaves),
            Variant::Delta | Variant::StateOfTheWorld => {}
        }
    }

    /// What the client has of a slot whose content was `last`, if it accepted anything.
    fn in_force(&self, id: ResourceId, last: Option<&Arc<Resource>>) -> Option<Arc<Resource>> {
        if self.unaccepted.contains(id.0) {
            return None;
        }
        match self.memory.before(id) {
            Some(Fallback::Resource(resource)) => Some(resource),
            Some(Fallback::Nothing | Fallback::Kept) => None,
            None => last.cloned(),
        }
    }

    /// State of the world: a set without the name says that it is gone, where there are sets.
    fn vanished_from_set(&mut self, ty: ResourceType, name: &Arc<str>, old: Option<Arc<Resource>>) {
        let watch = self.watches.get_mut(ty);
        match (ty, old) {
            (ResourceType::Cluster, Some(old)) if self.memory.pin(&old) => {
                self.leaving.insert(Arc::clone(name), old);
                watch.gone.insert(Arc::clone(name));
            }
            (ResourceType::Cluster | ResourceType::Listener, _) => watch.owed = true,
            _ => {}
        }
    }

    fn appeared(&mut self, ty: ResourceType, name: &Arc<str>, new: ResourceId) {
        if self.sent.contains(new.0) {
            return;
        }
        if self.watches.get_mut(ty).missing.remove(name) {
            self.name(new);
        } else if !self.covers(ty, name) && !self.subscribed.contains(new.0) {
            return;
        }
        self.watches.get_mut(ty).dirty.insert(new.0);
        let still_there =
            self.watches.get_mut(ty).gone.remove(name) | self.closing.remove(ty, name);
        if still_there {
            self.sent.insert(new.0);
            if self.watches.get_mut(ty).untaken.remove(name) {
                self.unaccepted.insert(new.0);
            }
            if ty == ResourceType::Route {
                // Hosts that came while the table seemed to be gone were left for its return.
                self.tables_known(&[new], false);
            }
        }
        if ty == ResourceType::Cluster
            && let Some(old) = self.leaving.remove(name)
        {
            self.memory.unpin(&old);
            self.memory.accept(new, &old);
        }
    }

    /// Marks a slot as named explicitly.
    pub(super) fn name(&mut self, id: ResourceId) {
        if self.subscribed.insert(id.0) {
            self.interest.added.push(id);
        }
    }

    fn contested(&mut self, contested: &Contested) {
        let Contested {
            id,
            ty,
            audiences: _,
        } = contested;
        let Some(contest) = self.snapshot.contest(*id) else {
            return;
        };
        if contest.accepted {
            if self.substituted.remove(id.0) {
                self.watches.get_mut(*ty).dirty.insert(id.0);
            }
            return;
        }
        let watch = self.watches.get(*ty);
        let accepted = self.sent.contains(id.0)
            && !self.unaccepted.contains(id.0)
            && !self.substituted.contains(id.0)
            && !watch.dirty.contains(id.0)
            && !watch.is_flying(*id)
            && self.memory.refused(*id).is_none();
        if accepted {
            self.events.push(Event::Vouched {
                id: *id,
                version: contest.version,
            });
        }
    }
}
