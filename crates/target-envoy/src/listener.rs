//! Listeners.

mod chain;
mod inbound;
mod inspectors;
mod mtls;
mod outbound;

use std::net::SocketAddr;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::Message;
use envoy::core::TrafficDirection;
use mesh::policy::access_log::AccessLog;
use mesh::view::listener::{Listener, ListenerName, ListenerTraffic};

use crate::access_log::Writer;
use crate::filters::authorization::Audit;
use crate::route::References;
use crate::{Emitted, Kind, access_log, endpoints, names};

/// What all filters of a listener need: the log, and a place to note whom they use.
struct Filters<'a> {
    log: &'a AccessLog,
    references: &'a mut References,
}

/// The listener of a view.
pub(crate) fn emit(view: &Listener) -> Emitted {
    let mut references = References::new();
    let listener = listener(view, &mut references);
    Emitted {
        kind: Kind::Listener,
        name: listener.name.clone(),
        aliases: Vec::new(),
        body: listener.encode_to_vec(),
        refers_to: references.into_iter().collect(),
        eds: None,
    }
}

fn listener(view: &Listener, references: &mut References) -> envoy::listener::Listener {
    let Listener {
        name,
        traffic,
        access_log,
        detection_timeout,
        origin: _,
    } = view;
    let mut filters = Filters {
        log: access_log,
        references,
    };
    let part = match traffic {
        ListenerTraffic::VirtualOutbound {
            addresses,
            fallback,
        } => outbound::virtual_listener(addresses, fallback, &mut filters),
        ListenerTraffic::Outbound {
            bind,
            ranges,
            traffic,
            fallback,
        } => {
            let choice = outbound::choice(name, *bind, traffic, fallback, &mut filters);
            outbound::listener(*bind, ranges, choice, &mut filters)
        }
        ListenerTraffic::HttpProxy { table } => outbound::http_proxy(name, table, &filters),
        ListenerTraffic::VirtualInbound {
            addresses,
            transparent,
            ports,
            rest,
            rest_mtls,
            security,
        } => inbound::Captured {
            addresses,
            transparent: *transparent,
            ports,
            rest,
            rest_mtls: *rest_mtls,
            security,
        }
        .listener(&mut filters),
        ListenerTraffic::Inbound { port, security } => {
            inbound::listener(name, port, security, &mut filters)
        }
    };
    envoy::listener::Listener {
        name: names::listener(name),
        address: part.address.clone().or_else(|| address(name)),
        access_log: access_log::listener_logs(access_log, writer(name)),
        listener_filters_timeout: Some(envoy::duration(*detection_timeout)),
        // Who stays silent is no HTTP client.
        continue_on_listener_filters_timeout: true,
        ..part
    }
}

fn writer(name: &ListenerName) -> Writer {
    match name {
        ListenerName::VirtualInbound | ListenerName::Inbound(_) => Writer::Server(Audit::Nothing),
        ListenerName::VirtualOutbound | ListenerName::Outbound(_) | ListenerName::HttpProxy(_) => {
            Writer::Client
        }
    }
}

/// The address that a name says; the virtual listeners bring their own.
fn address(name: &ListenerName) -> Option<envoy::core::Address> {
    match name {
        ListenerName::VirtualOutbound | ListenerName::VirtualInbound => None,
        ListenerName::Outbound(address)
        | ListenerName::Inbound(address)
        | ListenerName::HttpProxy(address) => Some(socket(*address)),
    }
}

fn socket(address: SocketAddr) -> envoy::core::Address {
    endpoints::socket_address(&address.ip().to_string(), address.port())
}

/// A listener on all of these addresses.
fn on(addresses: &[SocketAddr], direction: TrafficDirection) -> envoy::listener::Listener {
    let mut addresses = addresses.iter().copied().map(socket);
    envoy::listener::Listener {
        address: addresses.next(),
        additional_addresses: addresses
            .map(|address| envoy::listener::AdditionalAddress {
                address: Some(address),
                ..Default::default()
            })
            .collect(),
        traffic_direction: direction as i32,
        // Istio's value: bursts spread over the workers instead of filling one.
        max_connections_to_accept_per_socket_event: Some(1),
        ..Default::default()
    }
}

/// A listener on the address that its name says. It takes the port for itself: with Envoy's
/// default, a second process would share it in silence.
fn bound(direction: TrafficDirection) -> envoy::listener::Listener {
    envoy::listener::Listener {
        enable_reuse_port: Some(false),
        ..on(&[], direction)
    }
}
