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
    /// Names, each with its length behind it: one byte, or [`LONG`] behind four bytes.
    bytes: Vec<u8>,
}

/// Says that a length takes four bytes.
const LONG: u8 = u8::MAX;

impl NameQueue {
    /// Adds a name.
    pub(super) fn push(&mut self, name: impl AsRef<str>) {
        let name = name.as_ref();
        let Ok(length) = u32::try_from(name.len()) else {
            // No request is that large.
            return;
        };
        self.bytes.extend_from_slice(name.as_bytes());
        match u8::try_from(length) {
            Ok(short) if short < LONG => self.bytes.push(short),
            _ => {
                self.bytes.extend_from_slice(&length.to_le_bytes());
                self.bytes.push(LONG);
            }
        }
    }

    /// Takes out the name that was added last.
    pub(super) fn pop(&mut self) -> Option<Arc<str>> {
        let (rest, length) = match self.bytes.split_last()? {
            (&LONG, rest) => {
                let (rest, length) = rest.split_last_chunk()?;
                (rest, u32::from_le_bytes(*length) as usize)
            }
            (short, rest) => (rest, usize::from(*short)),
        };
        let start = rest.len().checked_sub(length)?;
        let name = std::str::from_utf8(rest.get(start..)?).ok().map(Arc::from);
        self.bytes.truncate(start);
        if self.bytes.is_empty() {
            self.clear();
        }
        name
    }

    /// Gives back room that is not needed.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Whether no name waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
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
        let (edge, long) = ("x".repeat(254), "y".repeat(70_000));
        let all = [
            "a",
            "",
            "émile",
            &edge,
            "",
            &edge[..253],
            &long,
            &long[..255],
        ];
        let mut queue = NameQueue::default();
        for name in all {
            queue.push(name);
        }
        queue.shrink();
        let text: usize = all.iter().map(|name| name.len()).sum();
        assert_eq!(queue.size(), text + 6 + 2 * 5, "empty names count, too");
        let names: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert!(names.iter().map(AsRef::as_ref).eq(all.into_iter().rev()));
        assert!(queue.is_empty());
        assert_eq!(queue.bytes.capacity(), 0);
    }
}
