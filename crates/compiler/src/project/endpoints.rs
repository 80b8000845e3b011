//! Instances, grouped by how near they are to a client.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::endpoints::EndpointState;
use ferromesh_mesh::decl::service::{DnsTarget, ServicePort, TargetPort};
use ferromesh_mesh::decl::workload::PeerTls;
use ferromesh_mesh::name::Locality;
use ferromesh_mesh::view::cluster::DnsInstance;
use ferromesh_mesh::view::endpoints::{ClusterEndpoint, ClusterEndpoints, EndpointGroup};

use super::cluster::port_and_subset;
use super::instances::{self, Instance};
use super::priorities;
use crate::index::reading::Reading;
use crate::link::attributes::{Attributes, NODE, ZONE};
use crate::link::keys::Backend;
use crate::link::policies::Merged;
use crate::link::preference::{Preference, Viewer};

/// The instances of a cluster.
pub(super) fn project(key: &Backend, reading: &mut Reading<'_>) -> ClusterEndpoints {
    let empty = ClusterEndpoints {
        cluster: key.name.clone(),
        groups: Vec::new(),
    };
    let (number, subset) = port_and_subset(&key.name);
    let merged = Merged::read(&key.policies, reading);
    let policy = merged.effective(number, subset);
    let Some(service) = reading.service(&key.service) else {
        return empty;
    };
    let Some(port) = service.ports.iter().find(|port| port.number == number) else {
        return empty;
    };
    let preference = Preference::of(service, &policy, reading.mesh());
    let labels = subset.and_then(|name| merged.labels(name));
    let mut instances = instances::of_service(service, port, labels, reading);
    if service.node_local {
        let node = key.viewer.label(NODE);
        instances.retain(|i| node.is_some() && i.attributes.label(NODE).as_ref() == node);
    }
    if preference == Preference::Any {
        follow_hints(&mut instances, &key.viewer);
    }
    ClusterEndpoints {
        groups: group(instances, &preference, &key.viewer),
        ..empty
    }
}

/// Topology hints count if every ready instance of the slices has some and the client's zone is
/// among them, as in Kubernetes, which takes the hints of those that are not ready away. What
/// nobody has given a hint is for all zones.
fn follow_hints(instances: &mut Vec<Instance>, viewer: &Viewer) {
    let Some(zone) = viewer.label(ZONE) else {
        return;
    };
    let asked = |i: &&Instance| i.is_declared && i.state == EndpointState::Ready;
    let all_hinted = instances
        .iter()
        .filter(asked)
        .all(|i| !i.for_zones.is_empty());
    if all_hinted
        && instances
            .iter()
            .filter(asked)
            .any(|i| i.for_zones.contains(zone))
    {
        instances.retain(|i| i.for_zones.is_empty() || i.for_zones.contains(zone));
    }
}

fn group(instances: Vec<Instance>, preference: &Preference, viewer: &Viewer) -> Vec<EndpointGroup> {
    let mut groups: BTreeMap<(u32, Locality), Vec<ClusterEndpoint>> = BTreeMap::new();
    let mut placed: Vec<(u32, Instance)> = instances
        .into_iter()
        .map(|instance| {
            let distance = priorities::distance(preference, viewer, &instance.attributes);
            (distance, instance)
        })
        .collect();
    placed.sort_by(|one, other| rank(one).cmp(&rank(other)));
    placed.dedup_by(|b, a| (&a.1.address, a.1.port) == (&b.1.address, b.1.port));
    for (distance, instance) in placed {
        let Instance {
            address,
            port,
            state,
            weight,
            attributes,
            for_zones: _,
            is_declared: _,
            peer_tls,
        } = instance;
        groups
            .entry((distance, attributes.locality))
            .or_default()
            .push(ClusterEndpoint {
                address,
                port,
                state,
                weight: weight.max(1),
                peer_tls,
            });
    }
    let ranks = priorities::close_gaps(groups.keys().map(|(distance, _)| *distance));
    let mut groups: Vec<EndpointGroup> = groups
        .into_iter()
        .map(|((distance, locality), mut endpoints)| {
            endpoints.sort();
            EndpointGroup {
                locality,
                priority: ranks.get(&distance).copied().unwrap_or(0),
                weight: total(&endpoints),
                endpoints,
            }
        })
        .collect();
    if let Some(shares) = priorities::shares(preference, viewer) {
        distribute(&mut groups, shares);
    }
    groups
}

/// Slices may name an instance more than once and disagree about it, while it moves from one to
/// the other. It counts once (Envoy would take any of them): as ready as any says, then as near.
fn rank(
    (distance, instance): &(u32, Instance),
) -> (&Arc<str>, u16, EndpointState, u32, &Locality, u32, PeerTls) {
    let Instance {
        address,
        port,
        state,
        weight,
        attributes,
        for_zones: _,
        is_declared: _,
        peer_tls,
    } = instance;
    (
        address,
        *port,
        *state,
        *distance,
        &attributes.locality,
        *weight,
        *peer_tls,
    )
}

fn total(endpoints: &[ClusterEndpoint]) -> u32 {
    endpoints
        .iter()
        .fold(0_u32, |sum, endpoint| sum.saturating_add(endpoint.weight))
        .max(1)
}

