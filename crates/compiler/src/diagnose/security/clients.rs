//! Traffic policies that speak another TLS than the servers understand.

use std::sync::Arc;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::traffic_policy::TrafficPolicies;
use ferromesh_mesh::decl::workload::{PeerTls, Workload, WorkloadKind};
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::name::{Hostname, SubsetName};
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::mtls::MtlsMode;
use ferromesh_mesh::policy::tls::ClientTls;

use super::{named, warn};
use crate::index::reading::Reading;
use crate::link::mtls::PeerModes;
use crate::link::policies::Merged;
use crate::link::ports;
use crate::question::index_pair;

/// Checks policies against those of the servers behind their host. One remark is enough.
pub(super) fn check(
    policies: &Arc<TrafficPolicies>,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let merged = Merged::of([policies]);
    let subsets = merged.subsets().cloned().map(Some);
    let all_and_subsets: Vec<_> = std::iter::once(None).chain(subsets).collect();
    for service in covered(&policies.host, reading) {
        let servers = servers(&service, reading);
        for port in &service.ports {
            for subset in &all_and_subsets {
                let Some(said) = merged.effective(port.number, subset.as_ref()).tls else {
                    continue;
                };
                let labels = subset.as_ref().and_then(|name| merged.labels(name));
                let clash = servers
                    .iter()
                    .filter(|server| labels.is_none_or(|labels| has(server, labels)))
                    .find_map(|server| {
                        let number = ports::of_workload(server, port)?;
                        clash(&said, server, number, reading)
                    });
                if let Some((message, hint)) = clash {
                    let message = format!("{} port {}: {message}", service.host, port.number);
                    let field = field(policies, port.number, subset.as_ref());
                    list.push(warn(&field, "conflicting-tls", message).hint(hint));
                    return;
                }
            }
        }
    }
}

/// Where it was said.
fn field(policies: &TrafficPolicies, port: u16, subset: Option<&SubsetName>) -> Origin {
    let own = policies
        .subsets
        .iter()
        .find(|own| Some(&own.name) == subset)
        .map(|own| (&own.origin, &own.policy));
    let general = (&policies.origin, &policies.policy);
    for (origin, said) in own.into_iter().chain([general]) {
        if said
            .ports
            .get(&port)
            .is_some_and(|policy| policy.tls.is_some())
        {
            return origin.field("trafficPolicy.portLevelSettings");
        }
        if said.all.tls.is_some() {
            return origin.field("trafficPolicy.tls.mode");
        }
    }
    policies.origin.clone()
}

fn has(server: &Workload, labels: &Labels) -> bool {
    labels
        .iter()
        .all(|(key, value)| server.labels.get(key) == Some(value))
}

/// The services that a host or pattern names.
fn covered(host: &Hostname, reading: &mut Reading<'_>) -> Vec<Arc<Service>> {
    let mut names: Vec<Hostname> = if host.is_wildcard() {
        reading.hosts().filter(|name| host.covers(name)).collect()
    } else {
        vec![host.clone()]
    };
    names.sort();
    names
        .iter()
        .flat_map(|name| reading.services(name).map(|(_, s)| s.clone()).take(1))
        .collect()
}

/// The workloads that a service selects.
fn servers(service: &Service, reading: &mut Reading<'_>) -> Vec<Arc<Workload>> {
    let Some(selector) = &service.selector else {
        return Vec::new();
    };
    [WorkloadKind::Pod, WorkloadKind::Entry]
        .into_iter()
        .flat_map(|kind| reading.labelled(&service.namespace, kind, index_pair(selector)))
        .filter(|workload| selector.selects(&workload.labels))
        .cloned()
        .collect()
}

fn clash(
    said: &ClientTls,
    server: &Workload,
    port: u16,
    reading: &mut Reading<'_>,
) -> Option<(String, &'static str)> {
    let name = named(server);
    let modes = PeerModes::of(&server.name.namespace, &server.labels, reading);
    let policy = modes
        .source(port)
        .map_or_else(String::new, |policy| format!(" ({})", policy.origin.object));
    let (message, hint) = match (said, modes.port(port), server.peer_tls) {
        (ClientTls::Mesh { .. }, _, PeerTls::Plain) => (
            format!("{name} has no proxy that speaks mutual TLS: connections fail"),
            "remove tls, so that clients do what each instance understands",
        ),
        (ClientTls::Mesh { .. }, MtlsMode::Disable, PeerTls::Mesh) => (
            format!("{name} takes no mutual TLS{policy}: connections fail"),
            "remove tls, so that clients do what each instance understands",
        ),
        (
            ClientTls::Disable | ClientTls::Simple(_) | ClientTls::Mutual { .. },
            MtlsMode::Strict,
            PeerTls::Mesh,
        ) => (
            format!("{name} takes mutual TLS of the mesh only{policy}: connections are reset"),
            "write mode ISTIO_MUTUAL, or remove tls",
        ),
        _ => return None,
    };
    Some((message, hint))
}
