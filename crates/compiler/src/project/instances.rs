//! The instances of a service, whoever declares them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::decl::endpoints::{Endpoint, EndpointState, Endpoints, Identity};
use ferromesh_mesh::decl::service::{Registry, Resolution, Service, ServicePort, TargetPort};
use ferromesh_mesh::decl::workload::{PeerTls, WorkloadKind};
use ferromesh_mesh::name::Locality;

use crate::index::reading::Reading;
use crate::link::attributes::{self, Attributes};
use crate::link::mtls::Plaintext;
use crate::link::ports;
use crate::question::index_pair;

/// An instance of a service's port.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) address: Arc<str>,
    pub(super) port: u16,
    pub(super) state: EndpointState,
    pub(super) weight: u32,
    pub(super) attributes: Attributes,
    pub(super) for_zones: Vec<Arc<str>>,
    /// Whether it is listed, and not selected: the latter have no hints.
    pub(super) is_declared: bool,
    /// Whether it speaks the mesh's TLS on this port.
    pub(super) peer_tls: PeerTls,
}

/// The instances of a service's port that take traffic, those of a subset only if `labels` says
/// so.
pub(super) fn of_service(
    service: &Service,
    port: &ServicePort,
    labels: Option<&Labels>,
    reading: &mut Reading<'_>,
) -> Vec<Instance> {
    let mut instances = match &service.resolution {
        Resolution::Declared | Resolution::Headless => declared(service, port, reading),
        Resolution::Workloads => [WorkloadKind::Pod, WorkloadKind::Entry]
            .into_iter()
            .flat_map(|kind| selected(service, port, kind, reading))
            .collect(),
        Resolution::Dns(_) | Resolution::DnsRoundRobin(_) | Resolution::Original => Vec::new(),
    };
    forbid(&mut instances, service, reading);
    if let Some(labels) = labels {
        instances.retain(|instance| {
            labels
                .iter()
                .all(|(key, value)| instance.attributes.labels.get(key) == Some(value))
        });
    }
    instances
}

/// Takes from instances what policies forbid them.
fn forbid(instances: &mut [Instance], service: &Service, reading: &mut Reading<'_>) {
    let mut plaintext = Plaintext::of(&service.namespace, reading);
    if plaintext.is_nowhere() {
        return;
    }
    for instance in instances {
        if instance.peer_tls == PeerTls::Mesh
            && plaintext.holds(&instance.attributes.labels, instance.port, reading)
        {
            instance.peer_tls = PeerTls::Plain;
        }
    }
}

fn declared(service: &Service, port: &ServicePort, reading: &mut Reading<'_>) -> Vec<Instance> {
    let slices: Vec<_> = reading
        .instances(&service.namespace, &service.host)
        .cloned()
        .collect();
    let mut instances = Vec::new();
    for slice in &slices {
        for endpoint in &slice.instances {
            let Some(state) = published(endpoint.state, service) else {
                continue;
            };
            let Some(number) = port_of(slice, endpoint, port) else {
                continue;
            };
            let (attributes, weight, peer_tls) = identify(slice, endpoint, reading);
            instances.push(Instance {
                address: endpoint.address.clone(),
                port: number,
                state,
                weight,
                attributes,
                for_zones: endpoint.for_zones.clone(),
                is_declared: true,
                peer_tls,
            });
        }
    }
    // Clients find the instances of a headless service by DNS, which knows no entries (Istio).
    if service.registry == Registry::Kubernetes && service.resolution == Resolution::Declared {
        instances.extend(entries(service, port, &slices, reading));
    }
    instances
}

/// The state in which clients of a service see an instance, if they see it.
fn published(state: EndpointState, service: &Service) -> Option<EndpointState> {
    match (state, service.publish_not_ready) {
        (EndpointState::NotReady, false) => None,
        (EndpointState::NotReady, true) => Some(EndpointState::Ready),
        (EndpointState::Ready | EndpointState::Draining, _) => Some(state),
    }
}

