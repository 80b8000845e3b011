//! Inbound listeners: all captured traffic in one, or bound ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::core::TrafficDirection;
use envoy::listener::FilterChain;
use mesh::policy::mtls::MtlsMode;
use mesh::view::cluster::ClusterName;
use mesh::view::listener::{InboundPort, InboundTraffic, ListenerName, any_address};
use mesh::view::security::InboundSecurity;

use super::chain::{Speaks, chain, to_port};
use super::mtls::{self, Serves};
use super::{Filters, bound, inspectors, on};
use crate::authorization::needs_server_name;
use crate::filters::authorization::{Declared, Guard};
use crate::filters::http::{Entrance, Routes, Side};
use crate::{names, route};

/// A listener for one port.
pub(super) fn listener(
    name: &ListenerName,
    port: &InboundPort,
    security: &InboundSecurity,
    filters: &mut Filters<'_>,
) -> envoy::listener::Listener {
    let named = needs_server_name(security);
    let guard = Guard::new(security, filters.references);
    let part = Part {
        name: names::listener(name),
        matched: None,
        named,
        guard: &guard,
    };
    envoy::listener::Listener {
        listener_filters: inspectors::of_port(port, named),
        filter_chains: part.chains(port, filters),
        ..bound(TrafficDirection::Inbound)
    }
}

/// All captured traffic.
pub(super) struct Captured<'a> {
    /// Where it comes.
    pub(super) addresses: &'a [SocketAddr],
    /// Whether the client's address is kept.
    pub(super) transparent: bool,
    /// Declared ports.
    pub(super) ports: &'a [InboundPort],
    /// The others.
    pub(super) rest: &'a ClusterName,
    /// Which connections those take.
    pub(super) rest_mtls: MtlsMode,
    /// What is demanded.
    pub(super) security: &'a InboundSecurity,
}

impl Captured<'_> {
    /// The listener.
    pub(super) fn listener(&self, filters: &mut Filters<'_>) -> envoy::listener::Listener {
        let named = needs_server_name(self.security);
        envoy::listener::Listener {
            transparent: self.transparent.then_some(true),
            listener_filters: inspectors::of_virtual_inbound(self, named),
            filter_chains: self.chains(named, filters),
            ..on(self.addresses, TrafficDirection::Inbound)
        }
    }

    fn chains(&self, named: bool, filters: &mut Filters<'_>) -> Vec<FilterChain> {
        let guard = Guard::new(self.security, filters.references);
        let first = self.addresses.first();
        // Who connects to the listener itself would be sent back to it for ever.
        let itself = first.map(|own| {
            let black_hole = filters.connections(&ClusterName::BlackHole);
            let matches = to_port(own.port());
            chain(names::VIRTUAL_INBOUND_BLACK_HOLE, Some(matches), black_hole)
        });
        let any = any_address(first.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip));
        let mut all: Vec<_> = itself.into_iter().collect();
        for port in self.ports {
            let part = Part {
                name: names::bound(SocketAddr::new(any, port.port)),
                matched: Some(port.port),
                named,
                guard: &guard,
            };
            all.extend(part.chains(port, filters));
        }
        all.extend(self.undeclared(&guard, filters));
        all
    }

    /// The chains for ports that nobody declared.
    fn undeclared(&self, guard: &Guard<'_>, filters: &mut Filters<'_>) -> Vec<FilterChain> {
        let cluster = names::cluster(self.rest);
        let chains = mtls::chains(InboundTraffic::Detect, self.rest_mtls, true);
        chains
            .into_iter()
            .map(|(speaks, serves, door)| {
                let entrance = Entrance { guard, door };
                let (name, inside) = match serves {
                    Serves::Requests => {
                        let table =
                            Routes::Inline(Box::new(route::inbound(self.rest, 0, &cluster)));
                        (
                            names::VIRTUAL_INBOUND_CATCH_ALL_HTTP,
                            filters.requests(&cluster, Side::Server(entrance), table),
                        )
                    }
                    Serves::Connections => (
                        names::VIRTUAL_INBOUND,
                        filters.admitted(self.rest, entrance, Declared::Others),
                    ),
                };
                secured(chain(name, Some(speaks.matches(None)), inside), entrance)
            })
            .collect()
    }
}

/// A port's part of a listener.
struct Part<'a> {
    /// The name of its chains.
    name: String,
    /// The port, if the listener has others.
    matched: Option<u16>,
    /// Whether policies ask for the server name.
    named: bool,
    /// What is demanded.
    guard: &'a Guard<'a>,
}

impl Part<'_> {
    fn chains(&self, port: &InboundPort, filters: &mut Filters<'_>) -> Vec<FilterChain> {
        let tells_tls = inspectors::tells_tls(port.traffic, port.mtls, self.named);
        mtls::chains(port.traffic, port.mtls, tells_tls)
            .into_iter()
            .map(|found| self.chain(port, found, filters))
            .collect()
    }

    fn chain(
        &self,
        port: &InboundPort,
        (speaks, serves, door): mtls::Chain,
        filters: &mut Filters<'_>,
    ) -> FilterChain {
        let InboundPort {
            port: number,
            cluster,
            traffic,
            mtls: _,
            label,
        } = port;
        let entrance = Entrance {
            guard: self.guard,
            door,
        };
        let declared = match traffic {
            InboundTraffic::Tcp { server_first: _ } => Declared::Connections,
            InboundTraffic::Http | InboundTraffic::Detect => Declared::Others,
        };
        let inside = match serves {
            Serves::Requests => {
                filters.references.insert(names::cluster(cluster));
                let table = route::inbound(cluster, *number, label);
                let routes = Routes::Inline(Box::new(table));
                let statistics = format!("inbound_{}", self.name);
                filters.requests(&statistics, Side::Server(entrance), routes)
            }
            Serves::Connections => filters.admitted(cluster, entrance, declared),
        };
        let matches = Speaks::matches(speaks, self.matched);
        secured(chain(&self.name, Some(matches), inside), entrance)
    }
}

fn secured(chain: FilterChain, entrance: Entrance<'_>) -> FilterChain {
    FilterChain {
        transport_socket: mtls::socket(entrance.door, entrance.guard.security),
        ..chain
    }
}
