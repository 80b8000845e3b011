//! Services.

mod export;
mod ports;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_api::Object;
use ferromesh_mesh::decl::service::{DnsTarget, Registry, Resolution, Service};
use ferromesh_mesh::decl::{Declaration, Labels, Selector};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Hostname, Locality, Namespace};
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::locality::TrafficDistribution;
use k8s_openapi::api::core::v1::{self, ServiceSpec};

use crate::{DOMAIN, faults, metadata};

const EXPORT_TO: &str = "networking.istio.io/exportTo";
const TRAFFIC_DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";

/// The name by which a Service is known everywhere.
pub fn host(name: &str, namespace: &str) -> Hostname {
    Hostname::new(&format!("{name}.{namespace}.svc.{DOMAIN}"))
}

/// Lowers a Service.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let Some(service) = faults::read_object::<v1::Service>(object, remarks) else {
        return Vec::new();
    };
    metadata::remark_without_effect(object, &[EXPORT_TO, TRAFFIC_DISTRIBUTION], remarks);
    let at = Path::Root("spec");
    let spec = service.spec.unwrap_or_default();
    let (name, namespace) = (&*object.metadata.name, &*object.metadata.namespace);
    let kind = Kind::of(&spec, &at, remarks);
    if spec
        .external_ips
        .as_ref()
        .is_some_and(|ips| !ips.is_empty())
    {
        remarks.warning(
            &at.field("externalIPs"),
            "no-effect-yet",
            "has no effect yet: requests to these addresses are not known to be for the service",
        );
    }
    let resolution = match kind {
        Kind::Virtual => Resolution::Declared,
        Kind::Headless => Resolution::Headless,
        Kind::ExternalName => match external_name(&spec, &at, remarks) {
            Some(target) => Resolution::Dns(vec![target]),
            None => return Vec::new(),
        },
    };
    vec![Declaration::Service(Arc::new(Service {
        host: host(name, namespace),
        namespace: Namespace::from(namespace),
        registry: Registry::Kubernetes,
        aliases: vec![
            Hostname::new(&format!("{name}.{namespace}")),
            Hostname::new(&format!("{name}.{namespace}.svc")),
        ],
        short_name: Some(Arc::from(name)),
        addresses: addresses(&spec, kind, &at, remarks),
        ports: ports::lower(&spec, kind, &at, remarks),
        resolution,
        external: kind == Kind::ExternalName,
        selector: selector(&spec, kind),
        publish_not_ready: spec.publish_not_ready_addresses.unwrap_or(false),
        distribution: distribution(&spec, object, &at, remarks),
        node_local: node_local(&spec, &at, remarks),
        session_affinity: session_affinity(&spec, &at, remarks),
        names: Vec::new(),
        export: export::lower(object, EXPORT_TO, remarks),
        age: Age::new(&object.metadata.creation_timestamp, name, namespace),
        origin: remarks.origin(&Path::Root("")),
    }))]
}

/// What a service is to its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Behind an address of its own: ClusterIP, NodePort, LoadBalancer.
    Virtual,
    /// Clients choose an instance (`clusterIP: None`).
    Headless,
    /// Another name for something else.
    ExternalName,
}

impl Kind {
    fn of(spec: &ServiceSpec, at: &Path<'_>, remarks: &mut Remarks) -> Self {
        let is_headless = spec.cluster_ip.as_deref() == Some("None")
            || spec.cluster_ips.iter().flatten().any(|ip| ip == "None");
        match spec.type_.as_deref() {
            Some("ExternalName") => return Self::ExternalName,
            None | Some("" | "ClusterIP" | "NodePort" | "LoadBalancer") => {}
            Some(other) => {
                remarks
                    .error(
                        &at.field("type"),
                        "invalid-value",
                        format!("unknown type {other:?}"),
                    )
                    .advise("write ClusterIP, NodePort, LoadBalancer or ExternalName");
            }
        }
        if is_headless {
            Self::Headless
        } else {
            Self::Virtual
        }
    }
}

