//! Which connections workloads take.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Selector;
use crate::name::Namespace;
use crate::origin::{Age, Origin};
use crate::policy::mtls::MtlsSetting;

/// Which connections workloads take: a PeerAuthentication.
///
/// For a port counts what the oldest policy that selects the workload says about the port, then
/// what it says in general, then the oldest policy of the namespace without selector, then that
/// of the root namespace; without any the port is permissive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAuthentication {
    /// The author's namespace.
    pub namespace: Namespace,
    /// The object's name.
    pub name: Arc<str>,
    /// Which workloads; empty = all of the namespace, or of the mesh from the root namespace
    /// (where a selector selects in all namespaces, too).
    pub selector: Selector,
    /// For all ports.
    pub mode: MtlsSetting,
    /// By port of the workload; only beside a selector.
    pub ports: BTreeMap<u16, MtlsSetting>,
    /// Its age.
    pub age: Age,
    /// Where it was said.
    pub origin: Origin,
}
