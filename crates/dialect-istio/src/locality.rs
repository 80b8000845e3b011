//! Preference for near instances.

use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::locality::{Distribution, LocalityPolicy, PriorityLabel};

use crate::effect;

/// Labels of region, zone and subzone.
const TOPOLOGY: [&str; 3] = [
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
];

const INVALID: &str = "invalid-locality";

/// Whether the policy that says something about locality ejects failing instances, which
/// failover needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ejection {
    /// It does, or it is not known here.
    Possible,
    /// It does not.
    Missing,
}

/// A `localityLbSetting` at the path `at`.
pub fn lower(
    setting: &istio::LocalityLbSetting,
    ejection: Ejection,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> LocalityPolicy {
    let istio::LocalityLbSetting {
        distribute,
        failover,
        failover_priority,
        enabled,
    } = setting;
    let priority_field = at.field("failoverPriority");
    if !distribute.is_empty() && !failover.is_empty() {
        effect::conflict(&at.field("failover"), "distribute", remarks);
    }
    if !failover.is_empty() {
        refuse_topology(failover_priority, "failover", &priority_field, remarks);
    }
    let distributions = lower_distribute(distribute, &at.field("distribute"), remarks);
    check_failover(failover, failover_priority, ejection, at, remarks);
    if *enabled == Some(false) {
        return LocalityPolicy::Ignored;
    }
    if !distribute.is_empty() {
        if !failover_priority.is_empty() {
            effect::none(&priority_field, "distribute is written, too", remarks);
        }
        return LocalityPolicy::Distribute(distributions);
    }
    if !failover_priority.is_empty() {
        if !failover.is_empty() {
            // Regions as a further order below equal labels are not in the mesh's words yet.
            effect::not_yet(&at.field("failover"), remarks);
        }
        return LocalityPolicy::LabelPriority(lower_priority(failover_priority));
    }
    LocalityPolicy::Nearest {
        failover: failover
            .iter()
            .map(|pair| (Arc::from(pair.from.as_str()), Arc::from(pair.to.as_str())))
            .collect(),
    }
}

/// A `zoneAwareLbSetting` at the path `at`, which has no effect yet.
pub fn check_zone_aware(
    setting: &istio::ZoneAwareLbSetting,
    ejection: Ejection,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let istio::ZoneAwareLbSetting {
        enabled: _,
        failover,
        failover_priority,
        min_cluster_size,
    } = setting;
    let priority_field = at.field("failoverPriority");
    refuse_topology(
        failover_priority,
        "zone-aware balancing",
        &priority_field,
        remarks,
    );
    check_failover(failover, failover_priority, ejection, at, remarks);
    if *min_cluster_size == Some(0) {
        remarks.error(
            &at.field("minClusterSize"),
            crate::bounds::OUT_OF_RANGE,
            "must be at least 1",
        );
    }
}

fn refuse_topology(labels: &[String], beside: &str, at: &Path<'_>, remarks: &mut Remarks) {
    for (index, label) in labels.iter().enumerate() {
        if TOPOLOGY.contains(&label.as_str()) {
            remarks.error(
                &at.item(index),
                "conflicting-fields",
                format!("{label} must not be written together with {beside}"),
            );
        }
    }
}

fn check_failover(
    failover: &[istio::Failover],
    priority: &[String],
    ejection: Ejection,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    if ejection == Ejection::Missing && !(failover.is_empty() && priority.is_empty()) {
        remarks
            .warning(
                at,
                "failover-without-outlier-detection",
                "traffic never fails over without outlier detection",
            )
            .advise("write outlierDetection in the same policy");
    }
    let list = at.field("failover");
    for (index, istio::Failover { from, to }) in failover.iter().enumerate() {
        let message = if from == to {
            "from and to must be different regions"
        } else if from.contains('/') || to.contains('/') {
            "from and to are regions, without zones"
        } else if from.contains('*') || to.contains('*') {
            "regions must not contain wildcards"
        } else {
            continue;
        };
        remarks.error(&list.item(index), INVALID, message);
    }
}

fn lower_priority(labels: &[String]) -> Vec<PriorityLabel> {
    labels
        .iter()
        .map(|label| match label.split_once('=') {
            Some((key, value)) => PriorityLabel {
                key: Arc::from(key),
                value: Some(Arc::from(value)),
            },
            None => PriorityLabel {
                key: Arc::from(label.as_str()),
                value: None,
            },
        })
        .collect()
}

/// The sound ones of the distributions: one whose sum isn't 100 says nothing usable.
fn lower_distribute(
    distribute: &[istio::Distribute],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Distribution> {
    let mut earlier = Vec::new();
    let mut lowered = Vec::new();
    for (index, istio::Distribute { from, to }) in distribute.iter().enumerate() {
        let at = at.item(index);
        let errors = remarks.errors();
        check_locality(from, &mut earlier, &at.field("from"), remarks);
        let shares = at.field("to");
        let mut places = Vec::new();
        let mut sum: u64 = 0;
        for (place, percent) in to {
            let at = shares.field(place);
            check_locality(place, &mut places, &at, remarks);
            if !(1..=100).contains(percent) {
                remarks.error(&at, crate::bounds::OUT_OF_RANGE, "must be 1 to 100");
            }
            sum += u64::from(*percent);
        }
        if sum != 100 {
            remarks.error(&shares, INVALID, format!("the sum is {sum}, not 100"));
        }
        if remarks.errors() == errors {
            lowered.push(Distribution {
                from: Arc::from(from.as_str()),
                to: to
                    .iter()
                    .map(|(place, percent)| (Arc::from(place.as_str()), *percent))
                    .collect(),
            });
        }
    }
    lowered
}

/// Checks the form, and that an earlier one does not say the same or more. A later wildcard may
/// cover what no earlier one did.
fn check_locality<'a>(
    text: &'a str,
    earlier: &mut Vec<Vec<&'a str>>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let parts: Vec<&str> = text.splitn(3, '/').collect();
    let stars = text.matches('*').count();
    if stars > 1 || (stars == 1 && !text.ends_with('*')) {
        remarks.error(at, INVALID, "a wildcard must stand at the end");
    } else if parts.iter().any(|part| part.is_empty()) {
        remarks.error(at, INVALID, "region, zone and subzone must not be empty");
    } else if earlier.iter().any(|earlier| overlaps(earlier, &parts)) {
        remarks.error(
            at,
            INVALID,
            format!("{text:?} overlaps with an earlier one"),
        );
    }
    earlier.push(parts);
}

fn overlaps(earlier: &[&str], later: &[&str]) -> bool {
    let whole = match earlier {
        [rest @ .., "*"] => rest,
        all => all,
    };
    later.starts_with(whole) || (later.last() != Some(&"*") && earlier.starts_with(later))
}
