//! Instances of a service.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Labels;
use super::workload::PeerTls;
use crate::name::{Hostname, Locality, Namespace, Network, NodeName, ServiceAccount, WorkloadName};

/// Some instances of a service: an EndpointSlice, or the inline endpoints of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The service.
    pub host: Hostname,
    /// The author's namespace (an entry's endpoints count only for the entry of the same
    /// namespace and host).
    pub namespace: Namespace,
    /// Instance ports by the service's port name (empty name if it is the only one).
    pub ports: BTreeMap<Arc<str>, u16>,
    /// The instances.
    pub instances: Vec<Endpoint>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its IP address.
    pub address: Arc<str>,
    /// Whether it takes traffic.
    pub state: EndpointState,
    /// Who it is.
    pub identity: Identity,
    /// Its zone as the slice says it; empty = unknown.
    pub zone: Arc<str>,
    /// Its node.
    pub node: Option<NodeName>,
    /// Ports that differ from [`Endpoints::ports`], by port name.
    pub ports: BTreeMap<Arc<str>, u16>,
    /// Zones that should use it (topology hints); empty = all.
    pub for_zones: Vec<Arc<str>>,
}

/// Whether an instance takes traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointState {
    /// It does.
    Ready,
    /// It is going away but still serves what it has (`serving` and `terminating`).
    Draining,
    /// It does not.
    NotReady,
}

/// Who an instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A workload that is declared by itself, which knows the labels.
    Workload(WorkloadName),
    /// Nobody else declares it: found by its address among the workloads of the namespace, or
    /// without labels.
    ByAddress,
    /// Said here (inline endpoints of an entry).
    Inline {
        /// Labels.
        labels: Arc<Labels>,
        /// Locality.
        locality: Locality,
        /// Network.
        network: Network,
        /// Whether it speaks the mesh's TLS.
        peer_tls: PeerTls,
        /// Service account.
        service_account: ServiceAccount,
        /// Weight; at least 1.
        weight: u32,
    },
}
