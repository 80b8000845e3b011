//! What is signed.

use std::sync::Arc;
use std::time::Duration;

/// How long certificates are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// If the request doesn't say.
    pub default: Duration,
    /// Not less, whatever the request says.
    pub min: Duration,
    /// Not more, whatever the request says.
    pub max: Duration,
    /// By how much clocks may differ: certificates are valid since that long ago.
    pub skew: Duration,
}

impl Default for Lifetimes {
    /// A day, at least a minute, at most a day, with clocks that differ by a minute.
    fn default() -> Self {
        Self {
            default: Duration::from_secs(24 * 3600),
            min: Duration::from_secs(60),
            max: Duration::from_secs(24 * 3600),
            skew: Duration::from_secs(60),
        }
    }
}

/// A certificate with all that its owner needs.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate, as PEM.
    pub leaf: String,
    /// Its intermediates, as PEM; empty if a root signed it.
    pub intermediates: Arc<str>,
    /// All roots that are to be trusted, as PEM.
    pub roots: Arc<str>,
    /// The last second in which it is valid, since the Unix epoch.
    pub not_after: u64,
}
