//! The clusters of a plan.

use std::sync::Arc;

use ferromesh_mesh::decl::service::{Resolution, ServicePort};
use ferromesh_mesh::name::SubsetName;
use ferromesh_mesh::policy::load_balancer::Algorithm;
use ferromesh_mesh::view::cluster::ClusterName;

use super::PlannedBackend;
use crate::link::facts::{Candidate, Target};
use crate::link::keys::Backend;
use crate::link::policies::{self, Merged};
use crate::link::preference::{Needs, Preference, Viewer};
use crate::link::scope::Scope;

/// The clusters of a service's port: for all instances, and for each subset.
pub(super) fn of(
    scope: &Scope,
    service: &Candidate,
    target: &Target,
    port: &ServicePort,
) -> Vec<PlannedBackend> {
    let chosen = policies::choose(scope, target, &service.service.namespace);
    let merged = Merged::of(chosen.iter().map(|candidate| &candidate.policies));
    let ids = policies::ids(&chosen);
    std::iter::once(None)
        .chain(merged.subsets().cloned().map(Some))
        .map(|subset: Option<SubsetName>| {
            let policy = merged.effective(port.number, subset.as_ref());
            let by_address = service.service.resolution == Resolution::Original
                || (service.service.resolution == Resolution::Headless && !port.protocol.is_http())
                || policy
                    .load_balancer
                    .as_ref()
                    .is_some_and(|lb| lb.algorithm == Algorithm::Passthrough);
            let has_endpoints = !by_address
                && !matches!(
                    service.service.resolution,
                    Resolution::Dns(_) | Resolution::DnsRoundRobin(_)
                );
            let needs = if by_address {
                Needs::default()
            } else {
                Preference::of(&service.service, &policy, &scope.mesh)
                    .needs(&service.service, service.hinted)
            };
            PlannedBackend {
                key: Arc::new(Backend {
                    name: ClusterName::Outbound {
                        port: port.number,
                        subset,
                        host: service.service.host.clone(),
                    },
                    service: service.id().clone(),
                    policies: ids.clone(),
                    viewer: Viewer::default(),
                }),
                has_endpoints,
                needs,
            }
        })
        .collect()
}
