//! `networking.istio.io` WorkloadEntry, which is also an endpoint of a ServiceEntry.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Something that runs outside of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadEntry {
    /// IP address, DNS name or `unix:///path`; may be empty only with a network.
    pub address: String,
    /// Ports that differ from those of the service, by port name.
    pub ports: BTreeMap<String, u32>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Network; empty = the default one.
    pub network: String,
    /// `region/zone/subzone`; empty = unknown.
    pub locality: String,
    /// Weight among the instances of a service; absent or 0 = 1.
    pub weight: u32,
    /// The service account that it runs as; empty = none.
    pub service_account: String,
}
