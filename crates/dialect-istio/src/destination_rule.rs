//! DestinationRule.

mod traffic_policy;

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::{Object, istio};
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::traffic_policy::{PolicySet, Subset, TrafficPolicies};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Namespace, SubsetName};
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;

use crate::export::{self, Nobody};
use crate::{effect, faults, host, selector};
use traffic_policy::Scope;

/// Lowers a DestinationRule into one declaration of traffic policies.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    let Some(rule) = faults::read::<istio::DestinationRule>(object.spec(), &spec, remarks) else {
        return Vec::new();
    };
    let istio::DestinationRule {
        host,
        traffic_policy,
        subsets,
        export_to,
        workload_selector,
    } = &rule;
    let namespace = Namespace::from(object.metadata.namespace.as_str());
    check_host(host, &spec.field("host"), remarks);
    let policy = traffic_policy
        .as_ref()
        .map(|policy| {
            let scope = Scope {
                namespace: &namespace,
                above: None,
            };
            traffic_policy::lower(policy, scope, &spec.field("trafficPolicy"), remarks)
        })
        .unwrap_or_default();
    let subsets = lower_subsets(subsets, &policy, &namespace, &spec, remarks);
    let exports = spec.field("exportTo");
    let export = export::lower(export_to, &namespace, Nobody::Refused, &exports, remarks);
    if let Some(clients) = workload_selector {
        check_selector(clients, &spec.field("workloadSelector"), remarks);
        check_selected_export(export_to, &namespace, &exports, remarks);
        // Lowered without its selector it would hold for every client.
        return Vec::new();
    }
    if host.is_empty() {
        return Vec::new();
    }
    let metadata = &object.metadata;
    vec![Declaration::TrafficPolicies(Arc::new(TrafficPolicies {
        host: host::expand(host, namespace.as_str()),
        export,
        policy,
        subsets,
        age: Age::new(
            &metadata.creation_timestamp,
            &metadata.name,
            &metadata.namespace,
        ),
        origin: remarks.origin(&spec),
        name: Arc::from(metadata.name.as_str()),
        namespace,
    }))]
}

fn check_host(name: &str, at: &Path<'_>, remarks: &mut Remarks) {
    if name.is_empty() {
        remarks.error(at, "missing-field", "is required");
    } else if let Err(message) = host::check_pattern(name) {
        remarks.error(at, "invalid-host", message);
    }
}

/// The sound subsets. One whose labels are unsound stays, and selects nothing: a route to it must
/// not fall to other instances.
fn lower_subsets(
    subsets: &[ferromesh_api::part::Part<istio::Subset>],
    above: &PolicySet,
    namespace: &Namespace,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Subset> {
    let list = spec.field("subsets");
    let mut seen = BTreeSet::new();
    let mut lowered = Vec::with_capacity(subsets.len());
    for (index, part) in subsets.iter().enumerate() {
        let at = list.item(index);
        let Some(subset) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        let istio::Subset {
            name,
            labels,
            traffic_policy,
        } = subset;
        if !check_subset_name(&name, &at.field("name"), remarks) {
            continue;
        }
        if !seen.insert(name.clone()) {
            remarks
                .error(
                    &at.field("name"),
                    "duplicate-subset",
                    format!("subset {name:?} is written twice"),
                )
                .advise("remove one of them, or rename it");
            continue;
        }
        let scope = Scope {
            namespace,
            above: Some(above),
        };
        lowered.push(Subset {
            name: SubsetName::from(name),
            labels: selector::lower_labels(&labels, &at.field("labels"), remarks),
            policy: traffic_policy
                .map(|policy| {
                    traffic_policy::lower(&policy, scope, &at.field("trafficPolicy"), remarks)
                })
                .unwrap_or_default(),
            origin: remarks.origin(&at),
        });
    }
    lowered
}

fn check_subset_name(name: &str, at: &Path<'_>, remarks: &mut Remarks) -> bool {
    if name.is_empty() {
        remarks.error(at, "missing-field", "is required");
    } else if !host::is_label(name) {
        remarks.error(
            at,
            "invalid-name",
            format!("invalid subset name {name:?} (letters, digits and \"-\" only)"),
        );
    } else {
        return true;
    }
    false
}

fn check_selector(clients: &istio::MatchLabels, at: &Path<'_>, remarks: &mut Remarks) {
    let istio::MatchLabels { match_labels } = clients;
    selector::lower(match_labels, &at.field("matchLabels"), remarks);
    effect::not_yet(at, remarks);
}

/// A rule for some clients holds in its own namespace only.
fn check_selected_export(
    export_to: &[String],
    author: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let beyond = export_to
        .iter()
        .position(|entry| entry != "." && entry != author.as_str());
    if let Some(index) = beyond {
        remarks.error(
            &at.item(index),
            "invalid-export",
            "a rule with a workloadSelector can't be exported beyond its own namespace",
        );
    }
}
