//! What the client asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::order::SETTLING;
use super::refusal::shorten;
use super::{Event, Note, Reject, Session, Variant};
use crate::id_set::IdSet;
use crate::resource::{ResourceId, ResourceType, Version};
use crate::wire::Request;

/// How many names without a resource one stream may subscribe to.
const MISSING: usize = 8192;

/// How many bytes of names without a resource may wait to be told, because the client answers
/// nothing.
const WAITING: usize = 1 << 20;

/// How many names of a type that are gone a client may bring from an earlier stream.
const GONE: usize = 32_768;

/// How much of an unknown type URL is reported.
const URL_LEN: usize = 200;

impl Session {
    /// Takes a request.
    ///
    /// # Errors
    /// If the client asks for more than a stream may cost; the stream has to be closed.
    pub fn request(&mut self, request: &Request, now: Instant) -> Result<(), Reject> {
        let served = |ty: &ResourceType| match self.variant {
            Variant::Delta => true,
            Variant::StateOfTheWorld => *ty != ResourceType::VirtualHost,
        };
        let Some(ty) = ResourceType::from_type_url(&request.type_url).filter(served) else {
            let type_url = shorten(&request.type_url, URL_LEN);
            self.events
                .push(Event::Note(Note::UnknownType { type_url }));
            return Ok(());
        };
        if !request.nonce.is_empty() {
            self.answered(ty, &request.nonce, request.error.as_deref());
        }
        match self.variant {
            Variant::Delta => self.request_delta(ty, request, now),
            Variant::StateOfTheWorld => self.request_sotw(ty, request),
        }
        let (mut missing, mut waiting) = (self.tables.len(), 0);
        for (_, watch) in self.watches.iter() {
            missing += watch.missing.len();
            waiting += watch.unknown.size();
        }
        let gone = !request.versions.is_empty() && self.watches.get(ty).gone.len() > GONE;
        if missing > MISSING || waiting > WAITING || gone {
            return Err(Reject::TooManyNames);
        }
        Ok(())
    }

    fn request_delta(&mut self, ty: ResourceType, request: &Request, now: Instant) {
        let first = !std::mem::replace(&mut self.watches.get_mut(ty).seen, true);
        let legacy = matches!(
            ty,
            ResourceType::Cluster | ResourceType::Listener | ResourceType::VirtualHost
        );
        if first && legacy && request.subscribe.is_empty() {
            self.subscribe_all(ty, request.versions.is_empty());
        }
        // What a client has from before is told by the first request of a type alone.
        let known: BTreeMap<&str, &str> = request
            .versions
            .iter()
            .filter(|_| first)
            .map(|(name, version)| (name.as_str(), version.as_str()))
            .collect();
        for name in &request.subscribe {
            if name == "*" {
                self.subscribe_all(ty, first && known.is_empty());
            } else if ty == ResourceType::VirtualHost && !name.contains('/') {
                self.subscribe_table(name);
            } else {
                self.subscribe(ty, name, known.contains_key(name.as_str()));
            }
        }
        self.watches.get_mut(ty).shrink();
        self.resume(ty, known, now);
        for name in &request.unsubscribe {
            if name == "*" {
                self.unsubscribe_all(ty);
            } else if ty == ResourceType::VirtualHost && !name.contains('/') {
                self.unsubscribe_table(name);
            } else {
                self.unsubscribe(ty, name);
            }
        }
    }

    /// `owed`: the client has nothing yet, and must be answered even if there is nothing.
    fn subscribe_all(&mut self, ty: ResourceType, owed: bool) {
        let snapshot = Arc::clone(&self.snapshot);
        let watch = self.watches.get_mut(ty);
        watch.owed |= owed;
        if std::mem::replace(&mut watch.wildcard, true) {
            return;
        }
        let mut tables = Vec::new();
        for audience in self.audiences.iter() {
            let Some(catalog) = snapshot.catalog(*audience) else {
                continue;
            };
            let unsent = catalog.iter(ty).filter(|(_, id)| !self.sent.contains(id.0));
            watch.dirty.extend(unsent.map(|(_, id)| id.0));
            if ty == ResourceType::VirtualHost && owed {
                let routes = catalog.iter(ResourceType::Route).map(|(_, id)| id);
                tables.extend(routes.filter(|id| self.sent.contains(id.0)));
            }
        }
        self.tables_known(&tables, true);
    }

