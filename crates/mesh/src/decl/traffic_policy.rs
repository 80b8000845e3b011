//! How a host is talked to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Export, Labels};
use crate::name::{Hostname, Namespace, SubsetName};
use crate::origin::{Age, Origin};
use crate::policy::connection_pool::ConnectionPool;
use crate::policy::load_balancer::LoadBalancer;
use crate::policy::locality::LocalityPolicy;
use crate::policy::outlier::OutlierDetection;
use crate::policy::retry_budget::RetryBudget;
use crate::policy::tls::ClientTls;

/// How a host is talked to: a DestinationRule.
///
/// A client uses the declaration of its own namespace, else of the service's, else of the root
/// namespace; in each the one with the most specific host. Several of one namespace for one
/// host are merged, oldest first: the first policy counts, subsets are united.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficPolicies {
    /// The author's namespace.
    pub namespace: Namespace,
    /// The object's name.
    pub name: Arc<str>,
    /// The host, fully qualified, possibly a wildcard.
    pub host: Hostname,
    /// Who may see it.
    pub export: Export,
    /// The policy for all subsets.
    pub policy: PolicySet,
    /// Subsets.
    pub subsets: Vec<Subset>,
    /// Its age.
    pub age: Age,
    /// Where it was said.
    pub origin: Origin,
}

/// A subset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subset {
    /// Its name.
    pub name: SubsetName,
    /// Labels of its instances; empty = all.
    pub labels: Labels,
    /// What differs from the policy for all subsets.
    pub policy: PolicySet,
    /// Where it was said.
    pub origin: Origin,
}

/// A policy and its exceptions by port. A port's policy does not inherit: what it leaves out
/// has the default (Istio).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySet {
    /// For all ports.
    pub all: TrafficPolicy,
    /// By port number.
    pub ports: BTreeMap<u16, TrafficPolicy>,
}

/// Blocks of a policy. A block that is not declared (`None`) is inherited as a whole: a subset
/// inherits from the policy for all subsets, and what nobody declares has the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrafficPolicy {
    /// Choice of an instance.
    pub load_balancer: Option<LoadBalancer>,
    /// Preference for near instances (Istio's `loadBalancer.localityLbSetting`; inherited with
    /// the load balancer block).
    pub locality: Option<LocalityPolicy>,
    /// Connection pool.
    pub connection_pool: Option<ConnectionPool>,
    /// Ejection.
    pub outlier: Option<OutlierDetection>,
    /// Retry budget.
    pub retry_budget: Option<RetryBudget>,
    /// TLS.
    pub tls: Option<ClientTls>,
}
