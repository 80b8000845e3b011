//! Inline endpoints of a ServiceEntry.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_mesh::decl::endpoints::{Endpoint, EndpointState, Endpoints, Identity};
use ferromesh_mesh::decl::service::{DnsTarget, Service, ServicePort, TargetPort};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Hostname, Locality};
use ferromesh_mesh::path::Path;

use crate::workload_entry::{self, Address, Instance};
use crate::{bounds, effect, faults};

/// The instances that an entry declares itself.
pub(super) enum Instances {
    /// At addresses.
    Static(Vec<Endpoint>),
    /// At names; empty = at that of the host.
    Dns(Vec<DnsTarget>),
    /// None.
    Elsewhere,
}

impl Instances {
    /// The instances of a host.
    pub(super) fn endpoints(&self, service: &Service, host: Hostname) -> Option<Endpoints> {
        let instances = match self {
            Self::Static(instances) if !instances.is_empty() => instances.clone(),
            Self::Static(_) | Self::Dns(_) | Self::Elsewhere => return None,
        };
        Some(Endpoints {
            host,
            namespace: service.namespace.clone(),
            ports: service.ports.iter().filter_map(target_port).collect(),
            instances,
        })
    }
}

fn target_port(port: &ServicePort) -> Option<(Arc<str>, u16)> {
    match &port.target {
        TargetPort::Number(number) => Some((port.name.clone(), *number)),
        TargetPort::Name(_) => None,
    }
}

/// The host itself, to be resolved.
pub(super) fn target_of(host: &Hostname) -> DnsTarget {
    DnsTarget {
        address: Arc::from(host.as_str()),
        ports: Vec::new(),
        labels: BTreeMap::new(),
        locality: Locality::default(),
        weight: 1,
    }
}

/// The sound endpoints of an entry.
pub(super) fn lower_all(
    entry: &istio::ServiceEntry,
    ports: &[ServicePort],
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Instances {
    let list = spec.field("endpoints");
    bounds::at_most(4096, entry.endpoints.len(), &list, remarks);
    let mut endpoints = Vec::new();
    let mut targets = Vec::new();
    for (index, part) in entry.endpoints.iter().enumerate() {
        let at = list.item(index);
        let Some(endpoint) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        let errors = remarks.errors();
        let address = workload_entry::lower_address(&endpoint, &at, remarks);
        let instance = workload_entry::lower_instance(&endpoint, &BTreeMap::new(), &at, remarks);
        check_ports(&instance, ports, &at.field("ports"), remarks);
        let address = match entry.resolution {
            istio::Resolution::Static => refuse_name(address, &at, remarks),
            istio::Resolution::Dns | istio::Resolution::DnsRoundRobin => {
                refuse_elsewhere(address, &at, remarks)
            }
            istio::Resolution::None | istio::Resolution::DynamicDns => address,
        };
        let (Some(Address::Ip(address) | Address::Name(address)), true) =
            (address, remarks.errors() == errors)
        else {
            continue;
        };
        match entry.resolution {
            istio::Resolution::Static => endpoints.push(declare(address, instance)),
            istio::Resolution::Dns | istio::Resolution::DnsRoundRobin => {
                warn_of_account(&endpoint, &at, remarks);
                targets.push(name(address, instance));
            }
            istio::Resolution::None | istio::Resolution::DynamicDns => {}
        }
    }
    match entry.resolution {
        istio::Resolution::Static => Instances::Static(endpoints),
        // None of them is sound: the host must not be resolved in their stead.
        istio::Resolution::Dns | istio::Resolution::DnsRoundRobin
            if targets.is_empty() && !entry.endpoints.is_empty() =>
        {
            Instances::Static(Vec::new())
        }
        istio::Resolution::Dns | istio::Resolution::DnsRoundRobin => Instances::Dns(targets),
        istio::Resolution::None | istio::Resolution::DynamicDns => Instances::Elsewhere,
    }
}

fn declare(address: Arc<str>, instance: Instance) -> Endpoint {
    let Instance {
        labels,
        service_account,
        peer_tls,
        locality,
        network,
        ports,
        weight,
    } = instance;
    Endpoint {
        address,
        state: EndpointState::Ready,
        identity: Identity::Inline {
            labels,
            locality,
            network,
            peer_tls,
            service_account,
            weight,
        },
        zone: Arc::from(""),
        node: None,
        ports,
        for_zones: Vec::new(),
    }
}

fn name(address: Arc<str>, instance: Instance) -> DnsTarget {
    let Instance {
        labels,
        service_account: _,
        peer_tls: _,
        locality,
        network: _,
        ports,
        weight,
    } = instance;
    DnsTarget {
        address,
        ports: ports.into_iter().collect(),
        labels: Arc::unwrap_or_clone(labels),
        locality,
        weight,
    }
}

/// What a name is resolved to may be anybody: only the names that are demanded count.
fn warn_of_account(endpoint: &istio::WorkloadEntry, at: &Path<'_>, remarks: &mut Remarks) {
    if !endpoint.service_account.is_empty() {
        effect::not_yet(&at.field("serviceAccount"), remarks);
    }
}

fn check_ports(instance: &Instance, ports: &[ServicePort], at: &Path<'_>, remarks: &mut Remarks) {
    for name in instance.ports.keys() {
        if !ports.iter().any(|port| port.name == *name) {
            remarks.error(
                &at.field(name),
                "unknown-port",
                format!("the entry has no port {name:?}"),
            );
        }
    }
}

fn refuse_name(address: Option<Address>, at: &Path<'_>, remarks: &mut Remarks) -> Option<Address> {
    if let Some(Address::Name(name)) = &address {
        remarks
            .error(
                &at.field("address"),
                "invalid-address",
                format!("{name:?} is not an IP address"),
            )
            .advise("write an IP address, or resolution: DNS");
        return None;
    }
    address
}

fn refuse_elsewhere(
    address: Option<Address>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Address> {
    if let Some(Address::Elsewhere) = &address {
        remarks.error(
            &at.field("address"),
            "invalid-address",
            "must be a DNS name or an IP address",
        );
        return None;
    }
    address
}