/// Gives localities their shares; a share of several localities is divided by their weights,
/// and localities without a share get nothing.
fn distribute(groups: &mut Vec<EndpointGroup>, shares: &[(Arc<str>, u32)]) {
    let mut share_of: Vec<Option<u32>> = vec![None; groups.len()];
    for (pattern, share) in shares {
        let matching: Vec<usize> = groups
            .iter()
            .enumerate()
            .filter(|(at, group)| {
                share_of.get(*at).is_some_and(Option::is_none)
                    && priorities::is_in(&group.locality, pattern)
            })
            .map(|(at, _)| at)
            .collect();
        let sum: u64 = matching
            .iter()
            .filter_map(|at| groups.get(*at))
            .map(|group| u64::from(group.weight))
            .sum();
        for at in matching {
            let weight = groups.get(at).map_or(0, |group| u64::from(group.weight));
            let part = (weight * u64::from(*share)).div_ceil(sum.max(1));
            if let Some(slot) = share_of.get_mut(at) {
                *slot = Some(u32::try_from(part).unwrap_or(u32::MAX));
            }
        }
    }
    let mut shares = share_of.into_iter();
    groups.retain_mut(|group| match shares.next().flatten() {
        Some(share) if share > 0 => {
            group.weight = share;
            true
        }
        _ => false,
    });
}

/// The DNS names of a cluster.
pub(super) fn dns(
    key: &Backend,
    port: &ServicePort,
    preference: &Preference,
    merged: &Merged,
    targets: &[DnsTarget],
) -> Vec<DnsInstance> {
    let (_, subset) = port_and_subset(&key.name);
    let labels = subset.and_then(|name| merged.labels(name));
    let mut found: Vec<(u32, DnsInstance)> = Vec::new();
    for target in targets {
        let is_in_subset = labels.is_none_or(|labels| {
            labels
                .iter()
                .all(|(key, value)| target.labels.get(key) == Some(value))
        });
        let number = target
            .ports
            .iter()
            .find(|(name, _)| *name == port.name)
            .map(|(_, number)| *number)
            .or(match &port.target {
                TargetPort::Number(number) => Some(*number),
                TargetPort::Name(_) => None,
            });
        let (true, Some(number)) = (is_in_subset, number) else {
            continue;
        };
        let attributes = Attributes {
            labels: Arc::new(target.labels.clone()),
            locality: target.locality.clone(),
            network: None,
            node: None,
        };
        let instance = DnsInstance {
            address: target.address.clone(),
            port: number,
            locality: target.locality.clone(),
            weight: target.weight.max(1),
            priority: 0,
        };
        let distance = priorities::distance(preference, &key.viewer, &attributes);
        found.push((distance, instance));
    }
    // A name counts once, where it is nearest.
    found.sort_by(|one, other| nearest(one).cmp(&nearest(other)));
    found.dedup_by(|(_, b), (_, a)| (&a.address, a.port) == (&b.address, b.port));
    let ranks = priorities::close_gaps(found.iter().map(|(distance, _)| *distance));
    let mut instances: Vec<DnsInstance> = found
        .into_iter()
        .map(|(distance, instance)| DnsInstance {
            priority: ranks.get(&distance).copied().unwrap_or(0),
            ..instance
        })
        .collect();
    if let Some(shares) = priorities::shares(preference, &key.viewer) {
        distribute_dns(&mut instances, shares);
    }
    instances.sort_by(|a, b| order(a).cmp(&order(b)));
    instances
}

/// The weight of a share of one, so that dividing it among names loses little. Envoy sums weights
/// in 32 bits, and the shares are at most 100 in sum.
const SHARE: u32 = 1_000_000;

/// Gives names their shares; a share of several names is divided by their weights, and names
/// without a share get nothing.
fn distribute_dns(instances: &mut Vec<DnsInstance>, shares: &[(Arc<str>, u32)]) {
    let share_of = |instance: &DnsInstance| {
        shares
            .iter()
            .position(|(pattern, _)| priorities::is_in(&instance.locality, pattern))
    };
    let mut sums: Vec<u128> = vec![0; shares.len()];
    for instance in &*instances {
        if let Some(sum) = share_of(instance).and_then(|at| sums.get_mut(at)) {
            *sum += u128::from(instance.weight);
        }
    }
    instances.retain_mut(|instance| {
        let at = share_of(instance);
        let share = at.and_then(|at| Some((shares.get(at)?.1, sums.get(at)?)));
        let Some((share, sum)) = share.filter(|(share, _)| *share > 0) else {
            return false;
        };
        let whole = u128::from(share) * u128::from(SHARE);
        let part = (u128::from(instance.weight) * whole).div_ceil((*sum).max(1));
        instance.weight = u32::try_from(part).unwrap_or(u32::MAX);
        true
    });
}

fn nearest((distance, instance): &(u32, DnsInstance)) -> (&Arc<str>, u16, u32, &Locality, u32) {
    let DnsInstance {
        address,
        port,
        locality,
        weight,
        priority: _,
    } = instance;
    (address, *port, *distance, locality, *weight)
}

fn order(instance: &DnsInstance) -> (u32, &Locality, Option<IpAddr>, &Arc<str>, u16) {
    (
        instance.priority,
        &instance.locality,
        instance.address.parse().ok(),
        &instance.address,
        instance.port,
    )
}
