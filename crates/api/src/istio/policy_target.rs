//! `istio.type.v1beta1` PolicyTargetReference, of all policies that hold for workloads.

use serde::Deserialize;

/// What a policy holds for, if not for workloads by their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyTarget {
    /// API group; empty = Kubernetes' core group.
    pub group: String,
    /// Kind; required.
    pub kind: String,
    /// Name; required.
    pub name: String,
    /// Namespace; must be that of the policy.
    pub namespace: String,
}
