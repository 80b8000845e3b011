//! What the client says to responses: it accepts or refuses them.

use std::sync::Arc;

use super::memory::Fallback;
use super::order::is_referred;
use super::watch::Flight;
use super::{Event, Refusal, Session, Variant};
use crate::resource::{ResourceId, ResourceType};
use crate::snapshot::predecessor;

/// How much of a client's error text is kept.
const ERROR_LEN: usize = 1024;

/// How much of it is searched for names.
const SEARCHED_LEN: usize = 16 << 10;

/// What Envoy puts behind an error text of which it has cut off the end.
const CUT: &str = "...(truncated)";

/// What an error says of the resources of a response.
struct Blame {
    /// Those that it names, and what it says of each.
    named: Vec<(ResourceId, Arc<str>)>,
    rest: Vec<ResourceId>,
}

/// The beginning of a text from outside.
pub(super) fn shorten(text: &str, len: usize) -> Arc<str> {
    let mut end = text.len().min(len);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Arc::from(text.get(..end).unwrap_or_default())
}

/// Where `text` first mentions `name` as a word of its own.
fn mention(text: &str, name: &str) -> Option<usize> {
    let of_name = |c: char| c.is_alphanumeric() || "_-.|/:~".contains(c);
    let is_word = |at: usize| {
        let before = text.get(..at).and_then(|rest| rest.chars().next_back());
        let after = text.get(at + name.len()..).unwrap_or_default();
        let mut after = after.chars();
        let ends = match after.next() {
            Some('.' | ':') => after.next().is_none_or(char::is_whitespace),
            Some(next) => !of_name(next),
            None => true,
        };
        ends && before.is_none_or(|c| !of_name(c))
    };
    let mut found = text.match_indices(name).map(|(at, _)| at);
    found.find(|at| !name.is_empty() && is_word(*at))
}

/// What an error that lists several resources (`A: why, B: why`) says of one of them, which it
/// mentions at `at`; `others` is where it mentions the others.
fn about<'a>(text: &'a str, name: &str, at: usize, others: &[usize]) -> &'a str {
    let end = others.iter().filter(|other| **other > at).min();
    let part = text.get(at + name.len()..end.copied().unwrap_or(text.len()));
    let said = part.and_then(|part| part.strip_prefix(':'));
    let said = said.map(|said| said.trim_matches([' ', ',', '\n']));
    said.filter(|said| !said.is_empty()).unwrap_or(text)
}

impl Session {
    /// The client answered the response `nonce`: it accepted it, or says why not.
    pub(super) fn answered(&mut self, ty: ResourceType, nonce: &str, error: Option<&str>) {
        let Ok(nonce) = nonce.parse::<u64>() else {
            return;
        };
        let watch = self.watches.get_mut(ty);
        if watch.is_answered(nonce) || nonce > watch.status.sent {
            return;
        }
        // Clients answer in order, so whatever came before is accepted.
        while let Some(flight) = self.watches.get_mut(ty).take_flight(nonce, error.is_some()) {
            match error.filter(|_| flight.nonce >= nonce) {
                Some(error) => return self.refuse(ty, flight, nonce, error),
                None => self.accept(ty, flight, nonce),
            }
        }
    }

    fn accept(&mut self, ty: ResourceType, flight: Flight, nonce: u64) {
        let status = &mut self.watches.get_mut(ty).status;
        status.accepted = status.accepted.max(flight.nonce.min(nonce));
        for id in &flight.ids {
            self.accept_one(ty, *id, &flight);
        }
        self.unpin(&flight);
        let status = &self.watches.get(ty).status;
        if status.error.is_some() && !self.lacks_something(ty) {
            self.watches.get_mut(ty).status.error = None;
        }
    }

    /// Whether the client refused something of a type that its slot still holds.
    fn lacks_something(&self, ty: ResourceType) -> bool {
        self.memory.all_refused().any(|(id, refused)| {
            let current = self.snapshot.resource(id);
            current.is_some_and(|held| held.ty == ty && held.version == refused.version)
        })
    }

