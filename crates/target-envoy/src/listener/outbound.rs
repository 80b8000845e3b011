//! Outbound listeners: the one that all captured traffic reaches first, those by port and
//! address that it hands over to, bound ones, and the HTTP proxy.

use std::net::SocketAddr;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;
use ipnet::IpNet;

use envoy::core::TrafficDirection;
use envoy::listener::{FilterChain, FilterChainMatch};
use mesh::view::cluster::ClusterName;
use mesh::view::listener::{Bind, ListenerName, Outbound, TcpForward};
use mesh::view::route_table::TableName;

use super::chain::{Speaks, chain, to_port};
use super::{Filters, bound, inspectors, on};
use crate::filters::http::{Routes, Side};
use crate::names;

/// The listener that all captured traffic reaches.
pub(super) fn virtual_listener(
    addresses: &[SocketAddr],
    fallback: &ClusterName,
    filters: &mut Filters<'_>,
) -> envoy::listener::Listener {
    // Who connects to the listener itself would be sent back to it for ever.
    let itself = addresses.first().map(|own| {
        let black_hole = filters.connections(&ClusterName::BlackHole);
        let matches = to_port(own.port());
        chain(
            names::VIRTUAL_OUTBOUND_BLACK_HOLE,
            Some(matches),
            black_hole,
        )
    });
    let rest = filters.connections(fallback);
    let rest = chain(names::VIRTUAL_OUTBOUND_CATCH_ALL, None, rest);
    envoy::listener::Listener {
        use_original_dst: Some(true),
        filter_chains: itself.into_iter().chain([rest]).collect(),
        ..on(addresses, TrafficDirection::Outbound)
    }
}

/// The HTTP proxy.
pub(super) fn http_proxy(
    name: &ListenerName,
    table: &TableName,
    filters: &Filters<'_>,
) -> envoy::listener::Listener {
    envoy::listener::Listener {
        filter_chains: vec![chain("", None, requests(name, Bind::Bound, table, filters))],
        ..bound(TrafficDirection::Outbound)
    }
}

/// How connections are told apart.
pub(super) struct Choice {
    /// Those that speak HTTP; `None` if nobody asks.
    http: Option<FilterChain>,
    /// The others.
    rest: FilterChain,
}

/// How the connections of a listener are told apart.
pub(super) fn choice(
    name: &ListenerName,
    bind: Bind,
    traffic: &Outbound,
    fallback: &ClusterName,
    filters: &mut Filters<'_>,
) -> Choice {
    let http = |table, filters: &Filters<'_>| {
        let matches = Speaks::Http.matches(None);
        Some(chain(
            "",
            Some(matches),
            requests(name, bind, table, filters),
        ))
    };
    match (traffic, bind) {
        // A bound listener has no other destination to fall back to.
        (Outbound::Http(table), Bind::Bound) => Choice {
            http: None,
            rest: chain("", None, requests(name, bind, table, filters)),
        },
        (Outbound::Http(table), Bind::Captured) => Choice {
            http: http(table, filters),
            rest: chain(
                names::PASSTHROUGH_CHAIN,
                None,
                filters.connections(fallback),
            ),
        },
        (Outbound::Tcp(forward), _) => Choice {
            http: None,
            rest: chain("", None, filters.forward(forward)),
        },
        (Outbound::Detect { http: table, tcp }, _) => Choice {
            http: http(table, filters),
            rest: chain("", None, filters.forward(tcp)),
        },
    }
}

fn requests(
    name: &ListenerName,
    bind: Bind,
    table: &TableName,
    filters: &Filters<'_>,
) -> Vec<envoy::listener::Filter> {
    let statistics = format!("outbound_{}", names::listener(name));
    let routes = Routes::Table(names::table(table));
    filters.requests(&statistics, Side::Client(bind), routes)
}

/// A listener for a port, perhaps of one address.
///
/// The HTTP inspector suffices: a TLS handshake is nothing like HTTP, and with a TLS inspector
/// the protocols that the *client* offers in it could be taken for the answer.
pub(super) fn listener(
    bind: Bind,
    ranges: &[(IpNet, TcpForward)],
    choice: Choice,
    filters: &mut Filters<'_>,
) -> envoy::listener::Listener {
    let Choice { http, rest } = choice;
    let inspector = http.as_ref().map(|_| inspectors::http_inspector(None));
    let mut chains: Vec<_> = ranges
        .iter()
        .map(|(range, forward)| {
            let matches = FilterChainMatch {
                prefix_ranges: vec![cidr(*range)],
                ..Default::default()
            };
            chain("", Some(matches), filters.forward(forward))
        })
        .chain(http)
        .collect();
    // What begins to match one chain and then doesn't would match none; so the rest is no
    // chain among others but the default, unless it is the only one.
    let default = if chains.is_empty() {
        chains.push(rest);
        None
    } else {
        Some(rest)
    };
    envoy::listener::Listener {
        listener_filters: inspector.into_iter().collect(),
        filter_chains: chains,
        default_filter_chain: default,
        ..match bind {
            Bind::Bound => bound(TrafficDirection::Outbound),
            Bind::Captured => envoy::listener::Listener {
                bind_to_port: Some(false),
                max_connections_to_accept_per_socket_event: None,
                ..on(&[], TrafficDirection::Outbound)
            },
        }
    }
}

fn cidr(range: IpNet) -> envoy::core::CidrRange {
    envoy::core::CidrRange {
        address_prefix: range.network().to_string(),
        prefix_len: Some(range.prefix_len().into()),
    }
}