fn external_name(spec: &ServiceSpec, at: &Path<'_>, remarks: &mut Remarks) -> Option<DnsTarget> {
    let at = at.field("externalName");
    let name = spec
        .external_name
        .as_deref()
        .unwrap_or_default()
        .trim_end_matches('.');
    if name.is_empty() {
        remarks.error(&at, "missing-field", "is required for type ExternalName");
        return None;
    }
    Some(DnsTarget {
        address: Arc::from(name.to_ascii_lowercase()),
        ports: Vec::new(),
        labels: Labels::new(),
        locality: Locality::default(),
        weight: 1,
    })
}

/// Both families of a dual-stack service.
fn addresses(
    spec: &ServiceSpec,
    kind: Kind,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<ipnet::IpNet> {
    if kind != Kind::Virtual {
        return Vec::new();
    }
    let at_list = at.field("clusterIPs");
    let mut addresses = Vec::new();
    for (index, ip) in spec.cluster_ips.iter().flatten().enumerate() {
        addresses.extend(address(ip, &at_list.item(index), remarks));
    }
    if let (true, Some(ip)) = (spec.cluster_ips.is_none(), &spec.cluster_ip) {
        addresses.extend(address(ip, &at.field("clusterIP"), remarks));
    }
    addresses
}

fn address(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<ipnet::IpNet> {
    if text.is_empty() {
        return None;
    }
    match text.parse::<IpAddr>() {
        Ok(ip) => Some(ipnet::IpNet::from(ip)),
        Err(_) => {
            remarks.error(at, "invalid-address", format!("{text:?} is no IP address"));
            None
        }
    }
}

/// Kubernetes ignores the selector of an ExternalName; an empty one selects nothing.
fn selector(spec: &ServiceSpec, kind: Kind) -> Option<Selector> {
    let labels = spec.selector.as_ref().filter(|labels| !labels.is_empty())?;
    (kind != Kind::ExternalName).then(|| Selector(metadata::labels(labels)))
}

/// `trafficDistribution` counts before the annotation, as in Istio.
fn distribution(
    spec: &ServiceSpec,
    object: &Object,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> TrafficDistribution {
    const HINT: &str = "write PreferSameZone or PreferSameNode";
    match spec.traffic_distribution.as_deref() {
        Some("PreferSameZone" | "PreferClose") => return TrafficDistribution::PreferSameZone,
        Some("PreferSameNode") => return TrafficDistribution::PreferSameNode,
        None | Some("") => {}
        Some(other) => {
            let message = format!("unknown preference {other:?}");
            remarks
                .error(&at.field("trafficDistribution"), "invalid-value", message)
                .advise(HINT);
        }
    }
    let Some(text) = object.metadata.annotations.get(TRAFFIC_DISTRIBUTION) else {
        return TrafficDistribution::Any;
    };
    match &*text.to_ascii_lowercase() {
        "prefersamezone" | "preferclose" => TrafficDistribution::PreferSameZone,
        "prefersamenode" => TrafficDistribution::PreferSameNode,
        "any" | "" => TrafficDistribution::Any,
        _ => {
            let metadata = Path::Root("metadata");
            let annotations = metadata.field("annotations");
            remarks
                .warning(
                    &annotations.field(TRAFFIC_DISTRIBUTION),
                    "invalid-value",
                    format!("unknown preference {text:?}"),
                )
                .advise(HINT);
            TrafficDistribution::Any
        }
    }
}

fn node_local(spec: &ServiceSpec, at: &Path<'_>, remarks: &mut Remarks) -> bool {
    match spec.internal_traffic_policy.as_deref() {
        Some("Local") => true,
        None | Some("" | "Cluster") => false,
        Some(other) => {
            let message = format!("unknown policy {other:?}");
            remarks
                .error(&at.field("internalTrafficPolicy"), "invalid-value", message)
                .advise("write Cluster or Local");
            false
        }
    }
}

fn session_affinity(spec: &ServiceSpec, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    const DEFAULT_SECONDS: i32 = 10_800;
    match spec.session_affinity.as_deref() {
        Some("ClientIP") => {
            let config = spec.session_affinity_config.as_ref();
            let seconds = config
                .and_then(|config| config.client_ip.as_ref()?.timeout_seconds)
                .unwrap_or(DEFAULT_SECONDS);
            Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
        }
        None | Some("" | "None") => None,
        Some(other) => {
            let message = format!("unknown affinity {other:?}");
            remarks
                .error(&at.field("sessionAffinity"), "invalid-value", message)
                .advise("write ClientIP or None");
            None
        }
    }
}
