//! Names that a client asked for and that nothing has (yet).

use crate::resource::Version;

/// A set of names of which only hashes are kept: eight bytes for a name however long it is.
///
/// Two names with one hash would make a session push a resource that its client did not ask for,
/// which clients ignore.
#[derive(Debug, Default)]
pub(super) struct NameSet {
    /// Ascending.
    hashes: Vec<u64>,
}

fn hash(name: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *Version::of([name.as_bytes()]).as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl NameSet {
    /// Adds a name; true if it was not there.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        let hash = hash(name);
        let Err(at) = self.hashes.binary_search(&hash) else {
            return false;
        };
        self.hashes.insert(at, hash);
        true
    }

    /// Takes a name out; true if it was there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        if self.hashes.is_empty() {
            return false;
        }
        let Ok(at) = self.hashes.binary_search(&hash(name)) else {
            return false;
        };
        self.hashes.remove(at);
        if self.hashes.is_empty() {
            self.hashes = Vec::new();
        }
        true
    }

    /// Whether a name is in it.
    pub(super) fn contains(&self, name: &str) -> bool {
        !self.hashes.is_empty() && self.hashes.binary_search(&hash(name)).is_ok()
    }

    /// How many names are in it.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether no name is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Removes all names.
    pub(super) fn clear(&mut self) {
        self.hashes = Vec::new();
    }
}
