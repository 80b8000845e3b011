//! The HTTP connection manager and its filters.

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::hcm::http_connection_manager as hcm;
use hcm::ServerHeaderTransformation;
use mesh::policy::access_log::AccessLog;
use mesh::policy::path_normalization::PathNormalization;
use mesh::view::listener::Bind;

use super::authorization::Guard;
use super::{marks, network, not_sent};
use crate::access_log::Writer;
use crate::{access_log, config_source, forward_proxy, names, path_normalization};

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
    /// Marks requests as such for servers of the mesh.
    Mark,
    /// Forwarding; always the last.
    Router,
}

impl HttpFilter {
    /// Those for requests of this side, in order.
    fn all(side: Side<'_>) -> &'static [Self] {
        match side {
            Side::Server(_) => &[Self::Fault, Self::Cors, Self::Router],
            Side::Client(Bind::Captured) => &[Self::Fault, Self::Cors, Self::Mark, Self::Router],
            // Only there unknown hosts go to whom they name.
            Side::Client(Bind::Bound) => &[
                Self::Fault,
                Self::Cors,
                Self::HeaderMutation,
                Self::ForwardProxy,
                Self::Mark,
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
            Self::Mark => "envoy.filters.http.set_filter_state",
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
            Self::Mark => envoy::any(&marks::filter()),
            Self::Router => envoy::any(&envoy::router::Router::default()),
        };
        filter(&self.name(), config)
    }
}

/// An HTTP filter.
pub(super) fn filter(name: &str, config: envoy::Any) -> envoy::hcm::HttpFilter {
    envoy::hcm::HttpFilter {
        name: name.to_owned(),
        config_type: Some(envoy::hcm::http_filter::ConfigType::TypedConfig(config)),
        ..Default::default()
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
pub(crate) enum Side<'a> {
    /// The workload's, which come like this.
    Client(Bind),
    /// Those to the workload.
    Server(Entrance<'a>),
}

/// How a workload is reached, and what is demanded of those who come.
#[derive(Clone, Copy)]
pub(crate) struct Entrance<'a> {
    /// What is demanded.
    pub(crate) guard: &'a Guard<'a>,
    /// Where they come in.
    pub(crate) door: Door,
}

/// Where somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Nobody asks who they are.
    Open,
    /// They have proven who they are by the mesh's TLS.
    Mesh,
}

/// Requests.
pub(crate) fn requests(
    statistics: &str,
    side: Side<'_>,
    routes: Routes,
    log: &AccessLog,
) -> envoy::listener::Filter {
    // Istio's names and, on the way in, the app's own header if it has one.
    let (server_name, server_header, writer) = match side {
        Side::Client(_) => ("", ServerHeaderTransformation::Overwrite, Writer::Client),
        Side::Server(Entrance { guard, door: _ }) => (
            "istio-envoy",
            ServerHeaderTransformation::PassThrough,
            Writer::Server(guard.audit),
        ),
    };
    let judges = match side {
        Side::Client(_) => Vec::new(),
        Side::Server(Entrance { guard, door: _ }) => guard.requests(),
    };
    let manager = envoy::hcm::HttpConnectionManager {
        stat_prefix: names::statistics(statistics),
        route_specifier: Some(route_specifier(routes)),
        http_filters: judges
            .into_iter()
            .chain(HttpFilter::all(side).iter().map(|filter| filter.filter()))
            .collect(),
        access_log: access_log::access_logs(log, writer),
        server_name: server_name.to_owned(),
        server_header_transformation: server_header as i32,
        // The peer is a sidecar or the app; its address says nothing about the origin.
        use_remote_address: Some(false),
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
        local_reply_config: match side {
            Side::Client(_) => None,
            Side::Server(_) => Some(not_sent::local_replies()),
        },
        ..Default::default()
    };
    let manager = path_normalization::apply(paths(side), peers(side, manager));
    network("envoy.filters.network.http_connection_manager", &manager)
}

fn paths(side: Side<'_>) -> PathNormalization {
    match side {
        Side::Client(_) => PathNormalization::Base,
        Side::Server(Entrance { guard, door: _ }) => guard.security.paths,
    }
}

/// Adds who asked to the header for it where that is proven; what anybody else says there is
/// dropped (Envoy's default).
fn peers(
    side: Side<'_>,
    manager: envoy::hcm::HttpConnectionManager,
) -> envoy::hcm::HttpConnectionManager {
    match side {
        Side::Client(_)
        | Side::Server(Entrance {
            guard: _,
            door: Door::Open,
        }) => manager,
        Side::Server(Entrance {
            guard: _,
            door: Door::Mesh,
        }) => envoy::hcm::HttpConnectionManager {
            forward_client_cert_details: hcm::ForwardClientCertDetails::AppendForward as i32,
            set_current_client_cert_details: Some(hcm::SetCurrentClientCertDetails {
                subject: Some(true),
                dns: true,
                uri: true,
                ..Default::default()
            }),
            ..manager
        },
    }
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
