//! The ports of a Service.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_mesh::decl::service::{ServicePort, TargetPort};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::protocol::Protocol;
use k8s_openapi::api::core::v1::{self, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Kind;
use crate::protocol;

/// Lowers `spec.ports`, in the author's order. Unsound ones are left out.
pub(super) fn lower(
    spec: &ServiceSpec,
    kind: Kind,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<ServicePort> {
    let at_ports = at.field("ports");
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && kind == Kind::Virtual {
        remarks.error(&at_ports, "missing-field", "at least one port is required");
    }
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let mut out = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let at = at_ports.item(index);
        let name = port.name.as_deref().unwrap_or_default();
        let transport = port.protocol.as_deref().unwrap_or("TCP");
        if name.is_empty() && ports.len() > 1 {
            remarks.error(
                &at.field("name"),
                "missing-field",
                "is required where there are several ports",
            );
        } else if !names.insert(name) {
            remarks.error(
                &at.field("name"),
                "duplicate-port",
                format!("there is another port {name:?}"),
            );
            continue;
        }
        if !numbers.insert((port.port, transport)) {
            let message = format!("there is another {transport} port {}", port.port);
            remarks.error(&at.field("port"), "duplicate-port", message);
            continue;
        }
        out.extend(lower_port(port, transport, kind, &at, remarks));
    }
    out
}

fn lower_port(
    port: &v1::ServicePort,
    transport: &str,
    kind: Kind,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<ServicePort> {
    let v1::ServicePort {
        app_protocol,
        name,
        node_port: _, // for clients outside of the cluster
        port: number,
        protocol: _,
        target_port,
    } = port;
    let name = name.as_deref().unwrap_or_default();
    let number = port_number(*number, &at.field("port"), remarks)?;
    let protocol = match transport {
        "TCP" | "" => protocol::select(
            number,
            name,
            app_protocol.as_deref().filter(|text| !text.is_empty()),
        ),
        "UDP" => Protocol::Udp,
        "SCTP" => {
            remarks.warning(
                &at.field("protocol"),
                "not-captured",
                "SCTP passes the mesh by",
            );
            Protocol::Udp
        }
        other => {
            remarks
                .error(
                    &at.field("protocol"),
                    "invalid-value",
                    format!("unknown protocol {other:?}"),
                )
                .advise("write TCP, UDP or SCTP here, and what is spoken in appProtocol");
            return None;
        }
    };
    let target = match target_port {
        // Where an external name leads, ports are the same.
        _ if kind == Kind::ExternalName => TargetPort::Number(number),
        None | Some(IntOrString::Int(0)) => TargetPort::Number(number),
        Some(IntOrString::Int(target)) => {
            TargetPort::Number(port_number(*target, &at.field("targetPort"), remarks)?)
        }
        Some(IntOrString::String(target)) if target.bytes().all(|b| b.is_ascii_digit()) => {
            remarks
                .error(
                    &at.field("targetPort"),
                    "invalid-port",
                    format!("{target:?} is the name of no port"),
                )
                .advise("write the number without quotes");
            return None;
        }
        Some(IntOrString::String(target)) => TargetPort::Name(Arc::from(&**target)),
    };
    Some(ServicePort {
        number,
        name: Arc::from(name),
        protocol,
        target,
    })
}

fn port_number(number: i32, at: &Path<'_>, remarks: &mut Remarks) -> Option<u16> {
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        remarks.error(
            at,
            "invalid-port",
            format!("{number} is no port number (1 to 65535)"),
        );
    }
    port
}
