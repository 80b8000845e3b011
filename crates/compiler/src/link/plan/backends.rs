//! The clusters of a plan.

use std::sync::Arc;

use ferromesh_mesh::decl::service::{Resolution, Service, ServicePort};
use ferromesh_mesh::decl::traffic_policy::TrafficPolicy;
use ferromesh_mesh::policy::load_balancer::Algorithm;
use ferromesh_mesh::view::cluster::ClusterName;

use super::PlannedBackend;
use crate::link::claims::Capture;
use crate::link::facts::{Candidate, Target};
use crate::link::keys::{Backend, Chooser};
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
    let subsets = merged.subsets().cloned().map(Some);
    let mut planned = Vec::new();
    for subset in std::iter::once(None).chain(subsets) {
        let policy = merged.effective(port.number, subset.as_ref());
        for (capture, chooser) in choosers(&service.service, &policy) {
            planned.push(PlannedBackend {
                capture,
                key: Arc::new(Backend {
                    name: ClusterName::Outbound {
                        port: port.number,
                        subset: subset.clone(),
                        host: service.service.host.clone(),
                    },
                    service: service.id().clone(),
                    policies: ids.clone(),
                    chooser,
                    viewer: Viewer::default(),
                }),
                has_endpoints: chooser == Chooser::Proxy
                    && !matches!(
                        service.service.resolution,
                        Resolution::Dns(_) | Resolution::DnsRoundRobin(_)
                    ),
                needs: match chooser {
                    Chooser::Client => Needs::default(),
                    Chooser::Proxy => Preference::of(&service.service, &policy, &scope.mesh)
                        .needs(&service.service, service.hinted),
                },
            });
        }
    }
    planned
}

/// Who chooses the instances of a service, for which proxies. Those of a headless service are
/// told apart by their addresses, which a proxy knows only if traffic is captured (Istio).
fn choosers(
    service: &Service,
    policy: &TrafficPolicy,
) -> impl Iterator<Item = (Option<Capture>, Chooser)> + use<> {
    let passes = policy
        .load_balancer
        .as_ref()
        .is_some_and(|balancer| balancer.algorithm == Algorithm::Passthrough);
    let (first, second) = match &service.resolution {
        _ if passes => ((None, Chooser::Client), None),
        Resolution::Original => ((None, Chooser::Client), None),
        Resolution::Headless => (
            (Some(Capture::Captured), Chooser::Client),
            Some((Some(Capture::Bound), Chooser::Proxy)),
        ),
        Resolution::Declared
        | Resolution::Workloads
        | Resolution::Dns(_)
        | Resolution::DnsRoundRobin(_) => ((None, Chooser::Proxy), None),
    };
    std::iter::once(first).chain(second)
}
