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
    /// Whether hosts that were tried already are avoided.
    pub avoid_previous_hosts: bool,
    /// Whether retries may leave the locality of the first try.
    pub remote_localities: bool,
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
