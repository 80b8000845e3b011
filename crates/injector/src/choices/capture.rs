//! What is captured.

use ipnet::IpNet;

use crate::annotation::{Annotations, name};
use crate::traffic::{self, Chosen, Interface, Port};
use crate::{Refusal, Settings};

/// What is captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capture {
    pub inbound_ports: Chosen<Port>,
    pub exclude_inbound_ports: Chosen<Port>,
    pub outbound_ranges: Chosen<IpNet>,
    pub exclude_outbound_ranges: Chosen<IpNet>,
    pub outbound_ports: Chosen<Port>,
    pub exclude_outbound_ports: Chosen<Port>,
    pub virtual_interfaces: Chosen<Interface>,
    pub exclude_interfaces: Chosen<Interface>,
}

/// Reads the annotations about capture.
pub(super) fn read(settings: &Settings, said: Annotations<'_>) -> Result<Capture, Refusal> {
    let all_ports = |text: &str| traffic::all_or_list(text, traffic::port);
    let ports = |text: &str| traffic::list(text, traffic::port);
    let interfaces = |text: &str| traffic::list(text, traffic::interface);
    let of_mesh = &settings.capture;
    let virtual_interfaces = match said.get(name::REROUTE_INTERFACES) {
        Some(_) => name::REROUTE_INTERFACES,
        None => name::KUBEVIRT_INTERFACES,
    };
    Ok(Capture {
        inbound_ports: said.read_or(
            name::INCLUDE_INBOUND_PORTS,
            &of_mesh.include_inbound_ports,
            all_ports,
        )?,
        exclude_inbound_ports: said.read_or(
            name::EXCLUDE_INBOUND_PORTS,
            &of_mesh.exclude_inbound_ports,
            ports,
        )?,
        outbound_ranges: said.read_or(
            name::INCLUDE_OUTBOUND_IP_RANGES,
            &of_mesh.include_outbound_ip_ranges,
            |text| traffic::all_or_list(text, traffic::range),
        )?,
        exclude_outbound_ranges: said.read_or(
            name::EXCLUDE_OUTBOUND_IP_RANGES,
            &of_mesh.exclude_outbound_ip_ranges,
            |text| traffic::list(text, traffic::range),
        )?,
        outbound_ports: said.read_or(
            name::INCLUDE_OUTBOUND_PORTS,
            &of_mesh.include_outbound_ports,
            all_ports,
        )?,
        exclude_outbound_ports: said.read_or(
            name::EXCLUDE_OUTBOUND_PORTS,
            &of_mesh.exclude_outbound_ports,
            ports,
        )?,
        virtual_interfaces: said.read_or(virtual_interfaces, "", interfaces)?,
        exclude_interfaces: said.read_or(name::EXCLUDE_INTERFACES, "", interfaces)?,
    })
}
