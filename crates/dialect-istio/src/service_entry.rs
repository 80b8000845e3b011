//! ServiceEntry.

mod check;
mod endpoint;
mod port;

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::{Metadata, Object, istio};
use ferromesh_mesh::decl::service::{Registry, Resolution, Service};
use ferromesh_mesh::decl::{Declaration, Selector};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::locality::TrafficDistribution;
use ipnet::IpNet;

use crate::export::{self, Nobody};
use crate::{bounds, effect, faults, host, selector};
use endpoint::Instances;

/// Lowers a ServiceEntry into a service for each host, and their instances.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    let Some(entry) = faults::read::<istio::ServiceEntry>(object.spec(), &spec, remarks) else {
        return Vec::new();
    };
    let istio::ServiceEntry {
        hosts,
        addresses,
        ports,
        location,
        resolution,
        endpoints: _,
        workload_selector,
        export_to,
        subject_alt_names,
    } = &entry;
    let metadata = &object.metadata;
    let namespace = Namespace::from(metadata.namespace.as_str());
    let hosts = lower_hosts(hosts, *resolution, &spec.field("hosts"), remarks);
    let addresses = lower_addresses(addresses, &spec.field("addresses"), remarks);
    let ports = port::lower_all(ports, &spec.field("ports"), remarks);
    let selector = workload_selector
        .as_ref()
        .map(|selector| lower_selector(selector, &spec.field("workloadSelector"), remarks));
    let instances = endpoint::lower_all(&entry, &ports, &spec, remarks);
    check::check(&entry, &ports, &metadata.labels, &spec, remarks);
    let exports = spec.field("exportTo");
    let template = Service {
        host: Hostname::new(""),
        namespace: namespace.clone(),
        registry: Registry::Entry,
        aliases: Vec::new(),
        short_name: None,
        addresses,
        ports,
        resolution: lower_resolution(*resolution, selector.as_ref(), &instances),
        external: *location == istio::Location::MeshExternal,
        selector,
        publish_not_ready: false,
        distribution: lower_distribution(metadata, remarks),
        node_local: false,
        session_affinity: None,
        names: lower_names(subject_alt_names, &spec.field("subjectAltNames"), remarks),
        export: export::lower(export_to, &namespace, Nobody::Allowed, &exports, remarks),
        age: Age::new(
            &metadata.creation_timestamp,
            &metadata.name,
            &metadata.namespace,
        ),
        origin: remarks.origin(&spec),
    };
    if *resolution == istio::Resolution::DynamicDns {
        effect::not_yet(&spec.field("resolution"), remarks);
        return Vec::new();
    }
    hosts
        .into_iter()
        .flat_map(|host| instances.declare(&template, host))
        .collect()
}