fn port_of(slice: &Endpoints, endpoint: &Endpoint, port: &ServicePort) -> Option<u16> {
    let by_name = endpoint
        .ports
        .get(&port.name)
        .or_else(|| slice.ports.get(&port.name));
    match (by_name, &port.target) {
        (Some(number), _) => Some(*number),
        // An entry's endpoints that list no ports use the target port.
        (None, TargetPort::Number(number)) if slice.ports.is_empty() => Some(*number),
        (None, _) => None,
    }
}

fn identify(
    slice: &Endpoints,
    endpoint: &Endpoint,
    reading: &mut Reading<'_>,
) -> (Attributes, u32, PeerTls) {
    let workload = match &endpoint.identity {
        Identity::Workload(name) => reading.workload(name),
        Identity::ByAddress => reading.at_address(&slice.namespace, &endpoint.address),
        Identity::Inline {
            labels,
            locality,
            network,
            peer_tls,
            service_account: _,
            weight,
        } => {
            let attributes = Attributes {
                labels: labels.clone(),
                locality: locality.clone(),
                network: Some(network.clone()),
                node: endpoint.node.clone(),
            };
            return (attributes, *weight, *peer_tls);
        }
    };
    let Some(workload) = workload else {
        let attributes = Attributes {
            labels: Arc::default(),
            locality: place(endpoint, reading),
            network: None,
            node: endpoint.node.clone(),
        };
        return (attributes, 1, PeerTls::Plain);
    };
    let mut attributes = Attributes::of(workload, reading);
    if attributes.locality.is_unknown() {
        attributes.locality = place(endpoint, reading);
    }
    if attributes.node.is_none() {
        attributes.node = endpoint.node.clone();
    }
    (attributes, workload.weight, workload.peer_tls)
}

/// Where an instance is, as the slice knows it.
fn place(endpoint: &Endpoint, reading: &mut Reading<'_>) -> Locality {
    let of_node = attributes::of_node(endpoint.node.as_ref(), reading);
    if of_node.is_unknown() {
        Locality {
            region: Arc::from(""),
            zone: endpoint.zone.clone(),
            subzone: Arc::from(""),
        }
    } else {
        of_node
    }
}

/// Entries that a Kubernetes service selects beside the instances of its slices (Istio). What
/// Kubernetes says of an address counts, even that it is not ready.
fn entries(
    service: &Service,
    port: &ServicePort,
    slices: &[Arc<Endpoints>],
    reading: &mut Reading<'_>,
) -> Vec<Instance> {
    let known: BTreeSet<&Arc<str>> = slices
        .iter()
        .flat_map(|slice| &slice.instances)
        .map(|endpoint| &endpoint.address)
        .collect();
    let mut found = selected(service, port, WorkloadKind::Entry, reading);
    found.retain(|instance| !known.contains(&instance.address));
    found
}

/// Workloads of a kind that a service selects. DNS names can't be endpoints; they are left out.
fn selected(
    service: &Service,
    port: &ServicePort,
    kind: WorkloadKind,
    reading: &mut Reading<'_>,
) -> Vec<Instance> {
    let Some(selector) = &service.selector else {
        return Vec::new();
    };
    let workloads: Vec<_> = reading
        .labelled(&service.namespace, kind, index_pair(selector))
        .filter(|workload| selector.selects(&workload.labels))
        .collect();
    workloads
        .into_iter()
        .filter_map(|workload| {
            let address = workload
                .addresses
                .iter()
                .find(|address| address.parse::<IpAddr>().is_ok())?;
            Some(Instance {
                address: address.clone(),
                port: ports::of_workload(workload, port)?,
                state: published(workload.state, service)?,
                weight: workload.weight,
                attributes: Attributes::of(workload, reading),
                for_zones: Vec::new(),
                is_declared: false,
                peer_tls: workload.peer_tls,
            })
        })
        .collect()
}
