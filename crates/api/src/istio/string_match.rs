//! `networking.istio.io` StringMatch.

use serde::Deserialize;

/// A match on a string; at most one of the fields is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StringMatch {
    /// Equal.
    pub exact: Option<String>,
    /// Starts with.
    pub prefix: Option<String>,
    /// Matches as a whole, in RE2 syntax.
    pub regex: Option<String>,
}
