//! EndpointSlices: the instances of a Service.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::endpoints::{Endpoint, EndpointState, Endpoints, Identity};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Namespace, NodeName, WorkloadName};
use ferromesh_mesh::path::Path;
use k8s_openapi::api::discovery::v1::{self, EndpointConditions, EndpointPort, EndpointSlice};

use crate::{faults, metadata, service};

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Lowers an EndpointSlice.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let Some(slice) = faults::read_object::<EndpointSlice>(object, remarks) else {
        return Vec::new();
    };
    metadata::remark_without_effect(object, &[], remarks);
    let EndpointSlice {
        address_type,
        endpoints,
        metadata: _,
        ports,
    } = slice;
    if !check_address_type(&address_type, remarks) {
        return Vec::new();
    }
    let namespace = &object.metadata.namespace;
    let Some(service) = object.metadata.labels.get(SERVICE_NAME) else {
        remarks
            .warning(
                &Path::Root("metadata").field("labels"),
                "no-service",
                format!("without the label {SERVICE_NAME} these are nobody's endpoints"),
            )
            .advise("give it the name of a Service in this namespace");
        return Vec::new();
    };
    let at_endpoints = Path::Root("endpoints");
    let mut instances = Vec::new();
    for (index, endpoint) in endpoints.into_iter().enumerate() {
        lower_endpoint(
            endpoint,
            namespace,
            &at_endpoints.item(index),
            &mut instances,
            remarks,
        );
    }
    vec![Declaration::Endpoints(Arc::new(Endpoints {
        host: service::host(service, namespace),
        namespace: Namespace::from(&**namespace),
        ports: lower_ports(&ports.unwrap_or_default(), remarks),
        instances,
    }))]
}

fn check_address_type(address_type: &str, remarks: &mut Remarks) -> bool {
    let at = Path::Root("addressType");
    match address_type {
        "IPv4" | "IPv6" => return true,
        "FQDN" => remarks
            .warning(
                &at,
                "no-effect",
                "FQDN slices have no effect, as in Istio and kube-proxy",
            )
            .advise("use a Service of type ExternalName, or a ServiceEntry with resolution DNS"),
        "" => remarks
            .error(&at, "missing-field", "is required")
            .advise("write IPv4 or IPv6"),
        other => remarks
            .error(
                &at,
                "invalid-value",
                format!("unknown address type {other:?}"),
            )
            .advise("write IPv4 or IPv6"),
    };
    false
}

fn lower_ports(ports: &[EndpointPort], remarks: &mut Remarks) -> BTreeMap<Arc<str>, u16> {
    let at_ports = Path::Root("ports");
    let mut by_name = BTreeMap::new();
    for (index, port) in ports.iter().enumerate() {
        let EndpointPort {
            app_protocol: _, // the Service's counts
            name,
            port,
            protocol: _, // that of the Service's port of this name
        } = port;
        let at = at_ports.item(index);
        let name: Arc<str> = Arc::from(name.as_deref().unwrap_or_default());
        let Some(port) = port else {
            remarks.warning(
                &at,
                "no-effect",
                "a port without number stands for all ports, and is not supported",
            );
            continue;
        };
        let Some(number) = u16::try_from(*port).ok().filter(|port| *port > 0) else {
            let message = format!("{port} is no port number (1 to 65535)");
            remarks.error(&at.field("port"), "invalid-port", message);
            continue;
        };
        if by_name.insert(name.clone(), number).is_some() {
            remarks.error(
                &at.field("name"),
                "duplicate-port",
                format!("there is another port {name:?}"),
            );
        }
    }
    by_name
}

fn lower_endpoint(
    endpoint: v1::Endpoint,
    namespace: &str,
    at: &Path<'_>,
    instances: &mut Vec<Endpoint>,
    remarks: &mut Remarks,
) {
    let v1::Endpoint {
        addresses,
        conditions,
        deprecated_topology,
        hints,
        hostname: _, // a DNS name of its own, which clients resolve to the address
        node_name,
        target_ref,
        zone,
    } = endpoint;
    if deprecated_topology.is_some_and(|topology| !topology.is_empty()) {
        remarks
            .warning(
                &at.field("deprecatedTopology"),
                "no-effect",
                "has no effect",
            )
            .advise("write zone and nodeName");
    }
    let hints = hints.unwrap_or_default();
    if hints.for_nodes.is_some_and(|nodes| !nodes.is_empty()) {
        let at_hints = at.field("hints");
        remarks.warning(
            &at_hints.field("forNodes"),
            "no-effect-yet",
            "has no effect yet",
        );
    }
    let for_zones: Vec<Arc<str>> = hints
        .for_zones
        .into_iter()
        .flatten()
        .map(|zone| Arc::from(zone.name))
        .collect();
    let identity = match target_ref {
        Some(target) if target.kind.as_deref() == Some("Pod") => match target.name {
            Some(name) => Identity::Workload(WorkloadName {
                namespace: Namespace::from(target.namespace.as_deref().unwrap_or(namespace)),
                name: Arc::from(name),
            }),
            None => Identity::ByAddress,
        },
        Some(_) | None => Identity::ByAddress,
    };
    let state = state(&conditions.unwrap_or_default());
    let node = node_name.map(NodeName::from);
    let zone: Arc<str> = Arc::from(zone.unwrap_or_default());
    let at_addresses = at.field("addresses");
    for (index, address) in addresses.iter().enumerate() {
        let Ok(ip) = address.parse::<IpAddr>() else {
            let message = format!("{address:?} is no IP address");
            remarks.error(&at_addresses.item(index), "invalid-address", message);
            continue;
        };
        instances.push(Endpoint {
            address: Arc::from(ip.to_string()),
            state,
            identity: identity.clone(),
            zone: zone.clone(),
            node: node.clone(),
            ports: BTreeMap::new(),
            for_zones: for_zones.clone(),
        });
    }
}

/// Absent conditions count as Kubernetes documents them: ready, and serving if ready.
fn state(conditions: &EndpointConditions) -> EndpointState {
    let ready = conditions.ready.unwrap_or(true);
    let serving = conditions.serving.unwrap_or(ready);
    let terminating = conditions.terminating.unwrap_or(false);
    match (ready, serving && terminating) {
        (true, _) => EndpointState::Ready,
        (false, true) => EndpointState::Draining,
        (false, false) => EndpointState::NotReady,
    }
}
