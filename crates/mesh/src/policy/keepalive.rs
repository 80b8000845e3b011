//! Keeping connections alive.

use std::time::Duration;

/// TCP keep-alive; `None` = the operating system's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TcpKeepalive {
    /// Unanswered probes before the connection is dead.
    pub probes: Option<u32>,
    /// Idle time before the first probe.
    pub time: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
}

/// HTTP/2 PING.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Http2Keepalive {
    /// Time between pings.
    pub interval: Duration,
    /// Limit for the answer.
    pub timeout: Duration,
}