fn lower_selector(
    selector: &istio::WorkloadLabels,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Selector {
    let at = at.field("labels");
    bounds::at_most(256, selector.labels.len(), &at, remarks);
    selector::lower(&selector.labels, &at, remarks)
}

fn lower_resolution(
    resolution: istio::Resolution,
    selector: Option<&Selector>,
    instances: &Instances,
) -> Resolution {
    let targets = match instances {
        Instances::Dns(targets) => targets.clone(),
        Instances::Static(_) | Instances::Elsewhere => Vec::new(),
    };
    match (resolution, selector, instances) {
        (istio::Resolution::None | istio::Resolution::DynamicDns, _, _) => Resolution::Original,
        (_, Some(_), _) => Resolution::Workloads,
        (istio::Resolution::Dns, None, Instances::Dns(_)) => Resolution::Dns(targets),
        (istio::Resolution::DnsRoundRobin, None, Instances::Dns(_)) => {
            Resolution::DnsRoundRobin(targets)
        }
        (_, None, _) => Resolution::Declared,
    }
}

/// The sound hosts, each once. Other than in a rule, a short name stays as it is, as in Istio.
fn lower_hosts(
    hosts: &[String],
    resolution: istio::Resolution,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Hostname> {
    if hosts.is_empty() {
        remarks.error(at, "missing-field", "must have at least one host");
    }
    bounds::at_most(256, hosts.len(), at, remarks);
    let mut seen = BTreeSet::new();
    let mut lowered = Vec::with_capacity(hosts.len());
    for (index, name) in hosts.iter().enumerate() {
        let at = at.item(index);
        if name == "*" {
            remarks.error(
                &at,
                "invalid-host",
                "must not be the wildcard for everything",
            );
            continue;
        }
        if let Err(message) = host::check_pattern(name) {
            remarks.error(&at, "invalid-host", message);
            continue;
        }
        let partial = name.starts_with('*') && !name.starts_with("*.");
        if partial && resolution != istio::Resolution::DynamicDns {
            remarks.warning(
                &at,
                "partial-wildcard",
                format!("{name:?}: only a whole label should be a wildcard"),
            );
        }
        let host = Hostname::new(name);
        if seen.insert(host.clone()) {
            lowered.push(host);
        } else {
            effect::none(&at, "the host is written before", remarks);
        }
    }
    lowered
}

fn lower_addresses(addresses: &[String], at: &Path<'_>, remarks: &mut Remarks) -> Vec<IpNet> {
    bounds::at_most(256, addresses.len(), at, remarks);
    let mut lowered = Vec::with_capacity(addresses.len());
    for (index, text) in addresses.iter().enumerate() {
        let parsed = if text.contains('/') {
            text.parse().ok().map(|block: IpNet| block.trunc())
        } else {
            text.parse()
                .ok()
                .map(|address: std::net::IpAddr| IpNet::from(address))
        };
        match parsed {
            Some(block) => lowered.push(block),
            None => {
                remarks.error(
                    &at.item(index),
                    "invalid-address",
                    format!("{text:?} is neither an IP address nor a block of them (CIDR)"),
                );
            }
        }
    }
    lowered
}

/// Names that the instances' certificates may have. An empty one is an error, and stays: without
/// any, every name would do.
fn lower_names(names: &[String], at: &Path<'_>, remarks: &mut Remarks) -> Vec<Arc<str>> {
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            remarks.error(&at.item(index), "invalid-value", "must not be empty");
        }
    }
    names.iter().map(|name| Arc::from(name.as_str())).collect()
}

/// Annotations that say how instances are chosen.
fn lower_distribution(metadata: &Metadata, remarks: &mut Remarks) -> TrafficDistribution {
    const DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";
    const CONNECT: &str = "istio.io/connect-strategy";
    let root = Path::Root("metadata");
    let annotations = root.field("annotations");
    if metadata.annotations.contains_key(CONNECT) {
        effect::not_yet(&annotations.field(CONNECT), remarks);
    }
    let Some(text) = metadata.annotations.get(DISTRIBUTION) else {
        return TrafficDistribution::Any;
    };
    match text.to_ascii_lowercase().as_str() {
        "preferclose" | "prefersamezone" => TrafficDistribution::PreferSameZone,
        "prefersamenode" => TrafficDistribution::PreferSameNode,
        "" => TrafficDistribution::Any,
        _ => {
            remarks
                .warning(
                    &annotations.field(DISTRIBUTION),
                    "invalid-value",
                    format!("unknown traffic distribution {text:?}, taken as none"),
                )
                .advise("write PreferClose, PreferSameZone or PreferSameNode");
            TrafficDistribution::Any
        }
    }
}

impl Instances {
    /// The service of a host, and its instances.
    fn declare(&self, template: &Service, host: Hostname) -> Vec<Declaration> {
        let mut service = template.clone();
        if let Resolution::Dns(targets) | Resolution::DnsRoundRobin(targets) =
            &mut service.resolution
            && targets.is_empty()
        {
            targets.push(endpoint::target_of(&host));
        }
        service.host = host.clone();
        let endpoints = self.endpoints(template, host);
        std::iter::once(Declaration::Service(Arc::new(service)))
            .chain(endpoints.map(|endpoints| Declaration::Endpoints(Arc::new(endpoints))))
            .collect()
    }
}
