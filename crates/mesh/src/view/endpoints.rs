//! The instances of a cluster. Only this view has a field for endpoint addresses, so a change
//! of an address can touch nothing else.

use std::sync::Arc;

use super::cluster::ClusterName;
use crate::decl::endpoints::EndpointState;
use crate::decl::workload::PeerTls;
use crate::name::Locality;

/// The instances of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterEndpoints {
    /// The cluster.
    pub cluster: ClusterName,
    /// Groups, sorted by priority, then locality; priorities are 0, 1, 2 … without gaps.
    pub groups: Vec<EndpointGroup>,
}

/// Instances of one locality and priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointGroup {
    /// Where.
    pub locality: Locality,
    /// 0 = first choice.
    pub priority: u32,
    /// Weight of the locality; at least 1.
    pub weight: u32,
    /// Instances, sorted by address and port.
    pub endpoints: Vec<ClusterEndpoint>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterEndpoint {
    /// IP address.
    pub address: Arc<str>,
    /// Port.
    pub port: u16,
    /// Ready or draining; those that are not ready are left out, unless the service publishes
    /// them (then they are ready here).
    pub state: EndpointState,
    /// Weight; at least 1.
    pub weight: u32,
    /// Whether it speaks the mesh's TLS on this port.
    pub peer_tls: PeerTls,
}
