//! Resources that an Envoy takes, and some that it does not.

use ferromesh_envoy as pb;
use ferromesh_xds::{Resource, ResourceType};
use pb::Message;

pub(super) fn encode(
    ty: ResourceType,
    name: &str,
    body: &impl Message,
    eds: bool,
    refers_to: &[&str],
) -> Resource {
    let aliases: &[&str] = if ty == ResourceType::VirtualHost {
        &[name]
    } else {
        &[]
    };
    let refers_to: Vec<_> = refers_to
        .iter()
        .map(|name| std::sync::Arc::from(*name))
        .collect();
    Resource::encode(
        ty,
        name,
        aliases,
        &body.encode_to_vec(),
        refers_to,
        eds.then(|| name.into()),
    )
}

fn ads() -> pb::core::ConfigSource {
    pb::core::ConfigSource {
        config_source_specifier: Some(pb::core::config_source::ConfigSourceSpecifier::Ads(
            pb::core::AggregatedConfigSource::default(),
        )),
        resource_api_version: pb::core::ApiVersion::V3.into(),
        ..pb::core::ConfigSource::default()
    }
}

pub(super) fn cluster(name: &str, seconds: i64, ring: Option<(u64, u64)>) -> Resource {
    use pb::cluster::cluster::{
        ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, LbConfig, LbPolicy, RingHashLbConfig,
    };
    let ring = ring.map(|(least, most)| {
        LbConfig::RingHashLbConfig(RingHashLbConfig {
            minimum_ring_size: Some(least),
            maximum_ring_size: Some(most),
            ..RingHashLbConfig::default()
        })
    });
    let body = pb::cluster::Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(ads()),
            ..EdsClusterConfig::default()
        }),
        connect_timeout: Some(pb::Duration { seconds, nanos: 0 }),
        lb_policy: if ring.is_some() {
            LbPolicy::RingHash.into()
        } else {
            LbPolicy::RoundRobin.into()
        },
        lb_config: ring,
        ..pb::cluster::Cluster::default()
    };
    encode(ResourceType::Cluster, name, &body, true, &[])
}

/// A cluster that Envoy refuses: without a time it cannot be said how long to connect.
pub(super) fn bad_cluster(name: &str) -> Resource {
    cluster(name, -1, None)
}

pub(super) fn endpoints(name: &str) -> Resource {
    let body = pb::endpoint::ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        ..pb::endpoint::ClusterLoadAssignment::default()
    };
    encode(ResourceType::Endpoints, name, &body, false, &[])
}

pub(super) fn virtual_host(name: &str, cluster: &str) -> pb::route::VirtualHost {
    use pb::route::{Route, RouteAction, RouteMatch, route::Action, route_action, route_match};
    pb::route::VirtualHost {
        name: name.to_owned(),
        domains: vec![name.to_owned()],
        routes: vec![Route {
            r#match: Some(RouteMatch {
                path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
                ..RouteMatch::default()
            }),
            action: Some(Action::Route(RouteAction {
                cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(
                    cluster.to_owned(),
                )),
                ..RouteAction::default()
            })),
            ..Route::default()
        }],
        ..pb::route::VirtualHost::default()
    }
}

/// A table, with its hosts elsewhere or inline.
pub(super) fn table(name: &str, inline: Option<pb::route::VirtualHost>) -> Resource {
    let vhds = inline.is_none().then(|| pb::route::Vhds {
        config_source: Some(ads()),
    });
    let body = pb::route::RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: inline.into_iter().collect(),
        vhds,
        ..pb::route::RouteConfiguration::default()
    };
    encode(ResourceType::Route, name, &body, false, &["a"])
}

pub(super) fn listener(name: &str, table: &str) -> Resource {
    use pb::hcm::http_connection_manager::RouteSpecifier;
    use pb::listener::{Filter, FilterChain, filter::ConfigType};
    let manager = pb::hcm::HttpConnectionManager {
        stat_prefix: "in".to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(pb::hcm::Rds {
            config_source: Some(ads()),
            route_config_name: table.to_owned(),
        })),
        http_filters: vec![pb::hcm::HttpFilter {
            name: "router".to_owned(),
            config_type: Some(pb::hcm::http_filter::ConfigType::TypedConfig(pb::any(
                &pb::router::Router::default(),
            ))),
            ..pb::hcm::HttpFilter::default()
        }],
        ..pb::hcm::HttpConnectionManager::default()
    };
    let socket = pb::core::SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(pb::core::socket_address::PortSpecifier::PortValue(0)),
        ..pb::core::SocketAddress::default()
    };
    let body = pb::listener::Listener {
        name: name.to_owned(),
        address: Some(pb::core::Address {
            address: Some(pb::core::address::Address::SocketAddress(socket)),
        }),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "http".to_owned(),
                config_type: Some(ConfigType::TypedConfig(pb::any(&manager))),
            }],
            ..FilterChain::default()
        }],
        ..pb::listener::Listener::default()
    };
    encode(ResourceType::Listener, name, &body, false, &[])
}
