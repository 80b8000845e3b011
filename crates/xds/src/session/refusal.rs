//! What the client says to responses: it accepts or refuses them.

use std::sync::Arc;

use super::memory::Fallback;
use super::watch::Flight;
use super::{Event, Refusal, Session};
use crate::resource::{ResourceId, ResourceType};

/// How much of a client's error text is kept.
const ERROR_LEN: usize = 1024;

/// How much of it is searched for names.
const SEARCHED_LEN: usize = 16 << 10;

/// What Envoy puts behind an error text of which it has cut off the end.
const CUT: &str = "...(truncated)";

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
            if self.memory.refused(id).is_none() && !self.substituted.contains(id.0) {
                self.memory.accept(id, older);
            }
            return;
        }
        let watch = self.watches.get(ty);
        if watch.dirty.contains(id.0) || watch.is_flying(id) {
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
        for (_, resource) in &flight.older {
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
        let (blamed, rest) = self.blame(&flight, &text);
        let whole = blamed.is_empty();
        for (id, error) in blamed {
            self.refuse_one(ty, id, &flight, &error);
        }
        for id in rest {
            match ty {
                // These are applied one by one; what the error does not name is in force.
                ResourceType::Cluster | ResourceType::Listener if !whole && complete => {
                    self.accept_one(ty, id, &flight);
                }
                // Of the others nobody knows how far the client came.
                _ if self.sent.contains(id.0) => {
                    self.watches.get_mut(ty).dirty.insert(id.0);
                    if whole {
                        self.alone.insert(id.0);
                    }
                }
                _ => {}
            }
        }
        self.unpin(&flight);
    }

    /// Which resources of a response an error is about, with what it says of each, and the
    /// others.
    fn blame(&self, flight: &Flight, text: &str) -> (Vec<(ResourceId, Arc<str>)>, Vec<ResourceId>) {
        let mut named = Vec::new();
        let mut rest = Vec::new();
        for id in &flight.ids {
            let resource = flight.older(*id).or_else(|| self.snapshot.resource(*id));
            let name = resource.map(|resource| &resource.name);
            match name.and_then(|name| Some((name, mention(text, name)?))) {
                Some((name, at)) => named.push((*id, name, at)),
                None => rest.push(*id),
            }
        }
        if let ([only], []) = (rest.as_slice(), named.as_slice()) {
            return (vec![(*only, shorten(text, ERROR_LEN))], Vec::new());
        }
        let places: Vec<_> = named.iter().map(|(_, _, at)| *at).collect();
        let said = |(id, name, at): (ResourceId, &Arc<str>, usize)| {
            (id, shorten(about(text, name, at, &places), ERROR_LEN))
        };
        (named.into_iter().map(said).collect(), rest)
    }

    fn refuse_one(&mut self, ty: ResourceType, id: ResourceId, flight: &Flight, error: &Arc<str>) {
        self.alone.remove(id.0);
        let Some(current) = self.snapshot.resource(id).cloned() else {
            return;
        };
        let watch = self.watches.get(ty);
        let replaced = watch.dirty.contains(id.0) || watch.is_flying(id);
        let older = flight.older(id).cloned();
        let version = match &older {
            Some(older) => Some(older.version),
            None if replaced => None,
            None => Some(current.version),
        };
        let (name, error) = (Arc::clone(&current.name), Arc::clone(error));
        self.events.push(Event::Refused(Refusal {
            id,
            ty,
            name,
            version,
            error,
        }));
        if replaced || !self.sent.contains(id.0) {
            // Something newer is on its way.
            return;
        }
        let fallback = self.fallback(id, older.is_some());
        match fallback {
            Fallback::Resource(_) => {
                self.watches.get_mut(ty).dirty.insert(id.0);
            }
            Fallback::Nothing => {
                self.watches.get_mut(ty).dirty.insert(id.0);
                self.substituted.remove(id.0);
            }
            Fallback::Kept => {}
        }
        self.memory.refuse(id, current.version, fallback);
    }

    /// What to send instead of a refused version; `last` if that was a fallback itself.
    fn fallback(&mut self, id: ResourceId, last: bool) -> Fallback {
        let accepted = self.memory.take(id);
        let untried = self.unaccepted.contains(id.0);
        let predecessor = self.snapshot.predecessor(id).filter(|_| !untried);
        match accepted.or_else(|| predecessor.cloned()) {
            Some(resource) if !last => Fallback::Resource(resource),
            _ if untried || last => Fallback::Nothing,
            _ => Fallback::Kept,
        }
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
