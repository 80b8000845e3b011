//! What an object is for: workloads by their labels, in the two forms that Istio has, or other
//! objects by their names.

use super::schema::{Schema, list, map, may, must, object, string};

/// `istio.type.v1beta1` WorkloadSelector, of policies.
pub fn match_labels() -> Schema {
    let labels = map(value())
        .max_keys(4096)
        .rule(
            "wildcards in labels' keys are not supported",
            "self.all(key, !key.contains('*'))",
        )
        .rule("a label's key may not be empty", "self.all(key, key != '')");
    object([may(
        "matchLabels",
        "Labels that a workload must have; none = all workloads.",
        labels,
    )])
}

/// `networking.istio.io` WorkloadSelector.
pub fn workload_labels() -> Schema {
    object([may(
        "labels",
        "Labels that a workload must have; none = all workloads.",
        map(value()).max_keys(256),
    )])
}

fn value() -> Schema {
    string().up_to(63).rule(
        "wildcards in labels are not supported",
        "!self.contains('*')",
    )
}

/// `istio.type.v1beta1` PolicyTargetReference.
pub fn policy_target() -> Schema {
    let domain = "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    let kind = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";
    let namespace = string().rule(
        "objects of other namespaces can't be referred to",
        "self == ''",
    );
    object([
        may(
            "group",
            "API group; empty = Kubernetes' core group.",
            string().up_to(253).pattern(domain),
        ),
        must(
            "kind",
            "Kind.",
            string().not_empty().up_to(63).pattern(kind),
        ),
        must("name", "Name.", string().not_empty().up_to(253)),
        may(
            "namespace",
            "Must be that of the policy: leave it out.",
            namespace,
        ),
    ])
}

/// Several of them.
pub fn policy_targets() -> Schema {
    list(policy_target()).max_items(16)
}
