//! Which instances a client prefers, and what of the client that depends on.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::traffic_policy::TrafficPolicy;
use ferromesh_mesh::name::Locality;
use ferromesh_mesh::policy::locality::{
    Distribution, LocalityPolicy, PriorityLabel, TrafficDistribution,
};

use super::attributes::{Attributes, NETWORK, NODE, REGION, SUBZONE, ZONE};

/// Which instances are preferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Preference {
    /// None; hints of the instances count.
    Any,
    /// None; hints don't count, because somebody said so.
    Ignored,
    /// By region, zone, subzone.
    Nearest(Vec<(Arc<str>, Arc<str>)>),
    /// By fixed shares.
    Distribute(Vec<Distribution>),
    /// By equality of labels.
    Labels(Vec<PriorityLabel>),
}

impl Preference {
    /// The preference for a service under a policy. Failover needs outlier detection, without
    /// which Envoy would never leave the first choice; a service's own wish does not (Istio).
    pub(crate) fn of(service: &Service, policy: &TrafficPolicy, mesh: &MeshConfig) -> Self {
        let wish = |keys: &[&str]| {
            Self::Labels(
                keys.iter()
                    .map(|key| PriorityLabel {
                        key: Arc::from(*key),
                        value: None,
                    })
                    .collect(),
            )
        };
        let (locality, is_own) = match (&policy.locality, service.distribution) {
            (Some(own), _) => (own, true),
            (None, TrafficDistribution::Any) => (&mesh.locality, false),
            (None, TrafficDistribution::PreferSameZone) => return wish(&[ZONE]),
            (None, TrafficDistribution::PreferSameNode) => return wish(&[ZONE, NODE]),
            (None, TrafficDistribution::PreferClose) => {
                return wish(&[NETWORK, REGION, ZONE, SUBZONE]);
            }
        };
        let fails_over = policy.outlier.is_some();
        match locality {
            LocalityPolicy::Distribute(shares) => Self::Distribute(shares.clone()),
            LocalityPolicy::Nearest { failover } if fails_over => Self::Nearest(failover.clone()),
            LocalityPolicy::LabelPriority(labels) if fails_over => Self::Labels(labels.clone()),
            LocalityPolicy::Ignored if is_own => Self::Ignored,
            LocalityPolicy::Ignored
            | LocalityPolicy::Nearest { .. }
            | LocalityPolicy::LabelPriority(_) => Self::Any,
        }
    }

    /// What of the client this depends on. `hinted` says whether instances carry hints.
    pub(crate) fn needs(&self, service: &Service, hinted: bool) -> Needs {
        let mut needs = Needs::default();
        match self {
            Self::Any if hinted => {
                needs.labels.insert(Arc::from(ZONE));
            }
            Self::Any | Self::Ignored => {}
            Self::Nearest(_) | Self::Distribute(_) => needs.locality = true,
            Self::Labels(labels) => {
                let own = labels.iter().filter(|label| label.value.is_none());
                needs.labels.extend(own.map(|label| label.key.clone()));
            }
        }
        if service.node_local {
            needs.labels.insert(Arc::from(NODE));
        }
        needs
    }
}

/// What of a client matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Its locality.
    pub(crate) locality: bool,
    /// Labels, by key.
    pub(crate) labels: BTreeSet<Arc<str>>,
}

impl Needs {
    /// Whether nothing matters.
    pub(crate) fn is_empty(&self) -> bool {
        !self.locality && self.labels.is_empty()
    }

    /// What matters of this client.
    pub(crate) fn project(&self, client: &Attributes) -> Viewer {
        Viewer {
            locality: self.locality.then(|| client.locality.clone()),
            labels: self
                .labels
                .iter()
                .map(|key| (key.clone(), client.label(key)))
                .collect(),
        }
    }

    /// What matters, of a client of whom more may be known.
    pub(crate) fn narrow(&self, viewer: &Viewer) -> Viewer {
        Viewer {
            locality: viewer.locality.clone().filter(|_| self.locality),
            labels: self
                .labels
                .iter()
                .map(|key| (key.clone(), viewer.label(key).cloned()))
                .collect(),
        }
    }
}

/// The client of a view, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Viewer {
    /// Where it is.
    pub(crate) locality: Option<Locality>,
    /// Its labels, sorted by key; `None` = it has no such label.
    pub(crate) labels: Vec<(Arc<str>, Option<Arc<str>>)>,
}

impl Viewer {
    /// The value of a label.
    pub(crate) fn label(&self, key: &str) -> Option<&Arc<str>> {
        self.labels
            .iter()
            .find(|(name, _)| &**name == key)
            .and_then(|(_, value)| value.as_ref())
    }
}
