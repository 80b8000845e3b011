//! Pods: the workloads.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::endpoints::EndpointState;
use ferromesh_mesh::decl::workload::{PeerTls, Workload, WorkloadKind};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Namespace, Network, NodeName, ServiceAccount, WorkloadName};
use ferromesh_mesh::path::Path;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodStatus};

use crate::{faults, locality, metadata};

const NETWORK: &str = "topology.istio.io/network";
/// The label that the injector gives to pods with a proxy.
const TLS_MODE: &str = "security.istio.io/tlsMode";

/// Lowers a Pod. One that has finished, or has neither a node nor an address, is no workload.
/// Its readiness counts for those who select it; the services of Kubernetes go by EndpointSlices.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let Some(pod) = faults::read_object::<Pod>(object, remarks) else {
        return Vec::new();
    };
    metadata::remark_without_effect(object, &[], remarks);
    let spec = pod.spec.unwrap_or_default();
    let status = pod.status.unwrap_or_default();
    let addresses = addresses(&status, remarks);
    let has_finished = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let is_placed = spec.node_name.is_some() || !addresses.is_empty();
    if has_finished || !is_placed {
        return Vec::new();
    }
    let ports = ports(&spec, remarks);
    let labels = &object.metadata.labels;
    let account = spec
        .service_account_name
        .or(spec.service_account)
        .filter(|account| !account.is_empty());
    vec![Declaration::Workload(Arc::new(Workload {
        name: WorkloadName {
            namespace: Namespace::from(&*object.metadata.namespace),
            name: Arc::from(&*object.metadata.name),
        },
        kind: WorkloadKind::Pod,
        addresses,
        state: state(object, &status),
        labels: Arc::new(metadata::labels(labels)),
        service_account: ServiceAccount::from(account.as_deref().unwrap_or("default")),
        peer_tls: peer_tls(labels),
        node: spec.node_name.map(NodeName::from),
        locality: locality::of_pod(labels),
        network: Network::from(labels.get(NETWORK).map_or("", |network| network)),
        ports,
        weight: 1,
        origin: remarks.origin(&Path::Root("")),
    }))]
}

fn peer_tls(labels: &BTreeMap<String, String>) -> PeerTls {
    match labels.get(TLS_MODE).map(String::as_str) {
        Some("istio") => PeerTls::Mesh,
        Some(_) | None => PeerTls::Plain,
    }
}

/// A pod that says nothing of its readiness is ready.
fn state(object: &Object, status: &PodStatus) -> EndpointState {
    let mut conditions = status.conditions.iter().flatten();
    let is_ready = conditions
        .find(|condition| condition.type_ == "Ready")
        .is_none_or(|condition| condition.status == "True");
    let is_ending = !object.metadata.deletion_timestamp.is_empty();
    match (is_ready, is_ending) {
        (true, false) => EndpointState::Ready,
        (true, true) => EndpointState::Draining,
        (false, _) => EndpointState::NotReady,
    }
}

/// `podIPs`, else `podIP`.
fn addresses(status: &PodStatus, remarks: &mut Remarks) -> Vec<Arc<str>> {
    let at_status = Path::Root("status");
    let mut addresses = Vec::new();
    let all = status.pod_ips.iter().flatten().map(|ip| &ip.ip);
    for (index, ip) in all.enumerate() {
        let list = at_status.field("podIPs");
        let item = list.item(index);
        addresses.extend(address(ip, &item.field("ip"), remarks));
    }
    if let (true, Some(ip)) = (status.pod_ips.is_none(), &status.pod_ip) {
        addresses.extend(address(ip, &at_status.field("podIP"), remarks));
    }
    addresses
}

fn address(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Arc<str>> {
    if text.is_empty() {
        return None;
    }
    match text.parse::<IpAddr>() {
        Ok(ip) => Some(Arc::from(ip.to_string())),
        Err(_) => {
            remarks.error(at, "invalid-address", format!("{text:?} is no IP address"));
            None
        }
    }
}

/// Named ports of everything that keeps running. UDP ports are not captured, so nobody asks for
/// them by name.
fn ports(spec: &PodSpec, remarks: &mut Remarks) -> BTreeMap<Arc<str>, u16> {
    let at_spec = Path::Root("spec");
    let mut ports = BTreeMap::new();
    let keeps_running =
        |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = spec.init_containers.iter().flatten().enumerate();
    let sidecars = sidecars.filter(|(_, container)| keeps_running(container));
    let containers = spec.containers.iter().enumerate();
    let all = containers
        .map(|(index, container)| ("containers", index, container))
        .chain(sidecars.map(|(index, container)| ("initContainers", index, container)));
    for (list, index, container) in all {
        let at_list = at_spec.field(list);
        let at_container = at_list.item(index);
        let at_ports = at_container.field("ports");
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let at = at_ports.item(index);
            let Some(number) = u16::try_from(port.container_port)
                .ok()
                .filter(|port| *port > 0)
            else {
                remarks.error(
                    &at.field("containerPort"),
                    "invalid-port",
                    format!("{} is no port number (1 to 65535)", port.container_port),
                );
                continue;
            };
            let is_tcp = matches!(port.protocol.as_deref(), None | Some("TCP" | ""));
            if let (true, Some(name)) = (is_tcp, &port.name) {
                // The first of a name counts, as for Kubernetes.
                ports.entry(Arc::from(&**name)).or_insert(number);
            }
        }
    }
    ports
}
