//! Limits of a connection pool, which break the circuit.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use mesh::policy::retry_budget::RetryBudget;
use mesh::view::cluster::Limits;

use super::retry_budget;

/// Limits; all are said, since Envoy's defaults are low.
pub(super) fn circuit_breakers(
    limits: &Limits,
    budget: Option<&RetryBudget>,
) -> envoy::cluster::CircuitBreakers {
    let Limits {
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        // These two are options of the protocol.
        max_requests_per_connection: _,
        max_concurrent_streams: _,
    } = limits;
    envoy::cluster::CircuitBreakers {
        thresholds: vec![envoy::cluster::circuit_breakers::Thresholds {
            max_connections: Some(*max_connections),
            max_pending_requests: Some(*max_pending_requests),
            max_requests: Some(*max_requests),
            max_retries: Some(*max_retries),
            retry_budget: budget.map(retry_budget::retry_budget),
            ..Default::default()
        }],
        ..Default::default()
    }
}
