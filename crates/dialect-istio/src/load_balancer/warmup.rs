//! Slow start.

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::load_balancer::{Algorithm, Warmup};

use crate::{bounds, effect};

/// Istio's defaults: 10 %, linear.
const MINIMUM_PERCENT: u32 = 10;
const LINEAR: u32 = 1000;

/// `warmup` and the deprecated `warmupDurationSecs` of the load balancer at the path `at`.
pub(super) fn lower(
    warmup: Option<&istio::Warmup>,
    deprecated: Option<&str>,
    algorithm: &Algorithm,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Warmup> {
    let old_field = at.field("warmupDurationSecs");
    let new_field = at.field("warmup");
    if deprecated.is_some() {
        effect::deprecated(&old_field, "write warmup.duration", remarks);
    }
    let lowered = match warmup {
        Some(warmup) => {
            if deprecated.is_some() {
                effect::none(&old_field, "warmup is written, too", remarks);
            }
            lower_warmup(warmup, &new_field, remarks)
        }
        None => bounds::millis(deprecated, &old_field, remarks).map(|duration| Warmup {
            duration,
            minimum_percent: MINIMUM_PERCENT,
            aggression_milli: LINEAR,
        }),
    };
    match algorithm {
        Algorithm::LeastRequest | Algorithm::RoundRobin => lowered,
        Algorithm::Random | Algorithm::Passthrough | Algorithm::ConsistentHash(_) => {
            if warmup.is_some() || deprecated.is_some() {
                let field = if warmup.is_some() {
                    &new_field
                } else {
                    &old_field
                };
                effect::none(field, "only LEAST_REQUEST and ROUND_ROBIN warm up", remarks);
            }
            None
        }
    }
}

fn lower_warmup(warmup: &istio::Warmup, at: &Path<'_>, remarks: &mut Remarks) -> Option<Warmup> {
    let istio::Warmup {
        duration,
        minimum_percent,
        aggression,
    } = warmup;
    let duration = bounds::required_millis(duration.as_deref(), &at.field("duration"), remarks);
    let minimum_percent = minimum_percent.map_or(MINIMUM_PERCENT, |percent| {
        lower_percent(percent, &at.field("minimumPercent"), remarks)
    });
    let aggression_milli = aggression.map_or(LINEAR, |aggression| {
        lower_aggression(aggression, &at.field("aggression"), remarks)
    });
    duration.map(|duration| Warmup {
        duration,
        minimum_percent,
        aggression_milli,
    })
}

fn lower_percent(percent: f64, at: &Path<'_>, remarks: &mut Remarks) -> u32 {
    let Some(millipercent) = bounds::millipercent(percent, at, remarks) else {
        return MINIMUM_PERCENT;
    };
    let whole = (millipercent + 500) / 1000;
    if whole * 1000 != millipercent {
        remarks.warning(
            at,
            "limited",
            format!("is taken as {whole}: whole percents"),
        );
    }
    whole
}

fn lower_aggression(aggression: f64, at: &Path<'_>, remarks: &mut Remarks) -> u32 {
    if aggression > 0.0 {
        // Saturating by `as`; zero would turn slow start off.
        return ((aggression * 1000.0).round() as u32).max(1);
    }
    remarks.error(
        at,
        bounds::OUT_OF_RANGE,
        format!("{aggression} must be greater than 0"),
    );
    LINEAR
}