    fn accept_one(&mut self, ty: ResourceType, id: ResourceId, flight: &Flight) {
        if !self.sent.contains(id.0) {
            return;
        }
        self.unaccepted.remove(id.0);
        self.alone.remove(id.0);
        if let Some(older) = flight.older(id) {
            if let Some(older) = older
                && self.memory.refused(id).is_none()
                && !self.substituted.contains(id.0)
            {
                self.memory.accept(id, older);
            }
            return;
        }
        let watch = self.watches.get_mut(ty);
        // The same again is not in doubt any more; but a host may have been ignored, if its table
        // came only afterwards.
        let same = |later: &&mut Flight| later.older(id).is_none();
        if ty != ResourceType::VirtualHost {
            for later in watch.flights_of(id).filter(same) {
                later.ids.retain(|held| *held != id);
            }
        }
        if watch.dirty.contains(id.0) || watch.is_flying(id) {
            if let Some(current) = self.snapshot.resource(id).and_then(predecessor) {
                self.memory.accept(id, &current);
            }
            return;
        }
        self.memory.forget(id);
        if let Some(contest) = self
            .snapshot
            .contest(id)
            .filter(|contest| !contest.accepted)
        {
            self.events.push(Event::Vouched {
                id,
                version: contest.version,
            });
        }
    }

    fn unpin(&mut self, flight: &Flight) {
        for resource in flight.older.iter().filter_map(|(_, held)| held.as_ref()) {
            self.memory.unpin(resource);
        }
    }

    fn refuse(&mut self, ty: ResourceType, flight: Flight, nonce: u64, error: &str) {
        let status = &mut self.watches.get_mut(ty).status;
        status.refused = nonce;
        status.refusals += 1;
        status.error = Some(shorten(error, ERROR_LEN));
        let text = shorten(error, SEARCHED_LEN);
        let complete = text.len() == error.len() && !error.ends_with(CUT);
        let Blame { named, rest } = self.blame(&flight, &text);
        let unnamed = named.is_empty();
        // These are applied one by one; what the error does not name is in force.
        let told =
            !unnamed && complete && matches!(ty, ResourceType::Cluster | ResourceType::Listener);
        for (id, error) in &named {
            self.refuse_one(ty, *id, &flight, error);
        }
        match rest.as_slice() {
            [only] if unnamed => self.refuse_one(ty, *only, &flight, &shorten(&text, ERROR_LEN)),
            rest if told => rest.iter().for_each(|id| self.accept_one(ty, *id, &flight)),
            rest => self.repeat(ty, rest, unnamed),
        }
        if !told {
            self.doubt(ty, &flight);
        }
        self.unpin(&flight);
    }

    /// Sends again what a client may have ignored; one by one to find out what it refuses, if it
    /// does not say.
    fn repeat(&mut self, ty: ResourceType, ids: &[ResourceId], unnamed: bool) {
        for id in ids.iter().filter(|id| self.sent.contains(id.0)) {
            self.watches.get_mut(ty).dirty.insert(id.0);
            if unnamed {
                self.alone.insert(id.0);
            }
        }
    }

    /// Nobody knows how much of a response the client took.
    fn doubt(&mut self, ty: ResourceType, flight: &Flight) {
        for name in &flight.removed {
            let found = self.resolve(ty, name);
            let watch = self.watches.get_mut(ty);
            match found {
                // It is back, and the client may still have it.
                Some(id) if watch.dirty.contains(id.0) && !is_referred(ty) => {
                    self.sent.insert(id.0);
                }
                Some(_) => {}
                None if watch.missing.contains(name) => watch.unknown.push(Arc::clone(name)),
                None => {
                    watch.gone.insert(Arc::clone(name));
                }
            }
        }
        let is_set = matches!(ty, ResourceType::Cluster | ResourceType::Listener)
            && self.variant == Variant::StateOfTheWorld;
        // What it keeps stays in every set, where it would hide what else the client refuses.
        for id in flight.ids.iter().filter(|_| is_set) {
            if self.memory.give_up(*id) {
                self.watches.get_mut(ty).dirty.insert(id.0);
            }
        }
    }

