//! Traffic policies: for hosts and ports that nobody has, and those that an older one overrules.

use std::sync::Arc;

use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::traffic_policy::{PolicySet, TrafficPolicies};
use ferromesh_mesh::diagnostic::Diagnostic;

use super::{warn, way_to_host};
use crate::identity::DeclId;
use crate::index::reading::Reading;

/// Checks policies.
pub(super) fn check(
    id: &DeclId,
    policies: &TrafficPolicies,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let host = &policies.host;
    let services: Vec<_> = reading.services(host).collect();
    if services.is_empty() && !(host.is_wildcard() && reading.is_covering(host)) {
        let message = format!("no service is called {host}: this has no effect");
        let field = policies.origin.field("host");
        list.push(warn(&field, "unknown-host", message).hint(way_to_host(
            host,
            &policies.namespace,
            reading,
        )));
    }
    for port in policies.policy.ports.keys() {
        let is_known = |(_, service): &(_, &Arc<Service>)| {
            service.ports.iter().any(|known| known.number == *port)
        };
        if !services.is_empty() && !services.iter().any(is_known) {
            let message = format!("{host} has no port {port}: its settings have no effect");
            let field = policies.origin.field("trafficPolicy.portLevelSettings");
            list.push(warn(&field, "unknown-port", message));
        }
    }
    check_older(id, policies, reading, list);
}

/// Policies of one namespace for one host are merged; what an older one said already is lost.
fn check_older(
    id: &DeclId,
    policies: &TrafficPolicies,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let older: Vec<_> = reading
        .policies(&policies.host)
        .take_while(|(seniority, _)| seniority.id != *id)
        .filter(|(_, other)| other.namespace == policies.namespace)
        .collect();
    let nothing = PolicySet::default();
    let is_said = |(_, other): &&(_, &Arc<TrafficPolicies>)| other.policy != nothing;
    if policies.policy != nothing
        && let Some((seniority, _)) = older.iter().find(is_said)
    {
        let message = format!(
            "{} comes first (by age, then by name) and has a policy for {}: this one never counts",
            seniority.id.object, policies.host
        );
        list.push(
            warn(
                &policies.origin.field("trafficPolicy"),
                "conflicting-policies",
                message,
            )
            .hint("put all policies for a host into one object"),
        );
    }
    for subset in &policies.subsets {
        let first = older.iter().find(|(_, other)| {
            let mut names = other.subsets.iter().map(|subset| &subset.name);
            names.any(|name| *name == subset.name)
        });
        if let Some((seniority, _)) = first {
            let message = format!(
                "{} comes first (by age, then by name) and has a subset {}: this one never counts",
                seniority.id.object, subset.name
            );
            list.push(
                warn(&subset.origin, "conflicting-subsets", message)
                    .hint("rename or remove one of them"),
            );
        }
    }
}
