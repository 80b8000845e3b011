//! Ports of a ServiceEntry.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::decl::service::{ServicePort, TargetPort};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use crate::workload_entry::check_port_name;
use crate::{bounds, faults, port, protocol};

/// The sound ports, at the path `at` (the list).
pub(super) fn lower_all(
    ports: &[Part<istio::ServicePort>],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<ServicePort> {
    bounds::at_most(256, ports.len(), at, remarks);
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let mut lowered = Vec::with_capacity(ports.len());
    for (index, part) in ports.iter().enumerate() {
        let at = at.item(index);
        let Some(port) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        let errors = remarks.errors();
        if !names.insert(port.name.clone()) {
            let message = format!("port name {:?} is written twice", port.name);
            remarks.error(&at.field("name"), "duplicate-port", message);
        }
        if !numbers.insert(port.number) {
            let message = format!("port {} is written twice", port.number);
            remarks.error(&at.field("number"), "duplicate-port", message);
        }
        if let Some(port) = lower(&port, &at, remarks)
            && remarks.errors() == errors
        {
            lowered.push(port);
        }
    }
    lowered
}

fn lower(
    service_port: &istio::ServicePort,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<ServicePort> {
    let istio::ServicePort {
        number,
        protocol,
        name,
        target_port,
    } = service_port;
    check_port_name(name, &at.field("name"), remarks);
    let number = port::lower(*number, &at.field("number"), remarks);
    let protocol = protocol::lower(protocol, &at.field("protocol"), remarks);
    let target = match target_port {
        0 => number,
        target => port::lower(*target, &at.field("targetPort"), remarks),
    };
    Some(ServicePort {
        number: number?,
        name: Arc::from(name.as_str()),
        protocol,
        target: TargetPort::Number(target?),
    })
}
