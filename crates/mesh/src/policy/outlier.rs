//! Ejection of failing instances.

use std::time::Duration;

/// Passive health checking.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutlierDetection {
    /// Consecutive 5xx before ejection; 0 = off.
    pub consecutive_5xx: u32,
    /// Consecutive 502, 503, 504 before ejection; 0 = off.
    pub consecutive_gateway_errors: u32,
    /// Consecutive failures before a response (connect, reset); counted apart from 5xx only if
    /// `split_external_local_origin_errors`; 0 = off.
    pub consecutive_local_origin_failures: u32,
    /// Whether local failures are counted apart.
    pub split_external_local_origin_errors: bool,
    /// Time between sweeps.
    pub interval: Duration,
    /// Ejection lasts this long, times the number of ejections.
    pub base_ejection_time: Duration,
    /// At most this percentage of the instances, 0 to 100.
    pub max_ejection_percent: u32,
    /// Below this percentage of healthy instances, traffic goes to all of them; 0 to 100.
    pub min_health_percent: u32,
    /// Statuses that count as errors; empty = 5xx.
    pub error_codes: Vec<u16>,
}
