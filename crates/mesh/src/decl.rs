//! Statements with unresolved names. One declaration kind per file.

pub mod authorization;
pub mod endpoints;
pub mod http_routes;
pub mod key_set;
pub mod mesh_config;
pub mod node;
pub mod peer_authentication;
pub mod request_authentication;
pub mod service;
pub mod sidecar;
pub mod traffic_policy;
pub mod workload;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::name::Namespace;

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Declaration {
    /// Settings for the whole mesh.
    MeshConfig(Arc<mesh_config::MeshConfig>),
    /// Where a node is.
    Node(Arc<node::Node>),
    /// Something that runs: a Pod or a WorkloadEntry.
    Workload(Arc<workload::Workload>),
    /// A name that traffic can be sent to.
    Service(Arc<service::Service>),
    /// Instances of a service.
    Endpoints(Arc<endpoints::Endpoints>),
    /// How requests to hosts are routed (VirtualService `http`).
    HttpRoutes(Arc<http_routes::HttpRoutes>),
    /// How a host is talked to (DestinationRule).
    TrafficPolicies(Arc<traffic_policy::TrafficPolicies>),
    /// What proxies may see and how they listen (Sidecar).
    Sidecar(Arc<sidecar::Sidecar>),
    /// Which connections workloads take (PeerAuthentication).
    PeerAuthentication(Arc<peer_authentication::PeerAuthentication>),
    /// Who may do what at workloads (AuthorizationPolicy).
    Authorization(Arc<authorization::AuthorizationPolicy>),
    /// Whose tokens workloads accept (RequestAuthentication).
    RequestAuthentication(Arc<request_authentication::RequestAuthentication>),
    /// Keys that the control plane has fetched.
    KeySet(Arc<key_set::KeySet>),
}

/// Who may see a declaration (`exportTo`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Export {
    /// As the mesh configuration says for this kind.
    MeshDefault,
    /// As this says.
    To(Visibility),
}

/// A set of namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// All (`*`).
    All,
    /// These; the author's own (`.`) has been resolved, `~` (nobody) is the empty set.
    Only(BTreeSet<Namespace>),
    /// The author's own namespace: only in mesh defaults, where the author isn't known yet.
    Own,
}

impl Visibility {
    /// Whether a reader in `reader` may see a declaration of `author`.
    pub fn includes(&self, author: &Namespace, reader: &Namespace) -> bool {
        match self {
            Self::All => true,
            Self::Own => author == reader,
            Self::Only(namespaces) => namespaces.contains(reader),
        }
    }
}

/// Labels, sorted.
pub type Labels = std::collections::BTreeMap<Arc<str>, Arc<str>>;

/// A selector by equality; the empty one selects everything in its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(pub Labels);

impl Selector {
    /// Whether something with these labels is selected.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.0
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    }

    /// Whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
