//! The few resources of Envoy that the tests of the agent need.

use std::net::SocketAddr;

use ferromesh_envoy::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use ferromesh_envoy::core::{Address, SocketAddress, address, socket_address};
use ferromesh_envoy::endpoint::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint,
};
use ferromesh_envoy::hcm::http_filter::ConfigType as HttpConfig;
use ferromesh_envoy::hcm::{
    HttpConnectionManager, HttpFilter, http_connection_manager::RouteSpecifier,
};
use ferromesh_envoy::listener::filter::ConfigType;
use ferromesh_envoy::listener::{Filter, FilterChain, Listener};
use ferromesh_envoy::route::route_action::ClusterSpecifier;
use ferromesh_envoy::route::route_match::PathSpecifier;
use ferromesh_envoy::route::{
    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route,
};
use ferromesh_envoy::{any, cluster::Cluster, core, router};

pub fn address(of: SocketAddr) -> Address {
    let socket = SocketAddress {
        address: of.ip().to_string(),
        port_specifier: Some(socket_address::PortSpecifier::PortValue(of.port().into())),
        ..SocketAddress::default()
    };
    Address {
        address: Some(address::Address::SocketAddress(socket)),
    }
}

fn filter(name: &str, config: ferromesh_envoy::Any) -> Filter {
    Filter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

/// Listens on an address with one filter.
fn listener(name: &str, on: SocketAddr, filter: Filter) -> Listener {
    Listener {
        name: name.to_owned(),
        address: Some(address(on)),
        traffic_direction: core::TrafficDirection::Inbound.into(),
        filter_chains: vec![FilterChain {
            filters: vec![filter],
            ..FilterChain::default()
        }],
        ..Listener::default()
    }
}

/// Sends all HTTP requests to a cluster.
pub fn http_listener(on: SocketAddr, cluster: &str) -> Listener {
    let route = Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(route::Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
            ..RouteAction::default()
        })),
        ..Route::default()
    };
    let host = VirtualHost {
        name: "all".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    let routes = RouteConfiguration {
        name: "all".to_owned(),
        virtual_hosts: vec![host],
        ..RouteConfiguration::default()
    };
    let router = HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(HttpConfig::TypedConfig(any(&router::Router::default()))),
        ..HttpFilter::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: "inbound".to_owned(),
        route_specifier: Some(RouteSpecifier::RouteConfig(routes)),
        http_filters: vec![router],
        ..HttpConnectionManager::default()
    };
    listener(
        "http",
        on,
        filter(
            "envoy.filters.network.http_connection_manager",
            any(&manager),
        ),
    )
}

/// One endpoint.
pub fn static_cluster(name: &str, endpoint: SocketAddr) -> Cluster {
    let endpoint = Endpoint {
        address: Some(address(endpoint)),
        ..Endpoint::default()
    };
    let endpoint = LbEndpoint {
        host_identifier: Some(lb_endpoint::HostIdentifier::Endpoint(endpoint)),
        ..LbEndpoint::default()
    };
    Cluster {
        name: name.to_owned(),
        // As our control plane does, so that dots in names do no harm.
        alt_stat_name: format!("{name};"),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: name.to_owned(),
            endpoints: vec![LocalityLbEndpoints {
                lb_endpoints: vec![endpoint],
                ..LocalityLbEndpoints::default()
            }],
            ..ClusterLoadAssignment::default()
        }),
        ..Cluster::default()
    }
}
