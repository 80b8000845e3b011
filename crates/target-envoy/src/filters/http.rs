//! The HTTP connection manager and its filters.

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::hcm::http_connection_manager as hcm;
use mesh::policy::access_log::AccessLog;
use mesh::view::listener::Bind;

use super::network;
use crate::{access_log, config_source, forward_proxy, names};

/// The HTTP filters. The order of declaration is the order in which requests pass them; routes
/// configure them by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HttpFilter {
    /// Delays and aborts, if the route says so.
    Fault,
    /// Preflights, if the route says so.
    Cors,
    /// Gives the next one an authority, if the route says so.
    HeaderMutation,
    /// Resolves hosts that nobody declares.
    ForwardProxy,
    /// Forwarding; always the last.
    Router,
}

impl HttpFilter {
    /// Those for requests of this side, in order.
    fn all(side: Side) -> &'static [Self] {
        match side {
            Side::Client(Bind::Captured) | Side::Server => &[Self::Fault, Self::Cors, Self::Router],
            // Only there unknown hosts go to whom they name.
            Side::Client(Bind::Bound) => &[
                Self::Fault,
                Self::Cors,
                Self::HeaderMutation,
                Self::ForwardProxy,
                Self::Router,
            ],
        }
    }

    /// Its name in the configuration.
    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::Fault => "envoy.filters.http.fault",
            Self::Cors => "envoy.filters.http.cors",
            Self::HeaderMutation => "envoy.filters.http.header_mutation",
            Self::ForwardProxy => "envoy.filters.http.dynamic_forward_proxy",
            Self::Router => "envoy.filters.http.router",
        };
        name.to_owned()
    }

    fn filter(self) -> envoy::hcm::HttpFilter {
        let config = match self {
            Self::Fault => envoy::any(&envoy::fault::HttpFault::default()),
            Self::Cors => envoy::any(&envoy::cors::Cors::default()),
            Self::HeaderMutation => envoy::any(&envoy::header_mutation::HeaderMutation::default()),
            Self::ForwardProxy => envoy::any(&forward_proxy::filter()),
            Self::Router => envoy::any(&envoy::router::Router::default()),
        };
        envoy::hcm::HttpFilter {
            name: self.name(),
            config_type: Some(envoy::hcm::http_filter::ConfigType::TypedConfig(config)),
            ..Default::default()
        }
    }
}

/// Where the connection manager has its routes from.
pub(crate) enum Routes {
    /// A table by name.
    Table(String),
    /// Its own.
    Inline(Box<envoy::route::RouteConfiguration>),
}

/// Whose requests these are.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// The workload's, which come like this.
    Client(Bind),
    /// Those to the workload.
    Server,
}

/// Requests.
pub(crate) fn requests(
    statistics: &str,
    side: Side,
    routes: Routes,
    log: &AccessLog,
) -> envoy::listener::Filter {
    // Istio's names and, on the way in, the app's own header if it has one.
    let (server_name, server_header) = match side {
        Side::Client(_) => ("", hcm::ServerHeaderTransformation::Overwrite),
        Side::Server => ("istio-envoy", hcm::ServerHeaderTransformation::PassThrough),
    };
    let manager = envoy::hcm::HttpConnectionManager {
        stat_prefix: names::statistics(statistics),
        route_specifier: Some(route_specifier(routes)),
        http_filters: HttpFilter::all(side)
            .iter()
            .map(|filter| filter.filter())
            .collect(),
        access_log: access_log::access_logs(log),
        server_name: server_name.to_owned(),
        server_header_transformation: server_header as i32,
        // The peer is a sidecar or the app; its address says nothing about the origin.
        use_remote_address: Some(false),
        normalize_path: Some(true),
        path_with_escaped_slashes_action: hcm::PathWithEscapedSlashesAction::KeepUnchanged as i32,
        upgrade_configs: vec![hcm::UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..Default::default()
        }],
        // Streams may be silent as long as they like; limits are a matter of routes.
        stream_idle_timeout: Some(envoy::duration(Duration::ZERO)),
        http_protocol_options: Some(envoy::core::Http1ProtocolOptions {
            accept_http_10: true,
            ..Default::default()
        }),
        proxy_100_continue: true,
        ..Default::default()
    };
    network("envoy.filters.network.http_connection_manager", &manager)
}

fn route_specifier(routes: Routes) -> hcm::RouteSpecifier {
    match routes {
        Routes::Table(name) => hcm::RouteSpecifier::Rds(envoy::hcm::Rds {
            // A listener without its table would answer 404.
            config_source: Some(config_source::ads(Duration::ZERO)),
            route_config_name: name,
        }),
        Routes::Inline(config) => hcm::RouteSpecifier::RouteConfig(*config),
    }
}