    /// What an error says of the resources of a response.
    fn blame(&self, flight: &Flight, text: &str) -> Blame {
        let mut named = Vec::new();
        let mut rest = Vec::new();
        for id in &flight.ids {
            let current = self.snapshot.resource(*id);
            let resource = flight.older(*id).flatten().or(current);
            let name = resource.map(|resource| &resource.name);
            match name.and_then(|name| Some((name, mention(text, name)?))) {
                Some((name, at)) => named.push((*id, name, at)),
                None => rest.push(*id),
            }
        }
        let places: Vec<_> = named.iter().map(|(_, _, at)| *at).collect();
        let said = |(id, name, at): (ResourceId, &Arc<str>, usize)| {
            (id, shorten(about(text, name, at, &places), ERROR_LEN))
        };
        let named = named.into_iter().map(said).collect();
        Blame { named, rest }
    }

    fn refuse_one(&mut self, ty: ResourceType, id: ResourceId, flight: &Flight, error: &Arc<str>) {
        self.alone.remove(id.0);
        let Some(current) = self.snapshot.resource(id).cloned() else {
            return;
        };
        let older = flight.older(id);
        let version = match older {
            Some(older) => older.map(|older| older.version),
            None => Some(current.version),
        };
        let known = self.memory.refused(id).map(|refused| refused.version);
        if version.is_some() && known == version {
            return;
        }
        let (name, error) = (Arc::clone(&current.name), Arc::clone(error));
        self.events.push(Event::Refused(Refusal {
            id,
            ty,
            name,
            version,
            error,
        }));
        let watch = self.watches.get(ty);
        let replaced = older.is_some() && (watch.dirty.contains(id.0) || watch.is_flying(id));
        if replaced || !self.sent.contains(id.0) {
            // Something newer is on its way.
            return;
        }
        // What was older was a fallback itself.
        let fallback = match older {
            Some(_) => Fallback::Nothing,
            None => self.before(id),
        };
        if matches!(fallback, Fallback::Nothing) {
            self.substituted.remove(id.0);
        }
        if self.memory.refuse(id, current.version, fallback) {
            self.watches.get_mut(ty).dirty.insert(id.0);
        }
    }

    /// What the client had before a slot's content, which it has not accepted.
    pub(super) fn before(&self, id: ResourceId) -> Fallback {
        if self.unaccepted.contains(id.0) {
            return Fallback::Nothing;
        }
        let predecessor = || self.snapshot.predecessor(id).cloned();
        self.memory
            .before(id)
            .or_else(|| predecessor().map(Fallback::Resource))
            .unwrap_or(Fallback::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::{about, mention, shorten};

    #[test]
    fn a_name_is_found_as_a_word() {
        let text = "Error adding/updating cluster(s) outbound|80||a.b: bad ring, c: no";
        for (name, found) in [
            ("outbound|80||a.b", true),
            ("outbound|80||a", false),
            ("a.b", false),
            ("c", true),
            ("no", true),
            ("ring", true),
            ("rin", false),
            ("", false),
        ] {
            assert_eq!(mention(text, name).is_some(), found, "{name}");
        }
    }

    #[test]
    fn an_error_is_taken_apart() {
        let clusters = "Error adding/updating cluster(s) a|80: bad, b|80: worse";
        let listeners =
            "Error adding/updating listener(s) 1.2.3.4_80: no\n. why\n0.0.0.0_80: yes\n";
        for (text, names, said) in [
            (clusters, ["a|80", "b|80"], ["bad", "worse"]),
            (
                listeners,
                ["1.2.3.4_80", "0.0.0.0_80"],
                ["no\n. why", "yes"],
            ),
            ("a and b are bad", ["a", "b"], ["a and b are bad"; 2]),
        ] {
            let places = names.map(|name| mention(text, name).unwrap_or_default());
            for ((name, at), expected) in names.into_iter().zip(places).zip(said) {
                assert_eq!(about(text, name, at, &places), expected, "{text}");
            }
        }
    }

    #[test]
    fn shortening_respects_characters() {
        assert_eq!(shorten("aé", 2).as_ref(), "a");
        assert_eq!(shorten("aé", 3).as_ref(), "aé");
    }
}
