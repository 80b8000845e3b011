//! Choice of an instance.

mod consistent_hash;
mod warmup;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::load_balancer::{Algorithm, LoadBalancer};
use ferromesh_mesh::policy::locality::LocalityPolicy;

use crate::effect;
use crate::locality::{self, Ejection};

/// A load balancer at the path `at`, and what it says about locality. `ejection` says whether
/// the same policy has outlier detection, which failover needs.
pub fn lower(
    balancer: &istio::LoadBalancer,
    ejection: Ejection,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> (LoadBalancer, Option<LocalityPolicy>) {
    let istio::LoadBalancer {
        simple,
        consistent_hash,
        locality_lb_setting,
        zone_aware_lb_setting,
        warmup_duration_secs,
        warmup,
    } = balancer;
    if simple.is_some() && consistent_hash.is_some() {
        effect::conflict(&at.field("consistentHash"), "simple", remarks);
    }
    let algorithm = match consistent_hash {
        Some(hash) => consistent_hash::lower(hash, &at.field("consistentHash"), remarks),
        None => lower_simple(*simple, &at.field("simple"), remarks),
    };
    let locality = locality_lb_setting
        .as_ref()
        .map(|setting| locality::lower(setting, ejection, &at.field("localityLbSetting"), remarks));
    if let Some(setting) = zone_aware_lb_setting {
        let at = at.field("zoneAwareLbSetting");
        if locality.is_some() {
            effect::conflict(&at, "localityLbSetting", remarks);
        }
        locality::check_zone_aware(setting, ejection, &at, remarks);
        effect::not_yet(&at, remarks);
    }
    let warmup = warmup::lower(
        warmup.as_ref(),
        warmup_duration_secs.as_deref(),
        &algorithm,
        at,
        remarks,
    );
    (LoadBalancer { algorithm, warmup }, locality)
}

fn lower_simple(
    simple: Option<istio::SimpleLb>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Algorithm {
    match simple {
        None | Some(istio::SimpleLb::Unspecified | istio::SimpleLb::LeastRequest) => {
            Algorithm::LeastRequest
        }
        Some(istio::SimpleLb::LeastConn) => {
            remarks
                .warning(
                    at,
                    "deprecated-value",
                    "LEAST_CONN is deprecated, and taken as LEAST_REQUEST",
                )
                .advise("write LEAST_REQUEST");
            Algorithm::LeastRequest
        }
        Some(istio::SimpleLb::Random) => Algorithm::Random,
        Some(istio::SimpleLb::Passthrough) => Algorithm::Passthrough,
        Some(istio::SimpleLb::RoundRobin) => Algorithm::RoundRobin,
    }
}
