//! `fault`.

use ferromesh_api as api;
use ferromesh_mesh::closest::closest;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::fault::{Abort, AbortWith, Delay, Fault};
use ferromesh_mesh::policy::percent::PartsPerMillion;

use super::{percent, status};
use crate::duration;

const CODE: &str = "invalid-fault";

/// gRPC's status codes by name; the index is the code.
const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Lowers faults; unsound parts are errors. `None` if nothing is left of them.
pub(super) fn lower(
    fault: &api::istio::HttpFault,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Fault> {
    let api::istio::HttpFault { delay, abort } = fault;
    if delay.is_none() && abort.is_none() {
        remarks.error(at, CODE, "a fault must have a delay or an abort");
    }
    let delay = delay
        .as_ref()
        .and_then(|delay| lower_delay(delay, &at.field("delay"), remarks));
    let abort = abort
        .as_ref()
        .and_then(|abort| lower_abort(abort, &at.field("abort"), remarks));
    (delay.is_some() || abort.is_some()).then_some(Fault { delay, abort })
}

fn lower_delay(
    delay: &api::istio::FaultDelay,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Delay> {
    let api::istio::FaultDelay {
        percent: _,
        percentage: _,
        fixed_delay,
        exponential_delay,
    } = delay;
    if exponential_delay.is_some() {
        remarks
            .error(
                &at.field("exponentialDelay"),
                CODE,
                "exponential delays are not supported",
            )
            .advise("write fixedDelay");
    }
    let share = lower_delay_share(delay, at, remarks);
    let Some(fixed_delay) = fixed_delay else {
        if exponential_delay.is_none() {
            remarks.warning(at, "no-effect", "a delay without fixedDelay has no effect");
        }
        return None;
    };
    Some(Delay {
        duration: duration::lower_millis(fixed_delay, &at.field("fixedDelay"), remarks)?,
        share,
    })
}

fn lower_delay_share(
    delay: &api::istio::FaultDelay,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> PartsPerMillion {
    let api::istio::FaultDelay {
        percent,
        percentage,
        fixed_delay: _,
        exponential_delay: _,
    } = delay;
    let percent_at = at.field("percent");
    if *percent != 0 {
        remarks
            .warning(&percent_at, "deprecated-field", "percent is deprecated")
            .advise("write percentage.value");
    }
    match percentage {
        Some(percentage) => percent::lower_fine(percentage, &at.field("percentage"), remarks),
        None if *percent == 0 => {
            remarks.warning(
                at,
                "no-effect",
                "without a percentage, no request is delayed",
            );
            PartsPerMillion(0)
        }
        None => match u32::try_from(*percent) {
            Ok(percent) => percent::lower_whole(percent, &percent_at, remarks),
            Err(_) => {
                remarks.error(&percent_at, "invalid-percentage", "must not be negative");
                PartsPerMillion(0)
            }
        },
    }
}

fn lower_abort(
    abort: &api::istio::FaultAbort,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Abort> {
    let share = match &abort.percentage {
        Some(percentage) => percent::lower_fine(percentage, &at.field("percentage"), remarks),
        None => {
            remarks.warning(
                at,
                "no-effect",
                "without a percentage, no request is aborted",
            );
            PartsPerMillion(0)
        }
    };
    Some(Abort {
        with: lower_abort_with(abort, at, remarks)?,
        share,
    })
}

fn lower_abort_with(
    abort: &api::istio::FaultAbort,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<AbortWith> {
    let api::istio::FaultAbort {
        percentage: _,
        http_status,
        grpc_status,
        http2_error,
    } = abort;
    match (http_status, grpc_status, http2_error) {
        (None, None, None) => {
            remarks.warning(
                at,
                "no-effect",
                "an abort without httpStatus or grpcStatus has no effect",
            );
            None
        }
        (Some(code), None, None) => {
            status::lower(i64::from(*code), &at.field("httpStatus"), remarks).map(AbortWith::Http)
        }
        (None, Some(name), None) => lower_grpc(name, &at.field("grpcStatus"), remarks),
        (None, None, Some(_)) => {
            remarks.error(
                &at.field("http2Error"),
                CODE,
                "aborts by HTTP/2 errors are not supported",
            );
            None
        }
        _ => {
            remarks.error(
                at,
                "conflicting-fields",
                "only one of httpStatus, grpcStatus and http2Error may be set",
            );
            None
        }
    }
}

fn lower_grpc(name: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<AbortWith> {
    if let Some(code) = GRPC_STATUSES.iter().position(|known| *known == name) {
        return u32::try_from(code).ok().map(AbortWith::Grpc);
    }
    let remark = remarks.error(
        at,
        "invalid-status",
        format!("unknown gRPC status {name:?}"),
    );
    match closest(name, GRPC_STATUSES) {
        Some(meant) => remark.advise(format!("did you mean {meant:?}?")),
        None => remark.advise("write the name of a status, such as \"UNAVAILABLE\""),
    }
    None
}
