//! `networking.istio.io` OutlierDetection.

use serde::Deserialize;

/// Ejection of failing instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutlierDetection {
    /// Deprecated, and without effect in Istio.
    pub consecutive_errors: Option<i32>,
    /// Whether failures before a response are counted apart.
    pub split_external_local_origin_errors: bool,
    /// Consecutive failures before a response until ejection; absent or 0 = 5.
    pub consecutive_local_origin_failures: Option<u32>,
    /// Consecutive 502, 503, 504 until ejection; absent or 0 = off.
    pub consecutive_gateway_errors: Option<u32>,
    /// Consecutive 5xx until ejection; absent = 5, 0 = off.
    #[serde(rename = "consecutive5xxErrors")]
    pub consecutive_5xx_errors: Option<u32>,
    /// Time between sweeps; absent = 10 s.
    pub interval: Option<String>,
    /// Ejection lasts this long, times the number of ejections; absent = 30 s.
    pub base_ejection_time: Option<String>,
    /// At most this percentage of the instances; absent or 0 = 10.
    pub max_ejection_percent: i32,
    /// Below this percentage of healthy instances traffic goes to all of them; absent = 0.
    pub min_health_percent: i32,
    /// Statuses that count as errors; empty = 5xx.
    pub outlier_detection_http_error_codes: Vec<u32>,
}
