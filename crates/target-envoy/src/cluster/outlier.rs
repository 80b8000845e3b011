//! Ejection of failing instances.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use mesh::policy::outlier::OutlierDetection;

use super::SHORTEST;

/// Passive health checking. Envoy's statistical detectors stay off, as in Istio.
pub(super) fn outlier_detection(policy: &OutlierDetection) -> envoy::cluster::OutlierDetection {
    let OutlierDetection {
        consecutive_5xx,
        consecutive_gateway_errors,
        consecutive_local_origin_failures,
        split_external_local_origin_errors,
        interval,
        base_ejection_time,
        max_ejection_percent,
        // The panic threshold of the cluster.
        min_health_percent: _,
        // A matcher among the options of the protocol.
        error_codes: _,
    } = policy;
    let local = *split_external_local_origin_errors;
    envoy::cluster::OutlierDetection {
        consecutive_5xx: Some(*consecutive_5xx),
        enforcing_consecutive_5xx: Some(enforcing(*consecutive_5xx)),
        consecutive_gateway_failure: Some(*consecutive_gateway_errors),
        enforcing_consecutive_gateway_failure: Some(enforcing(*consecutive_gateway_errors)),
        split_external_local_origin_errors: local,
        consecutive_local_origin_failure: local.then_some(*consecutive_local_origin_failures),
        enforcing_consecutive_local_origin_failure: local
            .then_some(enforcing(*consecutive_local_origin_failures)),
        enforcing_local_origin_success_rate: local.then_some(0),
        enforcing_success_rate: Some(0),
        interval: Some(envoy::duration((*interval).max(SHORTEST))),
        base_ejection_time: Some(envoy::duration((*base_ejection_time).max(SHORTEST))),
        max_ejection_percent: Some((*max_ejection_percent).min(100)),
        ..Default::default()
    }
}

/// A detector without a count is off.
fn enforcing(count: u32) -> u32 {
    if count > 0 { 100 } else { 0 }
}

/// What counts as an error, if the author lists statuses.
pub(super) fn error_matcher(codes: &[u16]) -> Option<envoy::match_predicate::MatchPredicate> {
    let mut rules: Vec<_> = codes.iter().copied().map(status).collect();
    match rules.len() {
        0 => None,
        // Envoy wants at least two members in a set.
        1 => rules.pop(),
        _ => Some(predicate(
            envoy::match_predicate::match_predicate::Rule::OrMatch(
                envoy::match_predicate::match_predicate::MatchSet { rules },
            ),
        )),
    }
}

fn status(code: u16) -> envoy::match_predicate::MatchPredicate {
    let exact = envoy::matcher::StringMatcher {
        match_pattern: Some(envoy::matcher::string_matcher::MatchPattern::Exact(
            code.to_string(),
        )),
        ..Default::default()
    };
    let header = envoy::route::HeaderMatcher {
        name: ":status".to_owned(),
        header_match_specifier: Some(
            envoy::route::header_matcher::HeaderMatchSpecifier::StringMatch(exact),
        ),
        ..Default::default()
    };
    predicate(
        envoy::match_predicate::match_predicate::Rule::HttpResponseHeadersMatch(
            envoy::match_predicate::HttpHeadersMatch {
                headers: vec![header],
            },
        ),
    )
}

fn predicate(
    rule: envoy::match_predicate::match_predicate::Rule,
) -> envoy::match_predicate::MatchPredicate {
    envoy::match_predicate::MatchPredicate { rule: Some(rule) }
}
