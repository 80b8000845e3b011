//! Backends of a route and their weights.

use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::route_action::ClusterSpecifier;
use envoy::route::weighted_cluster::ClusterWeight;
use envoy::route::weighted_cluster::cluster_weight::HostRewriteSpecifier;
use mesh::policy::headers::MessageHeaders;
use mesh::view::virtual_host::{BackendTarget, RouteBackend};

use super::{References, headers};
use crate::{names, weights};

/// Where requests go; `None` if no backend has any weight.
///
/// A backend that doesn't exist is forwarded to all the same, under the name that its cluster
/// would have: Envoy answers 503 (flag `NC`) for its share, and nothing else is touched.
pub(super) fn clusters(
    backends: &[RouteBackend],
    references: &mut References,
) -> Option<ClusterSpecifier> {
    let total: u64 = backends
        .iter()
        .map(|backend| u64::from(backend.weight))
        .sum();
    if total == 0 {
        return None;
    }
    if let [single] = backends {
        return Some(ClusterSpecifier::Cluster(target(
            &single.target,
            references,
        )));
    }
    let clusters = backends
        .iter()
        .filter(|backend| backend.weight > 0)
        .map(|backend| weighted(backend, total, references))
        .collect();
    Some(ClusterSpecifier::WeightedClusters(
        envoy::route::WeightedCluster {
            clusters,
            ..Default::default()
        },
    ))
}

/// The rewriting of the authority by the only backend; several have a place of their own.
pub(super) fn single_authority(backends: &[RouteBackend]) -> Option<&Arc<str>> {
    match backends {
        [single] => single.authority.as_ref(),
        _ => None,
    }
}

fn target(target: &BackendTarget, references: &mut References) -> String {
    match target {
        BackendTarget::Cluster(name) => {
            let name = names::cluster(name);
            references.insert(name.clone());
            name
        }
        BackendTarget::Missing(name) => names::cluster(name),
    }
}

fn weighted(backend: &RouteBackend, total: u64, references: &mut References) -> ClusterWeight {
    let RouteBackend {
        target,
        weight,
        headers,
        authority,
    } = backend;
    let MessageHeaders { request, response } = headers;
    let request = headers::changes([Some(request)]);
    let response = headers::changes([Some(response)]);
    ClusterWeight {
        name: self::target(target, references),
        weight: Some(weights::share(*weight, total)),
        request_headers_to_add: request.add,
        request_headers_to_remove: request.remove,
        response_headers_to_add: response.add,
        response_headers_to_remove: response.remove,
        host_rewrite_specifier: authority
            .as_ref()
            .map(|authority| HostRewriteSpecifier::HostRewriteLiteral(authority.to_string())),
        ..Default::default()
    }
}