    /// An empty answer to the subscription of a table would leave Envoy's listener waiting for
    /// 15 s; that some host does not exist is an answer, too.
    fn subscribe_table(&mut self, table: &str) {
        self.tables.insert(table);
        let snapshot = Arc::clone(&self.snapshot);
        let watch = self.watches.get_mut(ResourceType::VirtualHost);
        let mut empty = true;
        for catalog in self
            .audiences
            .iter()
            .filter_map(|audience| snapshot.catalog(*audience))
        {
            for (_, id) in catalog.virtual_hosts(table) {
                empty = false;
                if !self.sent.contains(id.0) {
                    watch.dirty.insert(id.0);
                }
            }
        }
        if empty {
            watch.unknown.push(format!("{table}/"));
        }
    }

    /// A name that is subscribed to again is sent again. If the client has it from an earlier
    /// stream and it is gone, then it is removed as carefully as on that stream.
    fn subscribe(&mut self, ty: ResourceType, name: &str, held: bool) {
        match self.resolve(ty, name) {
            Some(id) => {
                self.name(id);
                self.watches.get_mut(ty).dirty.insert(id.0);
            }
            None => {
                let covered = self.covers(ty, name);
                let watch = self.watches.get_mut(ty);
                if !held {
                    watch.unknown.push(name);
                }
                if !covered {
                    watch.missing.insert(name);
                }
            }
        }
    }

    /// Compares what the client brought from an earlier stream, name by name.
    fn resume(&mut self, ty: ResourceType, known: BTreeMap<&str, &str>, now: Instant) {
        for (name, version) in known {
            let Some(id) = self.resolve(ty, name) else {
                if self.covers(ty, name) || self.watches.get(ty).missing.contains(name) {
                    self.watches.get_mut(ty).gone.insert(Arc::from(name));
                    self.closing.not_before = Some(now + SETTLING);
                }
                continue;
            };
            if !self.subscribed.contains(id.0) && !self.covers(ty, name) {
                continue;
            }
            let new = self.sent.insert(id.0);
            self.resume_one(ty, id, version);
            if new && ty == ResourceType::Route {
                self.tables_known(&[id], false);
            }
        }
    }

    fn resume_one(&mut self, ty: ResourceType, id: ResourceId, version: &str) {
        let watch = self.watches.get_mut(ty);
        let substitute = self.snapshot.substitute(id, &self.client);
        if substitute.is_some() {
            self.substituted.insert(id.0);
        }
        let wanted = substitute.or_else(|| self.snapshot.resource(id));
        if wanted.is_some_and(|resource| resource.version.reads(version)) {
            watch.dirty.remove(id.0);
        } else {
            watch.dirty.insert(id.0);
        }
    }

    fn unsubscribe(&mut self, ty: ResourceType, name: &str) {
        let covered = self.covers(ty, name);
        let Some(id) = self.resolve(ty, name) else {
            let watch = self.watches.get_mut(ty);
            watch.missing.remove(name);
            if covered {
                watch.unknown.push(name);
            } else {
                watch.gone.remove(name);
                self.closing.remove(ty, name);
            }
            return;
        };
        if !self.subscribed.remove(id.0) {
            return;
        }
        self.interest.dropped.push(id);
        if covered {
            // The client may have dropped it; it cannot know that the wildcard covers it.
            self.watches.get_mut(ty).dirty.insert(id.0);
        } else {
            self.release(ty, id);
        }
    }

