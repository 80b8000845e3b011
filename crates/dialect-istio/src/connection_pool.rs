//! Connection pools and the limits that break circuits.

use std::time::Duration;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::connection_pool::{ConnectionPool, HttpVersion};

use crate::{bounds, duration, effect, keepalive};

/// A connection pool at the path `at`. Zero means "no limit" everywhere: protobuf can't tell it
/// from an absent field.
pub fn lower(pool: &istio::ConnectionPool, at: &Path<'_>, remarks: &mut Remarks) -> ConnectionPool {
    let istio::ConnectionPool { tcp, http } = pool;
    if tcp.is_none() && http.is_none() {
        remarks.error(at, "empty-block", "must have at least one of tcp and http");
    }
    let mut lowered = ConnectionPool::UNLIMITED;
    if let Some(tcp) = tcp {
        lower_tcp(tcp, &mut lowered, &at.field("tcp"), remarks);
    }
    if let Some(http) = http {
        lower_http(http, &mut lowered, &at.field("http"), remarks);
    }
    lowered
}

fn lower_tcp(
    tcp: &istio::TcpSettings,
    pool: &mut ConnectionPool,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let istio::TcpSettings {
        max_connections,
        connect_timeout,
        tcp_keepalive,
        max_connection_duration,
        idle_timeout,
    } = tcp;
    pool.max_connections = bounds::limit(*max_connections, &at.field("maxConnections"), remarks);
    pool.connect_timeout = bounds::millis(
        connect_timeout.as_deref(),
        &at.field("connectTimeout"),
        remarks,
    );
    pool.tcp_keepalive = tcp_keepalive
        .as_ref()
        .map(|keepalive| keepalive::lower_tcp(keepalive, &at.field("tcpKeepalive"), remarks));
    pool.max_connection_duration = bounds::millis(
        max_connection_duration.as_deref(),
        &at.field("maxConnectionDuration"),
        remarks,
    );
    pool.tcp_idle_timeout = idle_timeout
        .as_deref()
        .and_then(|text| lower_idle_timeout(text, &at.field("idleTimeout"), remarks));
    // Istio applies it to requests, too, unless these have their own.
    pool.http_idle_timeout = pool.tcp_idle_timeout;
}

/// Zero is allowed here, and turns the timeout off.
fn lower_idle_timeout(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    match ferromesh_api::duration::parse(text) {
        Ok(Duration::ZERO) => Some(Duration::ZERO),
        _ => duration::lower_millis(text, at, remarks),
    }
}

fn lower_http(
    http: &istio::HttpSettings,
    pool: &mut ConnectionPool,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let istio::HttpSettings {
        http1_max_pending_requests,
        http2_max_requests,
        max_requests_per_connection,
        max_retries,
        idle_timeout,
        h2_upgrade_policy,
        use_client_protocol,
        max_concurrent_streams,
        http2_keep_alive,
    } = http;
    pool.max_pending_requests = bounds::limit(
        *http1_max_pending_requests,
        &at.field("http1MaxPendingRequests"),
        remarks,
    );
    pool.max_requests = bounds::limit(*http2_max_requests, &at.field("http2MaxRequests"), remarks);
    pool.max_requests_per_connection = bounds::count(
        *max_requests_per_connection,
        &at.field("maxRequestsPerConnection"),
        remarks,
    );
    pool.max_retries = bounds::limit(*max_retries, &at.field("maxRetries"), remarks);
    pool.max_concurrent_streams = bounds::count(
        *max_concurrent_streams,
        &at.field("maxConcurrentStreams"),
        remarks,
    );
    let idle_timeout = bounds::millis(idle_timeout.as_deref(), &at.field("idleTimeout"), remarks);
    pool.http_idle_timeout = idle_timeout.or(pool.http_idle_timeout);
    pool.http2_keepalive = http2_keep_alive.as_ref().and_then(|keepalive| {
        keepalive::lower_http2(keepalive, &at.field("http2KeepAlive"), remarks)
    });
    pool.http_version = match (h2_upgrade_policy, use_client_protocol) {
        (istio::H2UpgradePolicy::Upgrade, true) => {
            effect::conflict(
                &at.field("useClientProtocol"),
                "h2UpgradePolicy: UPGRADE",
                remarks,
            );
            HttpVersion::FromClient
        }
        (_, true) => HttpVersion::FromClient,
        (istio::H2UpgradePolicy::Upgrade, false) => HttpVersion::Upgrade,
        (istio::H2UpgradePolicy::Default | istio::H2UpgradePolicy::DoNotUpgrade, false) => {
            HttpVersion::FromPort
        }
    };
}
