//! Which HTTP version is spoken to the instances, and how.

use std::collections::BTreeMap;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig;
use envoy::upstream_http::http_protocol_options::{
    ExplicitHttpConfig, OutlierDetection, UpstreamProtocolOptions, UseDownstreamHttpConfig,
};
use mesh::policy::connection_pool::HttpVersion;
use mesh::policy::protocol::Protocol;
use mesh::view::cluster::{Cluster, ClusterName};

use super::{keepalive, outlier, tls};

/// The key of the options in a cluster.
const EXTENSION: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Envoy's bound for streams on a connection.
const MOST_STREAMS: u32 = 0x7fff_ffff;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
    AsClient,
}

/// The options, by the key that Envoy expects; empty if nothing differs from HTTP/1.1 with
/// Envoy's defaults.
pub(super) fn options(view: &Cluster) -> BTreeMap<String, envoy::Any> {
    let version = version(view);
    let common = common(view);
    let errors = view
        .outlier
        .as_ref()
        .and_then(|policy| outlier::error_matcher(&policy.error_codes));
    let by_request = tls::asks_by_request(view);
    if version == Version::Http1 && common.is_none() && errors.is_none() && by_request.is_none() {
        return BTreeMap::new();
    }
    let options = envoy::upstream_http::HttpProtocolOptions {
        common_http_protocol_options: common,
        upstream_http_protocol_options: by_request,
        upstream_protocol_options: Some(protocols(version, http2(view))),
        outlier_detection: errors.map(|matcher| OutlierDetection {
            error_matcher: Some(matcher),
        }),
        ..Default::default()
    };
    BTreeMap::from([(EXTENSION.to_owned(), envoy::any(&options))])
}

/// Which version that is.
pub(super) fn version(view: &Cluster) -> Version {
    match (&view.name, view.http_version, view.protocol) {
        // Nobody said what is spoken there.
        (ClusterName::Passthrough | ClusterName::InboundPassthrough, ..)
        | (_, HttpVersion::FromClient, _)
        | (_, HttpVersion::FromPort, Protocol::Detect) => Version::AsClient,
        (_, HttpVersion::Upgrade, _) => Version::Http2,
        (_, HttpVersion::FromPort, protocol) if protocol.is_http2() => Version::Http2,
        (_, HttpVersion::FromPort, _) => Version::Http1,
    }
}

fn protocols(
    version: Version,
    http2: envoy::core::Http2ProtocolOptions,
) -> UpstreamProtocolOptions {
    let http1 = envoy::core::Http1ProtocolOptions::default();
    let explicit = |config| {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(config),
        })
    };
    match version {
        Version::Http1 => explicit(ProtocolConfig::HttpProtocolOptions(http1)),
        Version::Http2 => explicit(ProtocolConfig::Http2ProtocolOptions(http2)),
        Version::AsClient => {
            UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
                http_protocol_options: Some(http1),
                http2_protocol_options: Some(http2),
                ..Default::default()
            })
        }
    }
}

fn http2(view: &Cluster) -> envoy::core::Http2ProtocolOptions {
    let streams = view.limits.max_concurrent_streams;
    envoy::core::Http2ProtocolOptions {
        max_concurrent_streams: (streams > 0).then(|| streams.min(MOST_STREAMS)),
        connection_keepalive: view.http2_keepalive.as_ref().map(keepalive::http2),
        ..Default::default()
    }
}

fn common(view: &Cluster) -> Option<envoy::core::HttpProtocolOptions> {
    let requests = view.limits.max_requests_per_connection;
    let options = envoy::core::HttpProtocolOptions {
        idle_timeout: view.http_idle_timeout.map(envoy::duration),
        max_connection_duration: view.max_connection_duration.map(envoy::duration),
        max_requests_per_connection: (requests > 0).then_some(requests),
        ..Default::default()
    };
    (options != envoy::core::HttpProtocolOptions::default()).then_some(options)
}
