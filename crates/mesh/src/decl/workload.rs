//! Something that runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Labels;
use super::endpoints::EndpointState;
use crate::name::{Locality, Network, NodeName, ServiceAccount, WorkloadName};
use crate::origin::Origin;

/// Something that runs: a Pod or a WorkloadEntry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: WorkloadName,
    /// Whether it is a Pod or an entry written by hand.
    pub kind: WorkloadKind,
    /// IP addresses, or a DNS name for entries; empty while unknown.
    pub addresses: Vec<Arc<str>>,
    /// Whether it takes traffic from those who select it. Where an
    /// [`Endpoint`](super::endpoints::Endpoint) names it, that one's state counts instead.
    pub state: EndpointState,
    /// Labels.
    pub labels: Arc<Labels>,
    /// The service account that it runs as.
    pub service_account: ServiceAccount,
    /// Whether it speaks the mesh's TLS.
    pub peer_tls: PeerTls,
    /// Its node.
    pub node: Option<NodeName>,
    /// Its locality if it says so itself; else that of its node.
    pub locality: Option<Locality>,
    /// Its network.
    pub network: Network,
    /// Named ports: container ports of a Pod, `ports` of a WorkloadEntry.
    pub ports: BTreeMap<Arc<str>, u16>,
    /// Weight among the instances of a service; at least 1.
    pub weight: u32,
    /// Where it was said.
    pub origin: Origin,
}

/// Whether a workload speaks the mesh's TLS as a server: it has a proxy
/// (`security.istio.io/tlsMode: istio`), or, as an entry, an account and no other word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerTls {
    /// It does not.
    Plain,
    /// It does.
    Mesh,
}

/// What kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// A Pod that runs (finished and not yet scheduled ones are no workloads).
    Pod,
    /// A WorkloadEntry.
    Entry,
}
