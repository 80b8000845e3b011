//! `networking.istio.io` ConnectionPoolSettings, of DestinationRule, Sidecar and the mesh
//! configuration.

use serde::Deserialize;

/// Limits of a connection pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionPool {
    /// Limits of connections.
    pub tcp: Option<TcpSettings>,
    /// Limits of requests.
    pub http: Option<HttpSettings>,
}

/// Limits of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpSettings {
    /// Connections; absent or 0 = no limit.
    pub max_connections: i32,
    /// Limit for connecting, a duration of at least 1 ms; absent = that of the mesh.
    pub connect_timeout: Option<String>,
    /// TCP keep-alive; absent = that of the mesh.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Connections live no longer, a duration of at least 1 ms; absent = no limit.
    pub max_connection_duration: Option<String>,
    /// A connection without traffic is closed, a duration of at least 1 ms, or 0 = never;
    /// absent = 1 h.
    pub idle_timeout: Option<String>,
}

/// TCP keep-alive (`SO_KEEPALIVE`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpKeepalive {
    /// Unanswered probes before the connection is dead; absent or 0 = the system's value.
    pub probes: u32,
    /// Idle time before the first probe; absent = the system's value.
    pub time: Option<String>,
    /// Time between probes; absent = the system's value.
    pub interval: Option<String>,
}

/// Limits of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpSettings {
    /// Requests that wait for a connection; absent or 0 = no limit.
    pub http1_max_pending_requests: i32,
    /// Requests in flight; absent or 0 = no limit.
    pub http2_max_requests: i32,
    /// Requests per connection; absent or 0 = no limit.
    pub max_requests_per_connection: i32,
    /// Retries in flight; absent or 0 = no limit.
    pub max_retries: i32,
    /// A connection without requests is closed, a duration of at least 1 ms; absent = the
    /// `idleTimeout` of `tcp`, else 1 h.
    pub idle_timeout: Option<String>,
    /// Whether HTTP/2 is spoken on an HTTP/1.1 port.
    pub h2_upgrade_policy: H2UpgradePolicy,
    /// Whether the client's HTTP version is spoken.
    pub use_client_protocol: bool,
    /// Streams per HTTP/2 connection; absent or 0 = Envoy's default.
    pub max_concurrent_streams: i32,
    /// HTTP/2 pings; absent = none.
    pub http2_keep_alive: Option<Http2KeepAlive>,
}

/// Whether HTTP/2 is spoken on an HTTP/1.1 port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum H2UpgradePolicy {
    /// As the mesh configuration says.
    #[default]
    Default,
    /// No.
    DoNotUpgrade,
    /// Yes.
    Upgrade,
}

/// HTTP/2 PING.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http2KeepAlive {
    /// Time between pings; required.
    pub interval: Option<String>,
    /// Limit for the answer; required.
    pub timeout: Option<String>,
}
