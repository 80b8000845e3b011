//! `networking.istio.io` WorkloadSelector, of ServiceEntry and Sidecar.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A selector of workloads in the object's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadLabels {
    /// Labels that a workload must have.
    pub labels: BTreeMap<String, String>,
}
