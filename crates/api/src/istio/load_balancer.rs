//! `networking.istio.io` LoadBalancerSettings.

use serde::Deserialize;

use super::{LocalityLbSetting, ZoneAwareLbSetting};

/// How an instance is chosen; at most one of `simple` and `consistentHash`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// By a simple algorithm; absent = least request.
    pub simple: Option<SimpleLb>,
    /// By hash.
    pub consistent_hash: Option<ConsistentHash>,
    /// Preference for near instances; absent = that of the mesh.
    pub locality_lb_setting: Option<LocalityLbSetting>,
    /// Envoy's zone awareness; not beside `localityLbSetting`.
    pub zone_aware_lb_setting: Option<ZoneAwareLbSetting>,
    /// Deprecated: `warmup.duration`.
    pub warmup_duration_secs: Option<String>,
    /// New instances get traffic gradually.
    pub warmup: Option<Warmup>,
}

/// A simple algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SimpleLb {
    /// Least request.
    Unspecified,
    /// Deprecated: least request.
    LeastConn,
    /// At random.
    Random,
    /// The address that the client asked for.
    Passthrough,
    /// In turns.
    RoundRobin,
    /// Two random choices, fewer requests wins.
    LeastRequest,
}

/// Stickiness by hash; at most one key, at most one algorithm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsistentHash {
    /// Key: a request header.
    pub http_header_name: Option<String>,
    /// Key: a cookie.
    pub http_cookie: Option<HttpCookie>,
    /// Key: the client's address.
    pub use_source_ip: Option<bool>,
    /// Key: a query parameter.
    pub http_query_parameter_name: Option<String>,
    /// Algorithm: ketama ring.
    pub ring_hash: Option<RingHash>,
    /// Algorithm: Maglev.
    pub maglev: Option<Maglev>,
    /// Deprecated: `ringHash.minimumRingSize`.
    pub minimum_ring_size: Option<u64>,
}

/// A cookie that requests are hashed by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpCookie {
    /// Name; required.
    pub name: String,
    /// `Path` of a generated one; empty = none.
    pub path: String,
    /// Life of a generated one, 0 = session; absent = the cookie is never generated.
    pub ttl: Option<String>,
    /// Further attributes of a generated one.
    pub attributes: Vec<CookieAttribute>,
}

/// An attribute of a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CookieAttribute {
    /// Name; required.
    pub name: String,
    /// Value; may be empty.
    pub value: String,
}

/// A ketama ring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RingHash {
    /// Least number of points; absent or 0 = 1024.
    pub minimum_ring_size: u64,
}

/// A Maglev table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Maglev {
    /// Number of slots, a prime below 5 000 011; required.
    pub table_size: u64,
}

/// Slow start.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Warmup {
    /// How long; required.
    pub duration: Option<String>,
    /// Least share at the start, in percent; absent = 10.
    pub minimum_percent: Option<f64>,
    /// Speed of the rise, above 0; absent = 1.0, linear.
    pub aggression: Option<f64>,
}
