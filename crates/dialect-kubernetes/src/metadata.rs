//! Metadata, of Kubernetes' kinds and of all others.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_api::read::read;
use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::faults;

/// Checks the form of the metadata of an object whose type is not Kubernetes' own.
pub fn check(object: &Object, remarks: &mut Remarks) {
    let metadata = object.content.get("metadata");
    let (_, faults) = read::<ObjectMeta>(metadata.unwrap_or(&serde_json::Value::Null), "metadata");
    faults::remark(faults, remarks);
}

/// Labels in mesh words.
pub fn labels(labels: &BTreeMap<String, String>) -> Labels {
    labels
        .iter()
        .map(|(key, value)| (Arc::from(&**key), Arc::from(&**value)))
        .collect()
}

/// Annotations that tools leave behind, and that ask for nothing.
const RECORDS: &[&str] = &[
    "galley.istio.io/analyze-suppress",
    "prometheus.istio.io/merge-metrics",
    "sidecar.istio.io/status",
];

/// Labels that ask for a mode of the mesh that there isn't.
const LABELS_WITHOUT_EFFECT: &[&str] = &[
    "istio.io/dataplane-mode",
    "istio.io/ingress-use-waypoint",
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
];

/// Remarks on Istio's annotations and labels that have no effect yet; `honoured` are those
/// annotations that have.
pub fn remark_without_effect(object: &Object, honoured: &[&str], remarks: &mut Remarks) {
    const CODE: &str = "no-effect-yet";
    let metadata = Path::Root("metadata");
    let annotations = metadata.field("annotations");
    for key in object.metadata.annotations.keys() {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        let is_istios = domain == "istio.io" || domain.ends_with(".istio.io");
        if is_istios && !honoured.contains(&&**key) && !RECORDS.contains(&&**key) {
            remarks.warning(
                &annotations.field(key),
                CODE,
                "the annotation has no effect yet",
            );
        }
    }
    let labels = metadata.field("labels");
    for key in object.metadata.labels.keys() {
        if LABELS_WITHOUT_EFFECT.contains(&&**key) {
            remarks.warning(&labels.field(key), CODE, "the label has no effect yet");
        }
    }
}
