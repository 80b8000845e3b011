//! `networking.istio.io` ConnectionPoolSettings, of DestinationRule and Sidecar.

use super::schema::{Schema, boolean, choice, duration, int32, may, object, string, uint32};

/// Limits of a connection pool.
pub fn connection_pool() -> Schema {
    object([
        may("tcp", "Limits of connections.", tcp()),
        may("http", "Limits of requests.", http()),
    ])
}

fn tcp() -> Schema {
    let keepalive = object([
        may(
            "probes",
            "Unanswered probes before the connection is dead; 0 = the system's value.",
            uint32(),
        ),
        may(
            "time",
            "Idle time before the first probe; absent = the system's value.",
            duration(),
        ),
        may(
            "interval",
            "Time between probes; absent = the system's value.",
            duration(),
        ),
    ]);
    object([
        may("maxConnections", "Connections; 0 = no limit.", int32()),
        may(
            "connectTimeout",
            "Limit for connecting; absent = that of the mesh.",
            duration(),
        ),
        may(
            "tcpKeepalive",
            "TCP keep-alive; absent = that of the mesh.",
            keepalive,
        ),
        may(
            "maxConnectionDuration",
            "Connections live no longer; absent = no limit.",
            duration(),
        ),
        may(
            "idleTimeout",
            "A connection without traffic is closed, 0s = never; absent = 1h.",
            string(),
        ),
    ])
}

fn http() -> Schema {
    let upgrade = choice(["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]);
    let keepalive = object([
        may("interval", "Time between pings.", duration()),
        may("timeout", "Limit for the answer.", duration()),
    ]);
    object([
        may(
            "http1MaxPendingRequests",
            "Requests that wait for a connection; 0 = no limit.",
            int32(),
        ),
        may(
            "http2MaxRequests",
            "Requests in flight; 0 = no limit.",
            int32(),
        ),
        may(
            "maxRequestsPerConnection",
            "Requests per connection; 0 = no limit.",
            int32(),
        ),
        may("maxRetries", "Retries in flight; 0 = no limit.", int32()),
        may(
            "idleTimeout",
            "A connection without requests is closed; absent = that of tcp, else 1h.",
            duration(),
        ),
        may(
            "h2UpgradePolicy",
            "Whether HTTP/2 is spoken on an HTTP/1.1 port.",
            upgrade,
        ),
        may(
            "useClientProtocol",
            "Whether the client's version is spoken.",
            boolean(),
        ),
        may(
            "maxConcurrentStreams",
            "Streams per HTTP/2 connection; 0 = Envoy's default.",
            int32(),
        ),
        may("http2KeepAlive", "HTTP/2 pings; absent = none.", keepalive),
    ])
}
