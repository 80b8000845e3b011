//! A map from keys to ordered sets of entries.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Entries by key; the entries of one key are ordered, the keys are not.
#[derive(Debug)]
pub(crate) struct Multimap<K, O, V> {
    by_key: HashMap<K, BTreeMap<O, V>>,
}

impl<K, O, V> Default for Multimap<K, O, V> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, O: Ord, V> Multimap<K, O, V> {
    /// Adds or overwrites an entry. Returns whether it is new.
    pub(crate) fn insert(&mut self, key: K, order: O, value: V) -> bool {
        self.by_key
            .entry(key)
            .or_default()
            .insert(order, value)
            .is_none()
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, key: &K, order: &O) {
        if let Some(entries) = self.by_key.get_mut(key) {
            entries.remove(order);
            if entries.is_empty() {
                self.by_key.remove(key);
            }
        }
    }

    /// Whether there is such an entry.
    pub(crate) fn contains(&self, key: &K, order: &O) -> bool {
        self.by_key
            .get(key)
            .is_some_and(|entries| entries.contains_key(order))
    }

    /// All keys, in no order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_key.keys()
    }

    /// The entries of a key, in order.
    pub(crate) fn get<'m>(
        &'m self,
        key: &K,
    ) -> impl Iterator<Item = (&'m O, &'m V)> + use<'m, K, O, V> {
        self.by_key.get(key).into_iter().flatten()
    }
}

impl<K: Eq + Hash, O: Ord> Multimap<K, O, usize> {
    /// Counts an entry up. Returns whether it is new.
    pub(crate) fn count_up(&mut self, key: K, order: O) -> bool {
        let count = self
            .by_key
            .entry(key)
            .or_default()
            .entry(order)
            .or_insert(0);
        *count += 1;
        *count == 1
    }

    /// Counts an entry down. Returns whether it is gone.
    pub(crate) fn count_down(&mut self, key: &K, order: &O) -> bool {
        let Some(count) = self
            .by_key
            .get_mut(key)
            .and_then(|entries| entries.get_mut(order))
        else {
            return false;
        };
        *count -= 1;
        let gone = *count == 0;
        if gone {
            self.remove(key, order);
        }
        gone
    }
}
