//! Fixed answers.

use std::sync::Arc;

/// A fixed answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DirectResponse {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// The body; empty = none.
    pub body: Arc<[u8]>,
}
