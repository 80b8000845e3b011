//! An instance of a service, and what it answers.

use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::workload::{PeerTls, Workload};
use ferromesh_mesh::policy::authorization::Action;
use ferromesh_mesh::policy::mtls::MtlsMode;
use ferromesh_probe::Verdict;

/// An instance of a service.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    /// Its address.
    pub(super) address: IpAddr,
    /// Its port.
    pub(super) port: u16,
    /// The workload there, if the manifests know one.
    pub(super) workload: Option<Arc<Workload>>,
    /// Whether it understands the mesh's TLS on this port.
    pub(super) peer_tls: PeerTls,
}

/// What an instance answers.
pub(super) struct Answer {
    /// The instance.
    pub(super) instance: Instance,
    /// How the client speaks to it.
    pub(super) spoken: &'static str,
    /// Which connections its port takes.
    pub(super) mtls: MtlsMode,
    /// What the configuration says.
    pub(super) verdict: Verdict,
    /// The policy that decided, if one did.
    pub(super) policy: Option<Stated>,
    /// Policies that allow something there.
    pub(super) allowing: Vec<String>,
    /// Which policy says what connections the port takes.
    pub(super) peer_authentication: Option<Stated>,
    /// External authorizers by their clusters: what policies call them.
    pub(super) providers: Vec<(String, String)>,
}

/// A statement of an object, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// Which of its rules, if it has such.
    pub(super) rule: Option<usize>,
    /// What it does to what it matches, if it is such a policy.
    pub(super) action: Option<Action>,
    /// The file; empty if it is not known.
    pub(super) file: String,
    /// The line; 0 if it is not known.
    pub(super) line: usize,
}
