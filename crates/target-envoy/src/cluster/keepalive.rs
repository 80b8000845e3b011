//! Keeping connections alive.

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use mesh::policy::keepalive::{Http2Keepalive, TcpKeepalive};

use super::SHORTEST;

/// TCP keep-alive.
pub(super) fn tcp(keepalive: &TcpKeepalive) -> envoy::cluster::UpstreamConnectionOptions {
    let TcpKeepalive {
        probes,
        time,
        interval,
    } = keepalive;
    envoy::cluster::UpstreamConnectionOptions {
        tcp_keepalive: Some(envoy::core::TcpKeepalive {
            keepalive_probes: *probes,
            keepalive_time: time.map(seconds),
            keepalive_interval: interval.map(seconds),
        }),
        ..Default::default()
    }
}

/// Whole seconds, at least one: the operating system knows no less.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}

/// HTTP/2 pings.
pub(super) fn http2(keepalive: &Http2Keepalive) -> envoy::core::KeepaliveSettings {
    let Http2Keepalive { interval, timeout } = keepalive;
    envoy::core::KeepaliveSettings {
        interval: Some(envoy::duration((*interval).max(SHORTEST))),
        timeout: Some(envoy::duration((*timeout).max(SHORTEST))),
        ..Default::default()
    }
}
