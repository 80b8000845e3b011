//! Connection pools and the limits that break circuits.

use std::time::Duration;

use super::keepalive::{Http2Keepalive, TcpKeepalive};

/// Limits of a connection pool. `u32::MAX` = no limit, as in Istio.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionPool {
    /// Connections (`tcp.maxConnections`).
    pub max_connections: u32,
    /// Requests that wait for a connection (`http.http1MaxPendingRequests`).
    pub max_pending_requests: u32,
    /// Requests in flight (`http.http2MaxRequests`).
    pub max_requests: u32,
    /// Retries in flight (`http.maxRetries`).
    pub max_retries: u32,
    /// Requests per connection; 0 = no limit.
    pub max_requests_per_connection: u32,
    /// Streams per HTTP/2 connection; 0 = Envoy's default.
    pub max_concurrent_streams: u32,
    /// Limit for connecting; `None` = the mesh's `connectTimeout`.
    pub connect_timeout: Option<Duration>,
    /// A connection without requests is closed; `None` = Envoy's default of 1 h.
    pub http_idle_timeout: Option<Duration>,
    /// A TCP connection without traffic is closed; `None` = Envoy's default of 1 h; zero = never.
    pub tcp_idle_timeout: Option<Duration>,
    /// Connections live no longer; `None` = no limit.
    pub max_connection_duration: Option<Duration>,
    /// TCP keep-alive; `None` = the mesh's `tcpKeepalive`.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// HTTP/2 pings.
    pub http2_keepalive: Option<Http2Keepalive>,
    /// Which HTTP version is spoken to the backend.
    pub http_version: HttpVersion,
}

/// Which HTTP version is spoken to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// What the port's protocol says (`h2UpgradePolicy: DEFAULT` with the mesh's default of no
    /// upgrade, and `DO_NOT_UPGRADE`).
    FromPort,
    /// HTTP/2 even on an HTTP/1.1 port (`UPGRADE`).
    Upgrade,
    /// What the client speaks (`useClientProtocol`).
    FromClient,
}

impl ConnectionPool {
    /// The pool of a destination that says nothing.
    pub const UNLIMITED: Self = Self {
        max_connections: u32::MAX,
        max_pending_requests: u32::MAX,
        max_requests: u32::MAX,
        max_retries: u32::MAX,
        max_requests_per_connection: 0,
        max_concurrent_streams: 0,
        connect_timeout: None,
        http_idle_timeout: None,
        tcp_idle_timeout: None,
        max_connection_duration: None,
        tcp_keepalive: None,
        http2_keepalive: None,
        http_version: HttpVersion::FromPort,
    };
}
