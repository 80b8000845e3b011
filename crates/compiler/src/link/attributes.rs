//! What proxies and instances are, as far as clients and instances are compared.

use std::sync::Arc;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::name::{Locality, Network, NodeName};

use crate::index::reading::Reading;

/// The region of a workload.
pub(crate) const REGION: &str = "topology.kubernetes.io/region";
/// The zone of a workload.
pub(crate) const ZONE: &str = "topology.kubernetes.io/zone";
/// The subzone of a workload.
pub(crate) const SUBZONE: &str = "topology.istio.io/subzone";
/// The network of a workload.
pub(crate) const NETWORK: &str = "topology.istio.io/network";
/// The node of a workload.
pub(crate) const NODE: &str = "kubernetes.io/hostname";

/// What a workload is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Its labels.
    pub(crate) labels: Arc<Labels>,
    /// Where it runs.
    pub(crate) locality: Locality,
    /// Its network; empty = the default one.
    pub(crate) network: Option<Network>,
    /// Its node.
    pub(crate) node: Option<NodeName>,
}

impl Attributes {
    /// What a workload is.
    pub(crate) fn of(workload: &Workload, reading: &mut Reading<'_>) -> Self {
        let own = workload.locality.clone();
        let locality = own.unwrap_or_else(|| of_node(workload.node.as_ref(), reading));
        Self {
            labels: workload.labels.clone(),
            locality,
            network: Some(workload.network.clone()),
            node: workload.node.clone(),
        }
    }

    /// The value of a label; labels of topology follow from where the workload runs, as Istio
    /// adds them.
    pub(crate) fn label(&self, key: &str) -> Option<Arc<str>> {
        let known = |text: &str| (!text.is_empty()).then(|| Arc::from(text));
        let derived = match key {
            REGION => known(&self.locality.region),
            ZONE => known(&self.locality.zone),
            SUBZONE => known(&self.locality.subzone),
            NETWORK => self.network.as_ref().and_then(|n| known(n.as_str())),
            NODE => self.node.as_ref().and_then(|n| known(n.as_str())),
            _ => None,
        };
        derived.or_else(|| self.labels.get(key).cloned())
    }
}

/// Where a node is.
pub(crate) fn of_node(node: Option<&NodeName>, reading: &mut Reading<'_>) -> Locality {
    node.and_then(|name| reading.node(name))
        .map(|node| node.locality.clone())
        .unwrap_or_default()
}
