//! Time limits of requests.

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use mesh::policy::timeout::Timeout;

/// Sets the limit; zero = none in Envoy's terms (left out, it would be 15 s). A gRPC call may
/// shorten it by its own header.
#[expect(
    deprecated,
    reason = "the successor cuts streams that are in use; Istio keeps this one too"
)]
pub(super) fn apply(
    timeout: Timeout,
    action: envoy::route::RouteAction,
) -> envoy::route::RouteAction {
    let limit = match timeout {
        Timeout::Unlimited => Duration::ZERO,
        Timeout::After(limit) => limit,
    };
    envoy::route::RouteAction {
        timeout: Some(envoy::duration(limit)),
        max_grpc_timeout: Some(envoy::duration(limit)),
        ..action
    }
}
