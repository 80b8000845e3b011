//! Ejection of failing instances.

use std::time::Duration;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::outlier::OutlierDetection;

use crate::bounds;

/// Envoy's defaults, which Istio relies on.
const CONSECUTIVE: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(10);
const BASE_EJECTION_TIME: Duration = Duration::from_secs(30);
const MAX_EJECTION_PERCENT: u32 = 10;

/// Outlier detection at the path `at`.
pub fn lower(
    outlier: &istio::OutlierDetection,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> OutlierDetection {
    let istio::OutlierDetection {
        consecutive_errors,
        split_external_local_origin_errors: split,
        consecutive_local_origin_failures,
        consecutive_gateway_errors,
        consecutive_5xx_errors,
        interval,
        base_ejection_time,
        max_ejection_percent,
        min_health_percent,
        outlier_detection_http_error_codes,
    } = outlier;
    if consecutive_errors.is_some() {
        warn_of_consecutive_errors(*consecutive_5xx_errors, at, remarks);
    }
    let consecutive_local_origin_failures = lower_local_failures(
        *consecutive_local_origin_failures,
        *split,
        &at.field("consecutiveLocalOriginFailures"),
        remarks,
    );
    let interval = bounds::millis(interval.as_deref(), &at.field("interval"), remarks);
    let base = bounds::millis(
        base_ejection_time.as_deref(),
        &at.field("baseEjectionTime"),
        remarks,
    );
    let max_ejection_percent = bounds::percent(
        *max_ejection_percent,
        &at.field("maxEjectionPercent"),
        remarks,
    );
    OutlierDetection {
        consecutive_5xx: consecutive_5xx_errors.unwrap_or(CONSECUTIVE),
        consecutive_gateway_errors: consecutive_gateway_errors.unwrap_or(0),
        consecutive_local_origin_failures,
        split_external_local_origin_errors: *split,
        interval: interval.unwrap_or(INTERVAL),
        base_ejection_time: base.unwrap_or(BASE_EJECTION_TIME),
        max_ejection_percent: match max_ejection_percent {
            0 => MAX_EJECTION_PERCENT,
            percent => percent,
        },
        min_health_percent: bounds::percent(
            *min_health_percent,
            &at.field("minHealthPercent"),
            remarks,
        ),
        error_codes: lower_codes(
            outlier_detection_http_error_codes,
            &at.field("outlierDetectionHttpErrorCodes"),
            remarks,
        ),
    }
}

fn lower_local_failures(
    failures: Option<u32>,
    split: bool,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> u32 {
    match (split, failures) {
        (true, None | Some(0)) => CONSECUTIVE,
        (true, Some(failures)) => failures,
        (false, None | Some(0)) => 0,
        (false, Some(_)) => {
            remarks.error(
                at,
                "conflicting-fields",
                "needs splitExternalLocalOriginErrors: true",
            );
            0
        }
    }
}

/// Istio reads the number nowhere, so what is in force is what the other fields say.
fn warn_of_consecutive_errors(errors: Option<u32>, at: &Path<'_>, remarks: &mut Remarks) {
    let in_force = match errors {
        Some(0) => "consecutive 5xx don't eject".to_owned(),
        errors => format!(
            "ejection is after {} consecutive 5xx",
            errors.unwrap_or(CONSECUTIVE)
        ),
    };
    remarks
        .warning(
            &at.field("consecutiveErrors"),
            "deprecated-field",
            format!("is deprecated, and its value has no effect: {in_force}"),
        )
        .advise("write consecutive5xxErrors or consecutiveGatewayErrors");
}

fn lower_codes(codes: &[u32], at: &Path<'_>, remarks: &mut Remarks) -> Vec<u16> {
    let mut lowered = Vec::with_capacity(codes.len());
    for (index, code) in codes.iter().enumerate() {
        match u16::try_from(*code) {
            Ok(status) if (100..600).contains(&status) => lowered.push(status),
            _ => {
                remarks.error(
                    &at.item(index),
                    bounds::OUT_OF_RANGE,
                    format!("{code} is not an HTTP status from 100 to 599"),
                );
            }
        }
    }
    lowered
}
