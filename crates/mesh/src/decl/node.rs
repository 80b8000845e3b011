//! Where a node is.

use crate::name::{Locality, NodeName};

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// Its locality.
    pub locality: Locality,
}
