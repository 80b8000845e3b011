//! A name that traffic can be sent to.

use std::sync::Arc;
use std::time::Duration;

use super::{Export, Selector};
use crate::name::{Hostname, Namespace};
use crate::origin::{Age, Origin};
use crate::policy::locality::TrafficDistribution;
use crate::policy::protocol::Protocol;

/// A name that traffic can be sent to. A ServiceEntry with several hosts declares one service
/// for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The fully qualified name; for a ServiceEntry it may be a wildcard.
    pub host: Hostname,
    /// The author's namespace.
    pub namespace: Namespace,
    /// Which registry it comes from; Kubernetes wins over entries of the same name, then the
    /// oldest.
    pub registry: Registry,
    /// Other names that clients use: `name`, valid in the service's own namespace only, is not
    /// here; `name.ns`, `name.ns.svc` are.
    pub aliases: Vec<Hostname>,
    /// The bare name that clients in the same namespace use; `None` for entries.
    pub short_name: Option<Arc<str>>,
    /// Virtual addresses: cluster IPs, or `addresses` of an entry. Empty for headless services.
    pub addresses: Vec<ipnet::IpNet>,
    /// Ports, in the author's order.
    pub ports: Vec<ServicePort>,
    /// How its instances are found.
    pub resolution: Resolution,
    /// Whether it is outside of the mesh (`MESH_EXTERNAL`, ExternalName).
    pub external: bool,
    /// Workloads in the namespace that implement it: for inbound ports; and, with
    /// [`Resolution::Workloads`], its instances.
    pub selector: Option<Selector>,
    /// Whether instances that are not ready get traffic.
    pub publish_not_ready: bool,
    /// Preference for near instances.
    pub distribution: TrafficDistribution,
    /// Only instances on the client's node (`internalTrafficPolicy: Local`).
    pub node_local: bool,
    /// Kubernetes session affinity by client address, and how long (seconds are kept for
    /// documentation: a hash has no expiry).
    pub session_affinity: Option<Duration>,
    /// Names that certificates of its instances may have beside those of their accounts
    /// (`subjectAltNames`).
    pub names: Vec<Arc<str>>,
    /// Who may see it.
    pub export: Export,
    /// Its age.
    pub age: Age,
    /// Where it was said.
    pub origin: Origin,
}

/// Where a service is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Registry {
    /// A Kubernetes Service.
    Kubernetes,
    /// A ServiceEntry.
    Entry,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServicePort {
    /// The port that clients use.
    pub number: u16,
    /// Its name; empty if it is the only one.
    pub name: Arc<str>,
    /// What is spoken.
    pub protocol: Protocol,
    /// The port of an instance.
    pub target: TargetPort,
}

/// The port of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetPort {
    /// This number.
    Number(u16),
    /// The workload's port of this name.
    Name(Arc<str>),
}

/// How the instances of a service are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Declared ([`super::endpoints::Endpoints`]): Kubernetes services, and entries with STATIC
    /// resolution and inline endpoints.
    Declared,
    /// The workloads that the selector selects (an entry with `workloadSelector`).
    Workloads,
    /// Declared, but clients choose the instance themselves, by its address: a headless service.
    /// A proxy that can't know what they chose balances as for [`Resolution::Declared`].
    Headless,
    /// By DNS of the names, all answers (`DNS`).
    Dns(Vec<DnsTarget>),
    /// By DNS, one answer at a time (`DNS_ROUND_ROBIN`).
    DnsRoundRobin(Vec<DnsTarget>),
    /// The address that the client asked for (`NONE`).
    Original,
}

/// A name to resolve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsTarget {
    /// A DNS name or an IP address.
    pub address: Arc<str>,
    /// Ports that differ from the service's target port, by port name.
    pub ports: Vec<(Arc<str>, u16)>,
    /// Labels, for subsets.
    pub labels: std::collections::BTreeMap<Arc<str>, Arc<str>>,
    /// Locality; unknown = unknown.
    pub locality: crate::name::Locality,
    /// Weight; at least 1.
    pub weight: u32,
}
