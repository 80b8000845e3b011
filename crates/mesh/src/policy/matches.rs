//! What a request must look like for an HTTP rule.

use std::sync::Arc;

use super::string_match::StringMatch;

/// A match on the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathMatch {
    /// Any path.
    Any,
    /// The path without its query.
    Path {
        /// The match; never [`StringMatch::Present`].
        matches: StringMatch,
        /// Whether case is ignored (`ignoreUriCase`; not for regular expressions).
        ignore_case: bool,
    },
}

/// A match on a named header or query parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedMatch {
    /// Name of the header (lower case) or of the parameter.
    pub name: Arc<str>,
    /// The match on its value.
    pub matches: StringMatch,
    /// Whether the request must *not* match (`withoutHeaders`).
    pub invert: bool,
}

/// What a request must look like. All parts must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestMatch {
    /// Path.
    pub path: PathMatch,
    /// Method, scheme and authority, as pseudo headers `:method`, `:scheme`, `:authority`,
    /// followed by headers and negated headers, sorted by name.
    pub headers: Vec<NamedMatch>,
    /// Query parameters, sorted by name.
    pub query: Vec<NamedMatch>,
}

impl RequestMatch {
    /// Matches every request.
    pub const fn any() -> Self {
        Self {
            path: PathMatch::Any,
            headers: Vec::new(),
            query: Vec::new(),
        }
    }

    /// Whether every request matches.
    pub fn is_any(&self) -> bool {
        let Self {
            path,
            headers,
            query,
        } = self;
        let any_path = match path {
            PathMatch::Any => true,
            PathMatch::Path {
                matches: StringMatch::Prefix(prefix),
                ..
            } => &**prefix == "/",
            PathMatch::Path { .. } => false,
        };
        any_path && headers.is_empty() && query.is_empty()
    }
}
