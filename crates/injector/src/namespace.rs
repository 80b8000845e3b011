//! What has to be known of a pod's namespace.

use std::collections::BTreeMap;

/// The namespace of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl NamespaceFacts {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Whether proxies have no place in it: Kubernetes' own namespaces.
    pub(crate) fn is_of_kubernetes(&self) -> bool {
        self.name.starts_with("kube-")
    }
}
