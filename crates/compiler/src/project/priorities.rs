//! How near instances are to a client.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::name::Locality;
use ferromesh_mesh::policy::locality::{Distribution, PriorityLabel};

use crate::link::attributes::Attributes;
use crate::link::preference::{Preference, Viewer};

/// How near an instance is, 0 = nearest; gaps are closed by [`close_gaps`].
pub(super) fn distance(preference: &Preference, viewer: &Viewer, instance: &Attributes) -> u32 {
    match preference {
        Preference::Any | Preference::Ignored | Preference::Distribute(_) => 0,
        Preference::Nearest(failover) => viewer
            .locality
            .as_ref()
            .filter(|client| !client.is_unknown())
            .map_or(0, |client| {
                by_locality(client, &instance.locality, failover)
            }),
        Preference::Labels(labels) => by_labels(labels, viewer, instance),
    }
}

fn by_locality(client: &Locality, instance: &Locality, failover: &[(Arc<str>, Arc<str>)]) -> u32 {
    if client.region != instance.region {
        let takes_over = failover.iter().find(|(from, _)| *from == client.region);
        return match takes_over {
            Some((_, to)) if *to != instance.region => 4,
            _ => 3,
        };
    }
    match (
        client.zone == instance.zone,
        client.subzone == instance.subzone,
    ) {
        (true, true) => 0,
        (true, false) => 1,
        (false, _) => 2,
    }
}

/// All labels equal: 0; else the sooner they differ the farther (Istio).
fn by_labels(labels: &[PriorityLabel], viewer: &Viewer, instance: &Attributes) -> u32 {
    let differs = labels.iter().position(|label| {
        let wanted = label.value.as_ref().or_else(|| viewer.label(&label.key));
        wanted.map(|value| &**value) != instance.label(&label.key).as_deref()
    });
    differs.map_or(0, |at| {
        u32::try_from(labels.len().saturating_sub(at)).unwrap_or(u32::MAX)
    })
}

/// Priorities without gaps, as Envoy needs them.
pub(super) fn close_gaps(distances: impl Iterator<Item = u32>) -> BTreeMap<u32, u32> {
    let mut found: Vec<u32> = distances.collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().zip(0..).collect()
}

/// The shares for a client, if a distribution is for it.
pub(super) fn shares<'d>(
    preference: &'d Preference,
    viewer: &Viewer,
) -> Option<&'d [(Arc<str>, u32)]> {
    let Preference::Distribute(distributions) = preference else {
        return None;
    };
    let client = viewer.locality.as_ref()?;
    distributions
        .iter()
        .find(|Distribution { from, to: _ }| is_in(client, from))
        .map(|Distribution { from: _, to }| &**to)
}

/// Whether a locality is in `region/zone/subzone`, where a part that is missing or `*` stands
/// for any.
pub(super) fn is_in(locality: &Locality, pattern: &str) -> bool {
    let mut parts = pattern.splitn(3, '/');
    let region = parts.next().unwrap_or("*");
    let mut fits = |own: &str| {
        let part = parts.next().unwrap_or("*");
        part == "*" || part.is_empty() || part == own
    };
    (region == "*" || region == &*locality.region)
        && fits(&locality.zone)
        && fits(&locality.subzone)
}
