//! Sets of matches, some of them negated.

/// What a value must match one of, and none of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Set<T> {
    /// One of these must match; empty = no demand.
    pub any_of: Vec<T>,
    /// None of these may match. A value that is not there matches nothing.
    pub none_of: Vec<T>,
}

impl<T> Set<T> {
    /// Whether nothing is demanded.
    pub fn is_empty(&self) -> bool {
        self.any_of.is_empty() && self.none_of.is_empty()
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self {
            any_of: Vec::new(),
            none_of: Vec::new(),
        }
    }
}
