//! Retries.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::header_matcher::HeaderMatchSpecifier;
use envoy::route::retry_policy;
use mesh::policy::retry::{PreviousHosts, RetryOn, RetryPolicy};

use crate::filters::not_sent;

/// How often Envoy looks for a host that was not tried yet. Istio's five are few: of two hosts the one that is dead has the
/// fewest requests, so the balancer prefers it, and now and then a retry went there again.
const HOST_SELECTION_ATTEMPTS: i64 = 32;

/// After how many tries in one priority the next one is tried (Istio's value).
const PRIORITY_UPDATE_FREQUENCY: i32 = 2;

/// The condition by which listed status codes count.
const STATUS_CODES: &str = "retriable-status-codes";

/// The condition of whoever may try again when nobody could be connected to, and the one by which that holds for the
/// application behind a proxy, too.
const CONNECT_FAILURE: &str = "connect-failure";
const HEADERS: &str = "retriable-headers";

/// The retries of a route. `hashed` = a hash chooses the host.
pub(super) fn retry_policy(policy: &RetryPolicy, hashed: bool) -> envoy::route::RetryPolicy {
    let RetryPolicy {
        attempts,
        per_try_timeout,
        on,
        backoff,
        previous_hosts,
        remote_localities,
    } = policy;
    let RetryOn {
        conditions: _,
        status_codes,
    } = on;
    let avoid = match previous_hosts {
        PreviousHosts::Avoid => true,
        PreviousHosts::Reuse => false,
        PreviousHosts::AvoidUnlessHashed => !hashed,
    };
    envoy::route::RetryPolicy {
        retry_on: conditions(on),
        num_retries: Some(*attempts),
        per_try_timeout: per_try_timeout.map(envoy::duration),
        retriable_headers: if on.conditions.contains(&CONNECT_FAILURE) {
            vec![not_sent()]
        } else {
            Vec::new()
        },
        retriable_status_codes: status_codes.iter().copied().map(u32::from).collect(),
        host_selection_retry_max_attempts: HOST_SELECTION_ATTEMPTS,
        retry_host_predicate: avoid.then(avoid_previous_hosts).into_iter().collect(),
        retry_priority: remote_localities.then(previous_priorities),
        retry_back_off: backoff.filter(|backoff| !backoff.is_zero()).map(|base| {
            retry_policy::RetryBackOff {
                base_interval: Some(envoy::duration(base)),
                ..Default::default()
            }
        }),
        ..Default::default()
    }
}

/// The retries of an inbound port: a request that was reset before it reached the app was never
/// processed. That happens whenever the app closes an idle connection at the wrong moment.
pub(super) fn inbound() -> envoy::route::RetryPolicy {
    envoy::route::RetryPolicy {
        retry_on: "reset-before-request".to_owned(),
        num_retries: Some(2),
        ..Default::default()
    }
}

fn conditions(on: &RetryOn) -> String {
    let RetryOn {
        conditions,
        status_codes,
    } = on;
    let by_code = !status_codes.is_empty() && !conditions.contains(&STATUS_CODES);
    let by_header = conditions.contains(&CONNECT_FAILURE) && !conditions.contains(&HEADERS);
    let all: Vec<_> = conditions
        .iter()
        .copied()
        .chain(by_code.then_some(STATUS_CODES))
        .chain(by_header.then_some(HEADERS))
        .collect();
    all.join(",")
}

/// What the server's proxy says when it could not connect to its application.
fn not_sent() -> envoy::route::HeaderMatcher {
    envoy::route::HeaderMatcher {
        name: not_sent::HEADER.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..Default::default()
    }
}

fn avoid_previous_hosts() -> retry_policy::RetryHostPredicate {
    let config = envoy::previous_hosts::PreviousHostsPredicate {};
    retry_policy::RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(retry_policy::retry_host_predicate::ConfigType::TypedConfig(
            envoy::any(&config),
        )),
    }
}

fn previous_priorities() -> retry_policy::RetryPriority {
    let config = envoy::previous_priorities::PreviousPrioritiesConfig {
        update_frequency: PRIORITY_UPDATE_FREQUENCY,
    };
    retry_policy::RetryPriority {
        name: "envoy.retry_priorities.previous_priorities".to_owned(),
        config_type: Some(retry_policy::retry_priority::ConfigType::TypedConfig(
            envoy::any(&config),
        )),
    }
}
