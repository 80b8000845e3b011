//! Inbound listeners of a Sidecar.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::decl::sidecar::{AppEndpoint, IngressListener, ListenerPort};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::protocol::Protocol;
use serde_json::Value;

use super::{lower_capture, lower_pool, server_tls};
use crate::{effect, faults, host, port, protocol, workload_entry};

/// The sound listeners.
pub(super) fn lower_all(
    listeners: &[Part<istio::IngressListener>],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<IngressListener> {
    let mut seen = BTreeSet::new();
    let mut lowered = Vec::with_capacity(listeners.len());
    for (index, part) in listeners.iter().enumerate() {
        let at = at.item(index);
        let errors = remarks.errors();
        let Some(listener) = faults::read_part(part, &at, remarks)
            .and_then(|listener| lower(&listener, &at, remarks))
        else {
            continue;
        };
        let number = listener.port.number;
        if !seen.insert(number) {
            remarks.error(
                &at.field("port"),
                "duplicate-port",
                format!("port {number} is listened on twice"),
            );
        }
        if remarks.errors() == errors {
            lowered.push(listener);
        }
    }
    lowered
}

fn lower(
    listener: &istio::IngressListener,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<IngressListener> {
    let istio::IngressListener {
        port,
        bind,
        capture_mode,
        default_endpoint,
        tls,
        connection_pool,
    } = listener;
    let port_field = at.field("port");
    let Some(port) = port else {
        remarks.error(&port_field, "missing-field", "is required");
        return None;
    };
    let lowered = lower_port(port, &port_field, remarks);
    check_bind(bind, &at.field("bind"), remarks);
    let app = lower_app(default_endpoint, &at.field("defaultEndpoint"), remarks);
    if let Some(tls) = tls {
        server_tls::check(tls, &port.protocol, &at.field("tls"), remarks);
    }
    let pool_field = at.field("connectionPool");
    let pool = lower_pool(connection_pool.as_ref(), &pool_field, remarks);
    let port = lowered?;
    if let Some(pool) = connection_pool {
        warn_of_http(pool.value(), port.protocol.is_http(), &pool_field, remarks);
    }
    Some(IngressListener {
        port,
        bind: Arc::from(bind.as_str()),
        capture: lower_capture(*capture_mode),
        app: app?,
        pool,
        origin: remarks.origin(at),
    })
}

/// What a pool says of HTTP and what does nothing on a port of its own.
fn warn_of_http(pool: &Value, is_http: bool, at: &Path<'_>, remarks: &mut Remarks) {
    let Some(http) = pool.get("http").filter(|http| !http.is_null()) else {
        return;
    };
    let at = at.field("http");
    if !is_http {
        effect::none(&at, "the port's protocol is not HTTP", remarks);
        return;
    }
    for field in ["h2UpgradePolicy", "useClientProtocol"] {
        if http.get(field).is_some_and(|value| !value.is_null()) {
            let reason = "the application is always spoken to as the client speaks";
            effect::none(&at.field(field), reason, remarks);
        }
    }
}

/// A port with a number; `None` if it is unsound.
pub(super) fn lower_port(
    listener_port: &istio::SidecarPort,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<ListenerPort> {
    let istio::SidecarPort {
        number,
        protocol,
        name,
        target_port,
    } = listener_port;
    if *target_port > 0 {
        remarks.error(
            &at.field("targetPort"),
            "unsupported-field",
            "has no meaning in a Sidecar",
        );
    }
    if !name.is_empty() {
        workload_entry::check_port_name(name, &at.field("name"), remarks);
    }
    let number = port::lower(*number, &at.field("number"), remarks);
    let protocol: Protocol = protocol::lower(protocol, &at.field("protocol"), remarks);
    Some(ListenerPort {
        number: number?,
        name: Arc::from(name.as_str()),
        protocol,
    })
}

/// The address of a listener.
pub(super) fn check_bind(bind: &str, at: &Path<'_>, remarks: &mut Remarks) {
    if !bind.is_empty() && !host::is_address(bind) {
        remarks.error(
            at,
            "invalid-address",
            format!("{bind:?} is not an IP address"),
        );
    }
}

/// Where the app listens; `None` if it is unsound.
fn lower_app(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<AppEndpoint> {
    if text.is_empty() {
        return Some(AppEndpoint::Default);
    }
    if let Some(path) = text.strip_prefix("unix://") {
        workload_entry::check_socket(path, at, remarks)?;
        return Some(AppEndpoint::Unix(Arc::from(path)));
    }
    let endpoint = text
        .rsplit_once(':')
        .and_then(|(address, number)| parse_app(address, number));
    if endpoint.is_none() {
        remarks
            .error(at, "invalid-address", format!("invalid endpoint {text:?}"))
            .advise(
                "write 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///path/to/socket",
            );
    }
    endpoint
}

fn parse_app(address: &str, number: &str) -> Option<AppEndpoint> {
    let number = number.parse().ok().filter(|number: &u16| *number > 0)?;
    let address = match address {
        "" | "127.0.0.1" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        "[::1]" => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        "0.0.0.0" | "[::]" => return Some(AppEndpoint::Instance(number)),
        _ => return None,
    };
    Some(AppEndpoint::Loopback(SocketAddr::new(address, number)))
}
