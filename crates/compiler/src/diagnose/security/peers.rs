//! PeerAuthentications that never count, and ports that nobody serves.

use std::sync::Arc;

use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::diagnostic::Diagnostic;

use super::{Census, named, warn};
use crate::identity::Seniority;
use crate::index::reading::Reading;
use crate::link::inbound;
use crate::link::mtls::PeerModes;

/// Checks a policy.
pub(super) fn check(
    seniority: &Seniority,
    peers: &Arc<PeerAuthentication>,
    census: &Census,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    census.check(&peers.namespace, &peers.selector, &peers.origin, list);
    if peers.selector.is_empty() {
        check_older(seniority, peers, census, reading, list);
        return;
    }
    let selected: Vec<_> = census.selected(&peers.namespace, &peers.selector).collect();
    let counts = |modes: &PeerModes| modes.own().is_some_and(|own| Arc::ptr_eq(own, peers));
    let mut winner = None;
    let mut counts_somewhere = selected.is_empty();
    for workload in &selected {
        let modes = PeerModes::of(&workload.name.namespace, &workload.labels, reading);
        if counts(&modes) {
            counts_somewhere = true;
        } else {
            winner = winner.or_else(|| modes.own().cloned());
        }
    }
    if let (false, Some(winner)) = (counts_somewhere, winner) {
        let message = format!(
            "{} comes first (by age, then by name) and selects the same workloads: this one never counts",
            winner.origin.object
        );
        list.push(
            warn(&peers.origin, "conflicting-policies", message)
                .hint("put what holds for a workload into one object"),
        );
    }
    check_ports(peers, &selected, reading, list);
}

/// Of several without selector the oldest counts.
fn check_older(
    seniority: &Seniority,
    peers: &PeerAuthentication,
    census: &Census,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let first = reading
        .peer_authentications(&peers.namespace, None)
        .take_while(|(other, _)| *other < seniority)
        .find(|(_, other)| other.selector.is_empty());
    if let Some((first, _)) = first {
        let place = if peers.namespace == census.root {
            "mesh".to_owned()
        } else {
            format!("namespace {}", peers.namespace)
        };
        let message = format!(
            "{} comes first (by age, then by name) and is for all of the {place}, too: this one never counts",
            first.id.object
        );
        list.push(
            warn(&peers.origin, "conflicting-policies", message)
                .hint("give it a selector, or remove one of them"),
        );
    }
}

fn check_ports(
    peers: &PeerAuthentication,
    selected: &[&Arc<Workload>],
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    for port in peers.ports.keys() {
        let mut stranger = None;
        let mut is_served = false;
        for workload in selected {
            match inbound::traffic_by_port(workload, reading) {
                Some(ports) if !ports.contains_key(port) => {
                    stranger = stranger.or(Some(workload));
                }
                // Who knows.
                Some(_) | None => is_served = true,
            }
        }
        if let (false, Some(workload)) = (is_served, stranger) {
            let message = format!(
                "port {port} of {} belongs to no service: only captured connections to it are concerned",
                named(workload)
            );
            let field = peers.origin.field(&format!("portLevelMtls.{port}"));
            list.push(
                warn(&field, "unknown-port", message)
                    .hint("write the port of the workload, which is the service's targetPort"),
            );
        }
    }
}
