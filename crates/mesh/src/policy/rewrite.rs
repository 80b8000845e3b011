//! Rewriting of requests.

use std::sync::Arc;

/// Rewriting before forwarding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// The path.
    pub path: Option<PathRewrite>,
    /// The authority.
    pub authority: Option<Arc<str>>,
}

/// Rewriting of the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathRewrite {
    /// The matched prefix (or the whole path if it was matched exactly or by regular
    /// expression) is replaced.
    Matched(Arc<str>),
    /// By regular expression (RE2) with `\1` references.
    Regex {
        /// The expression.
        pattern: Arc<str>,
        /// The replacement.
        substitution: Arc<str>,
    },
}
