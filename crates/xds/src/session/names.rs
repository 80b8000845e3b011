//! Names that a client asked for and that nothing has (yet).

use std::sync::Arc;

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

/// Names that wait to be told, packed: a client that asks for thousands and reads none of the
/// answers costs little more than the bytes that it sent.
#[derive(Debug, Default)]
pub(super) struct NameQueue {
    text: String,
    /// Where each name ends in `text`.
    ends: Vec<u32>,
}

impl NameQueue {
    /// Adds a name.
    pub(super) fn push(&mut self, name: impl AsRef<str>) {
        let name = name.as_ref();
        // Requests are far smaller than this; what does not fit is not told.
        if let Ok(end) = u32::try_from(self.text.len() + name.len()) {
            self.text.push_str(name);
            self.ends.push(end);
        }
    }

    /// Takes out the name that was added last.
    pub(super) fn pop(&mut self) -> Option<Arc<str>> {
        self.ends.pop()?;
        let start = self.ends.last().map_or(0, |end| *end as usize);
        let name = self.text.get(start..).map(Arc::from);
        self.text.truncate(start);
        if self.ends.is_empty() {
            self.clear();
        }
        name
    }

    /// Gives back room that is not needed.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Whether no name waits.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.text.len() + size_of_val(self.ends.as_slice())
    }

    /// Removes all names.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
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

    /// Gives back room that is not needed.
    pub(super) fn shrink(&mut self) {
        self.hashes.shrink_to_fit();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_wait_in_few_bytes_and_leave_none() {
        let mut queue = NameQueue::default();
        for name in ["a", "", "émile", ""] {
            queue.push(name);
        }
        queue.shrink();
        assert_eq!(queue.size(), 7 + 4 * 4, "empty names count, too");
        let names: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        assert_eq!(names, ["", "émile", "", "a"]);
        assert!(queue.is_empty());
        assert_eq!((queue.text.capacity(), queue.ends.capacity()), (0, 0));
    }
}
