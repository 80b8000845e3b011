//! A set of small integers that costs about a bit per member when they lie close together.
//!
//! Resource ids and stream numbers are handed out in sequence, so a stream that holds a whole
//! mesh of a thousand names pays some hundred bytes instead of a hundred kilobytes of strings.

/// How many members one block covers.
const BLOCK: u32 = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    key: u32,
    bits: [u64; 4],
}

impl Block {
    fn len(&self) -> usize {
        self.bits
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }
}

/// An ordered set of `u32`, stored as sorted blocks of 256 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdSet {
    blocks: Vec<Block>,
    len: usize,
}

fn place(id: u32) -> (u32, usize, u64) {
    let rest = id % BLOCK;
    (id / BLOCK, (rest / 64) as usize, 1 << (rest % 64))
}

impl IdSet {
    /// Adds `id`; true if it was not there before.
    pub fn insert(&mut self, id: u32) -> bool {
        let (key, word, mask) = place(id);
        let at = match self.blocks.binary_search_by_key(&key, |block| block.key) {
            Ok(at) => at,
            Err(at) => {
                self.blocks.insert(at, Block { key, bits: [0; 4] });
                at
            }
        };
        let Some(bits) = self.blocks.get_mut(at).and_then(|b| b.bits.get_mut(word)) else {
            return false;
        };
        let new = *bits & mask == 0;
        *bits |= mask;
        self.len += usize::from(new);
        new
    }

    /// Takes `id` out; true if it was there.
    pub fn remove(&mut self, id: u32) -> bool {
        let (key, word, mask) = place(id);
        let Ok(at) = self.blocks.binary_search_by_key(&key, |block| block.key) else {
            return false;
        };
        let Some(block) = self.blocks.get_mut(at) else {
            return false;
        };
        let Some(bits) = block.bits.get_mut(word) else {
            return false;
        };
        if *bits & mask == 0 {
            return false;
        }
        *bits &= !mask;
        self.len -= 1;
        if block.bits == [0; 4] {
            self.blocks.remove(at);
            if self.blocks.is_empty() {
                self.blocks = Vec::new();
            }
        }
        true
    }

    /// Adds all members of another set.
    pub fn union(&mut self, other: &Self) {
        if self.blocks.is_empty() {
            self.clone_from(other);
            return;
        }
        for block in &other.blocks {
            match self
                .blocks
                .binary_search_by_key(&block.key, |held| held.key)
            {
                Err(at) => self.blocks.insert(at, block.clone()),
                Ok(at) => {
                    if let Some(held) = self.blocks.get_mut(at) {
                        for (word, more) in held.bits.iter_mut().zip(block.bits) {
                            *word |= more;
                        }
                    }
                }
            }
        }
        self.len = self.blocks.iter().map(Block::len).sum();
    }

    /// Whether `id` is a member.
    pub fn contains(&self, id: u32) -> bool {
        let (key, word, mask) = place(id);
        self.blocks
            .binary_search_by_key(&key, |block| block.key)
            .ok()
            .and_then(|at| self.blocks.get(at))
            .and_then(|block| block.bits.get(word))
            .is_some_and(|bits| bits & mask != 0)
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all members and frees their memory.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().flat_map(|block| {
            let base = block.key * BLOCK;
            block.bits.iter().zip(0u32..).flat_map(move |(word, at)| {
                let mut rest = *word;
                std::iter::from_fn(move || {
                    if rest == 0 {
                        return None;
                    }
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    Some(base + at * 64 + bit)
                })
            })
        })
    }
}

impl Extend<u32> for IdSet {
    fn extend<T: IntoIterator<Item = u32>>(&mut self, ids: T) {
        for id in ids {
            self.insert(id);
        }
    }
}

impl FromIterator<u32> for IdSet {
    fn from_iter<T: IntoIterator<Item = u32>>(ids: T) -> Self {
        let mut set = Self::default();
        set.extend(ids);
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::IdSet;

    proptest! {
        #[test]
        fn a_union_has_the_members_of_both(
            one in prop::collection::btree_set(0u32..2000, 0..100),
            two in prop::collection::btree_set(0u32..2000, 0..100),
        ) {
            let mut set: IdSet = one.iter().copied().collect();
            set.union(&two.iter().copied().collect());
            let both: BTreeSet<u32> = one.union(&two).copied().collect();
            prop_assert_eq!(set.len(), both.len());
            prop_assert!(set.iter().eq(both));
        }

        #[test]
        fn behaves_like_a_sorted_set(steps in prop::collection::vec((any::<bool>(), 0u32..2000), 0..400)) {
            let mut model = BTreeSet::new();
            let mut set = IdSet::default();
            for (add, id) in steps {
                if add {
                    prop_assert_eq!(set.insert(id), model.insert(id));
                } else {
                    prop_assert_eq!(set.remove(id), model.remove(&id));
                }
                prop_assert_eq!(set.contains(id), model.contains(&id));
                prop_assert_eq!(set.len(), model.len());
            }
            prop_assert!(set.iter().eq(model.iter().copied()));
        }
    }
}
