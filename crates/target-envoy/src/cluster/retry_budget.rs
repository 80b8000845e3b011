//! A limit on retries as a share of the requests.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::cluster::circuit_breakers::thresholds;
use mesh::policy::retry_budget::RetryBudget;

/// The budget; it takes the place of the limit on retries.
pub(super) fn retry_budget(budget: &RetryBudget) -> thresholds::RetryBudget {
    let RetryBudget {
        millipercent,
        min_concurrency,
        interval,
    } = budget;
    thresholds::RetryBudget {
        budget_percent: Some(envoy::types::Percent {
            value: f64::from((*millipercent).min(100_000)) / 1000.0,
        }),
        budget_interval: interval.map(envoy::duration),
        min_retry_concurrency: Some(*min_concurrency),
    }
}