    fn unsubscribe_all(&mut self, ty: ResourceType) {
        self.watches.get_mut(ty).wildcard = false;
        let snapshot = Arc::clone(&self.snapshot);
        let audiences = Arc::clone(&self.audiences);
        for catalog in audiences
            .iter()
            .filter_map(|audience| snapshot.catalog(*audience))
        {
            for (name, id) in catalog.iter(ty) {
                self.release_uncovered(ty, name, id);
            }
        }
        self.drop_uncovered_names(ty);
    }

    fn unsubscribe_table(&mut self, table: &str) {
        self.tables.remove(table);
        let snapshot = Arc::clone(&self.snapshot);
        let audiences = Arc::clone(&self.audiences);
        for catalog in audiences
            .iter()
            .filter_map(|audience| snapshot.catalog(*audience))
        {
            for (name, id) in catalog.virtual_hosts(table) {
                self.release_uncovered(ResourceType::VirtualHost, name, id);
            }
        }
        self.drop_uncovered_names(ResourceType::VirtualHost);
    }

    fn release_uncovered(&mut self, ty: ResourceType, name: &str, id: ResourceId) {
        if !self.subscribed.contains(id.0) && !self.covers(ty, name) {
            self.release(ty, id);
        }
    }

    /// What the client does not want any more need not be removed from it.
    fn drop_uncovered_names(&mut self, ty: ResourceType) {
        let mut gone = std::mem::take(&mut self.watches.get_mut(ty).gone);
        gone.retain(|name| self.covers(ty, name) || self.watches.get(ty).missing.contains(name));
        self.watches.get_mut(ty).gone = gone;
    }

    fn request_sotw(&mut self, ty: ResourceType, request: &Request) {
        let watch = self.watches.get_mut(ty);
        let stale = watch.seen
            && !request.nonce.is_empty()
            && request.nonce != watch.status.sent.to_string();
        if stale {
            return;
        }
        let first = !std::mem::replace(&mut watch.seen, true);
        let list = Version::of(request.subscribe.iter().map(String::as_bytes));
        if watch.list.replace(list) == Some(list) {
            return;
        }
        let sets = matches!(ty, ResourceType::Cluster | ResourceType::Listener);
        let star = request.subscribe.iter().any(|name| name == "*");
        let legacy = sets && request.subscribe.is_empty() && (first || watch.wildcard);
        if star || legacy {
            self.subscribe_all(ty, false);
        } else if std::mem::replace(&mut watch.wildcard, false) {
            self.unsubscribe_all(ty);
        }
        self.subscribe_exactly(ty, request.subscribe.iter().filter(|name| *name != "*"));
        if first && self.matches_version(ty, &request.version_info) {
            self.resumed(ty);
        } else if sets {
            self.watches.get_mut(ty).owed = true;
        }
    }

    /// Replaces the explicitly named resources of a type.
    fn subscribe_exactly<'a>(&mut self, ty: ResourceType, names: impl Iterator<Item = &'a String>) {
        let mut wanted = IdSet::default();
        self.watches.get_mut(ty).missing.clear();
        for name in names {
            match self.resolve(ty, name) {
                Some(id) => {
                    wanted.insert(id.0);
                }
                None => {
                    self.watches.get_mut(ty).missing.insert(name);
                }
            }
        }
        let of_type = |id: &ResourceId| {
            self.snapshot
                .resource(*id)
                .is_some_and(|held| held.ty == ty)
        };
        let dropped: Vec<_> = self
            .named()
            .filter(|id| !wanted.contains(id.0))
            .filter(of_type)
            .collect();
        for id in dropped {
            self.subscribed.remove(id.0);
            self.interest.dropped.push(id);
            if !self.watches.get(ty).wildcard {
                self.release(ty, id);
            }
        }
        for id in wanted.iter().map(ResourceId) {
            self.name(id);
            if !self.sent.contains(id.0) {
                self.watches.get_mut(ty).dirty.insert(id.0);
            }
        }
    }

    /// The client brought everything from an earlier stream.
    fn resumed(&mut self, ty: ResourceType) {
        let dirty = std::mem::take(&mut self.watches.get_mut(ty).dirty);
        self.sent.extend(dirty.iter());
    }
}
