//! Inbound listeners: all captured traffic in one, or bound ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::core::TrafficDirection;
use envoy::listener::FilterChain;
use mesh::view::cluster::ClusterName;
use mesh::view::listener::{InboundPort, InboundTraffic, ListenerName, any_address};

use super::chain::{Speaks, chain, to_port};
use super::{Filters, bound, inspectors};
use crate::filters::http::{Routes, Side};
use crate::{names, route};

/// A listener for one port.
pub(super) fn listener(
    name: &ListenerName,
    port: &InboundPort,
    filters: &mut Filters<'_>,
) -> envoy::listener::Listener {
    envoy::listener::Listener {
        listener_filters: inspectors::of_port(port.traffic),
        filter_chains: chains(&names::listener(name), port, None, filters),
        ..bound(TrafficDirection::Inbound)
    }
}

/// The chains for all captured traffic.
pub(super) fn virtual_chains(
    addresses: &[SocketAddr],
    ports: &[InboundPort],
    rest: &ClusterName,
    filters: &mut Filters<'_>,
) -> Vec<FilterChain> {
    let first = addresses.first();
    // Who connects to the listener itself would be sent back to it for ever.
    let itself = first.map(|own| {
        let black_hole = filters.connections(&ClusterName::BlackHole);
        let matches = to_port(own.port());
        chain(names::VIRTUAL_INBOUND_BLACK_HOLE, Some(matches), black_hole)
    });
    let any = any_address(first.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip));
    let mut all: Vec<_> = itself.into_iter().collect();
    for port in ports {
        let name = names::bound(SocketAddr::new(any, port.port));
        all.extend(chains(&name, port, Some(port.port), filters));
    }
    all.extend(undeclared(rest, filters));
    all
}

/// The chains of a port, `matched` if it shares its listener with others. TLS is the app's
/// own, and none of our business.
fn chains(
    name: &str,
    port: &InboundPort,
    matched: Option<u16>,
    filters: &mut Filters<'_>,
) -> Vec<FilterChain> {
    let InboundPort {
        port: number,
        cluster,
        traffic,
        mtls: _,
        label,
    } = port;
    let speaks: &[Speaks] = match traffic {
        InboundTraffic::Http => &[Speaks::Plain, Speaks::Tls],
        InboundTraffic::Tcp { server_first: _ } => &[Speaks::Plain],
        InboundTraffic::Detect => &[Speaks::Http, Speaks::Plain, Speaks::Tls],
    };
    speaks
        .iter()
        .map(|speaks| {
            let requests = match (speaks, traffic) {
                (Speaks::Http, _) | (Speaks::Plain, InboundTraffic::Http) => true,
                (Speaks::Plain | Speaks::Tls, _) => false,
            };
            let filters = if requests {
                filters.references.insert(names::cluster(cluster));
                let table = route::inbound(cluster, *number, label);
                let routes = Routes::Inline(Box::new(table));
                filters.requests(&format!("inbound_{name}"), Side::Server, routes)
            } else {
                filters.connections(cluster)
            };
            chain(name, Some(speaks.matches(matched)), filters)
        })
        .collect()
}

/// The chains for ports that nobody declared.
fn undeclared(rest: &ClusterName, filters: &mut Filters<'_>) -> [FilterChain; 3] {
    let cluster = names::cluster(rest);
    let table = Routes::Inline(Box::new(route::inbound(rest, 0, &cluster)));
    [
        chain(
            names::VIRTUAL_INBOUND_CATCH_ALL_HTTP,
            Some(Speaks::Http.matches(None)),
            filters.requests(&cluster, Side::Server, table),
        ),
        chain(
            names::VIRTUAL_INBOUND,
            Some(Speaks::Plain.matches(None)),
            filters.connections(rest),
        ),
        chain(
            names::VIRTUAL_INBOUND,
            Some(Speaks::Tls.matches(None)),
            filters.connections(rest),
        ),
    ]
}
