//! Retries.

use std::time::Duration;

/// When and how often a failed request is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// Retries, not counting the first try; at least 1.
    pub attempts: u32,
    /// Limit for one try; `None` = as long as the route's timeout.
    pub per_try_timeout: Option<Duration>,
    /// Conditions.
    pub on: RetryOn,
    /// Least wait before the first retry, doubled for each further one; `None` = 25 ms.
    pub backoff: Option<Duration>,
    /// Hosts that were tried already.
    pub previous_hosts: PreviousHosts,
    /// Whether retries may leave the locality of the first try.
    pub remote_localities: bool,
}

/// Whether a retry may go to a host that was tried already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PreviousHosts {
    /// Not while there are others.
    Avoid,
    /// It may.
    Reuse,
    /// As `Avoid`, but as `Reuse` where a hash chooses the host (Istio's default: a hash shall
    /// keep its host).
    AvoidUnlessHashed,
}

/// Conditions for a retry, by Envoy's names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryOn {
    /// Known condition names (`5xx`, `connect-failure` …) in the author's order.
    pub conditions: Vec<&'static str>,
    /// Explicit status codes (`retriable-status-codes`), in the author's order.
    pub status_codes: Vec<u16>,
}

/// Condition names that Envoy 1.40 knows (its `x-envoy-retry-on` and `x-envoy-retry-grpc-on`).
pub const CONDITIONS: &[&str] = &[
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];
