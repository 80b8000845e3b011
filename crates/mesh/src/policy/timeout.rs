//! Time limits of requests.

use std::time::Duration;

/// The time limit of a request, from its last byte to the end of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// None (Istio's default).
    Unlimited,
    /// Answered with 504 after this time.
    After(Duration),
}
