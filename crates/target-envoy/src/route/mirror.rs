//! Copies of requests.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::route_action::RequestMirrorPolicy;
use mesh::policy::percent::PartsPerMillion;
use mesh::view::virtual_host::RouteMirror;

use super::References;
use crate::{names, percent};

/// The copy; `None` if it is for no request at all. Copies are not traced.
pub(super) fn mirror(
    mirror: &RouteMirror,
    references: &mut References,
) -> Option<RequestMirrorPolicy> {
    let RouteMirror { cluster, share } = mirror;
    if *share == PartsPerMillion(0) {
        return None;
    }
    let cluster = names::cluster(cluster);
    references.insert(cluster.clone());
    Some(RequestMirrorPolicy {
        cluster,
        runtime_fraction: Some(percent::runtime_fraction(*share)),
        trace_sampled: Some(false),
        ..Default::default()
    })
}
