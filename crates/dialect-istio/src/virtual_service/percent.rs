//! Percentages.

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::percent::PartsPerMillion;

const CODE: &str = "invalid-percentage";

/// A percentage at the path `at` (the message), of which Istio wants at least 0.0001 if it isn't
/// 0: the share of faults.
pub(super) fn lower_fine(
    percent: &api::istio::Percent,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> PartsPerMillion {
    let api::istio::Percent { value } = *percent;
    if value > 0.0 && value < 0.0001 {
        remarks.error(
            &at.field("value"),
            CODE,
            format!("{value} % is less than the least possible 0.0001 %"),
        );
    }
    lower(percent, at, remarks)
}

/// A percentage at the path `at` (the message).
pub(super) fn lower(
    percent: &api::istio::Percent,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> PartsPerMillion {
    let api::istio::Percent { value } = *percent;
    if !(0.0..=100.0).contains(&value) {
        remarks.error(
            &at.field("value"),
            CODE,
            format!("{value} % is not in the range 0..100"),
        );
    }
    PartsPerMillion::from_percent(value)
}

/// A deprecated percentage in whole percent at the path `at`.
pub(super) fn lower_whole(percent: u32, at: &Path<'_>, remarks: &mut Remarks) -> PartsPerMillion {
    if percent > 100 {
        remarks.error(at, CODE, format!("{percent} % is not in the range 0..100"));
    }
    PartsPerMillion::from_percent(f64::from(percent))
}
