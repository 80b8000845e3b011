//! Cross-origin resource sharing.

use std::sync::Arc;
use std::time::Duration;

use super::string_match::StringMatch;

/// A CORS policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cors {
    /// Origins that are allowed.
    pub allow_origins: Vec<StringMatch>,
    /// `access-control-allow-methods`.
    pub allow_methods: Vec<Arc<str>>,
    /// `access-control-allow-headers`.
    pub allow_headers: Vec<Arc<str>>,
    /// `access-control-expose-headers`.
    pub expose_headers: Vec<Arc<str>>,
    /// `access-control-max-age`; `None` = header absent.
    pub max_age: Option<Duration>,
    /// `access-control-allow-credentials`; `None` = header absent.
    pub allow_credentials: Option<bool>,
    /// Preflights from origins that are not allowed.
    pub unmatched_preflights: UnmatchedPreflights,
}

/// What happens to a preflight whose origin is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnmatchedPreflights {
    /// It goes to the backend (Istio's default).
    Forward,
    /// It is answered without CORS headers.
    Ignore,
}
