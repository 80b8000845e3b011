//! Forwarding.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use mesh::view::virtual_host::Forward;

use super::{References, backends, hash, mirror, retry, rewrite, timeout};

/// Forwarding, or 503 if there is nowhere to forward to.
pub(super) fn action(
    forward: &Forward,
    references: &mut References,
) -> envoy::route::route::Action {
    let Forward {
        backends,
        timeout,
        retry,
        rewrite,
        mirrors,
        hash,
    } = forward;
    let Some(clusters) = backends::clusters(backends, references) else {
        return envoy::route::route::Action::DirectResponse(envoy::route::DirectResponseAction {
            status: 503,
            ..Default::default()
        });
    };
    let action = envoy::route::RouteAction {
        cluster_specifier: Some(clusters),
        retry_policy: retry
            .as_ref()
            .map(|policy| retry::retry_policy(policy, !hash.is_empty())),
        request_mirror_policies: mirrors
            .iter()
            .filter_map(|mirror| mirror::mirror(mirror, references))
            .collect(),
        hash_policy: hash.iter().map(hash::hash_policy).collect(),
        ..Default::default()
    };
    let action = rewrite::apply(rewrite, backends::single_authority(backends), action);
    envoy::route::route::Action::Route(timeout::apply(*timeout, action))
}
