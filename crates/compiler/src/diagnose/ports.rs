//! Ports that several services want for themselves.

use std::collections::{BTreeMap, BTreeSet};

use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::name::Hostname;

use super::warn;
use crate::index::reading::Reading;
use crate::link::claims::{Capture, Claims, Place, Slot};
use crate::link::facts::Facts;
use crate::link::plan::Plan;
use crate::link::scope::{Scope, ScopeKey};

/// Checks captured traffic, as clients in the root namespace see it, who have no Sidecar.
pub(super) fn check(
    hosts: &BTreeSet<Hostname>,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let key = ScopeKey {
        namespace: reading.mesh().root_namespace.clone(),
        sidecar: None,
    };
    let scope = Scope::link(&key, reading);
    let mut slots: BTreeMap<Slot, Claims> = BTreeMap::new();
    for host in hosts {
        let facts = Facts::gather(host, reading);
        for (slot, claim) in Plan::link(&scope, host, &facts).claims {
            slots.entry(slot).or_default().insert(claim);
        }
    }
    let captured = slots
        .iter()
        .filter(|(slot, _)| slot.capture == Capture::Captured);
    for (slot, claims) in captured {
        conflicts(slot, claims, list);
    }
}

/// Who loses a slot to whom.
pub(super) fn conflicts(slot: &Slot, claims: &Claims, list: &mut Vec<Diagnostic>) {
    let place = match slot.place {
        Place::Anywhere => "connections to any address".to_owned(),
        Place::Address(address) => format!("connections to {address}"),
        Place::Socket(_) => "the bound port".to_owned(),
    };
    for (loser, winner) in claims.losers() {
        let message = format!(
            "port {}: {place} go to {}, not to {}",
            slot.port,
            winner.host(),
            loser.host()
        );
        list.push(
            warn(&loser.origin, "port-conflict", message)
                .hint("use another port, or a protocol by which requests are told apart"),
        );
    }
}
