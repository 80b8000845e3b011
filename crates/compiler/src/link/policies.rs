//! Which traffic policies are in force for a client, and what they say together.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::decl::traffic_policy::{PolicySet, TrafficPolicies, TrafficPolicy};
use ferromesh_mesh::name::{Namespace, SubsetName};
use ferromesh_mesh::origin::Origin;

use super::facts::{PolicyCandidate, Target};
use super::scope::Scope;
use crate::identity::DeclId;
use crate::index::reading::Reading;

/// The policies in force, oldest first: those of the client's namespace, else of the service's,
/// else of the root namespace; in it those with the most specific host.
pub(crate) fn choose<'f>(
    scope: &Scope,
    target: &'f Target,
    service: &Namespace,
) -> Vec<&'f PolicyCandidate> {
    let root = &scope.mesh.root_namespace;
    for namespace in [&scope.namespace, service, root] {
        let visible = || {
            target.policies.iter().filter(move |candidate| {
                let policies = &candidate.policies;
                policies.namespace == *namespace
                    && scope.sees(
                        &policies.namespace,
                        &policies.export,
                        &scope.mesh.policies_export,
                    )
            })
        };
        if let Some(first) = visible().next() {
            return visible()
                .filter(|candidate| candidate.policies.host == first.policies.host)
                .collect();
        }
    }
    Vec::new()
}

/// The identities of policies.
pub(crate) fn ids(chosen: &[&PolicyCandidate]) -> Arc<[DeclId]> {
    chosen
        .iter()
        .map(|candidate| candidate.id.clone())
        .collect()
}

/// What policies say together: the first policy counts, subsets are united.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged {
    policy: PolicySet,
    subsets: BTreeMap<SubsetName, MergedSubset>,
    /// Whose policy is in force.
    pub(crate) origin: Option<Origin>,
}

#[derive(Clone, Debug)]
struct MergedSubset {
    labels: Labels,
    policy: PolicySet,
    origin: Origin,
}

impl Merged {
    /// Merges declarations, oldest first.
    pub(crate) fn of<'p>(policies: impl IntoIterator<Item = &'p Arc<TrafficPolicies>>) -> Self {
        let mut merged = Self::default();
        for declaration in policies {
            let TrafficPolicies {
                namespace: _,
                name: _,
                host: _,
                export: _,
                policy,
                subsets,
                age: _,
                origin,
            } = &**declaration;
            let nothing = PolicySet::default();
            if merged.origin.is_none() || (merged.policy == nothing && *policy != nothing) {
                merged.policy = policy.clone();
                merged.origin = Some(origin.clone());
            }
            for subset in subsets {
                merged
                    .subsets
                    .entry(subset.name.clone())
                    .or_insert_with(|| MergedSubset {
                        labels: subset.labels.clone(),
                        policy: subset.policy.clone(),
                        origin: subset.origin.clone(),
                    });
            }
        }
        merged
    }

    /// Reads and merges declarations by identity.
    pub(crate) fn read(ids: &[DeclId], reading: &mut Reading<'_>) -> Self {
        Self::of(ids.iter().filter_map(|id| reading.traffic_policies(id)))
    }

    /// All subsets, by name.
    pub(crate) fn subsets(&self) -> impl Iterator<Item = &SubsetName> {
        self.subsets.keys()
    }

    /// Whether there is a subset of that name.
    pub(crate) fn has_subset(&self, name: &SubsetName) -> bool {
        self.subsets.contains_key(name)
    }

    /// The labels of a subset.
    pub(crate) fn labels(&self, name: &SubsetName) -> Option<&Labels> {
        self.subsets.get(name).map(|subset| &subset.labels)
    }

    /// Where the policy of a cluster was said.
    pub(crate) fn origin(&self, subset: Option<&SubsetName>) -> Option<&Origin> {
        subset
            .and_then(|name| self.subsets.get(name))
            .map(|subset| &subset.origin)
            .or(self.origin.as_ref())
    }

    /// The policy of a port, perhaps narrowed to a subset. A port's own policy does not inherit
    /// (Istio); a subset's blocks each replace the service's.
    pub(crate) fn effective(&self, port: u16, subset: Option<&SubsetName>) -> TrafficPolicy {
        let base = self.policy.ports.get(&port).unwrap_or(&self.policy.all);
        let Some(subset) = subset.and_then(|name| self.subsets.get(name)) else {
            return base.clone();
        };
        match subset.policy.ports.get(&port) {
            Some(own) => own.clone(),
            None => inherit(&subset.policy.all, base),
        }
    }
}

fn inherit(own: &TrafficPolicy, base: &TrafficPolicy) -> TrafficPolicy {
    let TrafficPolicy {
        load_balancer,
        locality,
        connection_pool,
        outlier,
        retry_budget,
        tls,
    } = own.clone();
    // Istio's locality setting is part of the load balancer block.
    let (load_balancer, locality) = if load_balancer.is_some() || locality.is_some() {
        (load_balancer, locality)
    } else {
        (base.load_balancer.clone(), base.locality.clone())
    };
    TrafficPolicy {
        load_balancer,
        locality,
        connection_pool: connection_pool.or_else(|| base.connection_pool.clone()),
        outlier: outlier.or_else(|| base.outlier.clone()),
        retry_budget: retry_budget.or_else(|| base.retry_budget.clone()),
        tls: tls.or_else(|| base.tls.clone()),
    }
}
