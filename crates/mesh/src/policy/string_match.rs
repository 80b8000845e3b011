//! Matching of strings.

use std::sync::Arc;

/// A match on a string (`networking.istio.io` StringMatch).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StringMatch {
    /// Equal.
    Exact(Arc<str>),
    /// Starts with.
    Prefix(Arc<str>),
    /// Matches as a whole, in RE2 syntax.
    Regex(Arc<str>),
    /// Is there, with any value (an empty StringMatch on a header or query parameter).
    Present,
}
