//! `route`, with all that goes with forwarding.

use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::decl::http_routes::{Backend, Forward, Retry};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::rewrite::Rewrite;

use super::{cors, destination, fault, headers, mirror, rewrite, timeout, weight};
use crate::retry;

/// Lowers a rule that forwards, at the path `at`; unsound parts are errors.
pub(super) fn lower(
    rule: &api::istio::HttpRoute,
    namespace: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Forward {
    let rewrite = lower_rewrite(rule, at, remarks);
    Forward {
        backends: lower_backends(rule, namespace, &rewrite, at, remarks),
        timeout: timeout::lower(rule.timeout.as_deref(), &at.field("timeout"), remarks),
        retry: rule.retries.as_ref().map_or(Retry::MeshDefault, |retries| {
            retry::lower(retries, &at.field("retries"), remarks)
        }),
        rewrite,
        headers: headers::lower(&rule.headers, &at.field("headers"), remarks),
        mirrors: mirror::lower(rule, namespace, at, remarks),
        fault: rule
            .fault
            .as_ref()
            .and_then(|fault| fault::lower(fault, &at.field("fault"), remarks)),
        cors: rule
            .cors_policy
            .as_ref()
            .map(|cors| cors::lower(cors, &at.field("corsPolicy"), remarks)),
    }
}

/// `rewrite`, and the authority among the headers of the request, which is the same thing.
fn lower_rewrite(rule: &api::istio::HttpRoute, at: &Path<'_>, remarks: &mut Remarks) -> Rewrite {
    let Rewrite { path, authority } = rule.rewrite.as_ref().map_or_else(Rewrite::default, |r| {
        rewrite::lower(r, &at.field("rewrite"), remarks)
    });
    if usize::from(authority.is_some()) + headers::authorities(&rule.headers) > 1 {
        remarks.error(
            &at.field("headers").field("request"),
            "conflicting-fields",
            "the authority is set more than once (rewrite.authority, Host, :authority)",
        );
    }
    Rewrite {
        path,
        authority: authority.or_else(|| headers::authority(&rule.headers)),
    }
}

fn lower_backends(
    rule: &api::istio::HttpRoute,
    namespace: &Namespace,
    rewrite: &Rewrite,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Backend> {
    let list_at = at.field("route");
    let weights: Vec<i32> = rule.route.iter().map(|backend| backend.weight).collect();
    let weights = weight::lower(&weights, &list_at, remarks);
    rule.route
        .iter()
        .zip(weights)
        .enumerate()
        .map(|(index, (backend, weight))| {
            let api::istio::HttpRouteDestination {
                destination,
                weight: _,
                headers: changes,
            } = backend;
            let at = list_at.item(index);
            let headers_at = at.field("headers");
            Backend {
                destination: destination::lower(
                    destination,
                    namespace,
                    &at.field("destination"),
                    remarks,
                ),
                weight,
                headers: headers::lower(changes, &headers_at, remarks),
                authority: lower_authority(changes, rewrite, &headers_at, remarks),
            }
        })
        .collect()
}

/// The authority for one backend only; that of the rule wins, for single and weighted backends
/// alike.
fn lower_authority(
    changes: &api::istio::HttpHeaders,
    rewrite: &Rewrite,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Arc<str>> {
    let authority = headers::authority(changes)?;
    if rewrite.authority.is_some() {
        remarks.warning(
            &at.field("request"),
            "no-effect",
            "the authority that the rule itself sets counts instead",
        );
        return None;
    }
    Some(authority)
}
