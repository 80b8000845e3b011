//! Preference for near instances.

use std::sync::Arc;

/// What locality means for load balancing (`localityLbSetting`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LocalityPolicy {
    /// Nothing (`enabled: false`).
    Ignored,
    /// The nearest first, by region, zone, subzone; the others on failure (needs outlier
    /// detection, as in Istio).
    Nearest {
        /// Which region takes over from which (`failover`).
        failover: Vec<(Arc<str>, Arc<str>)>,
    },
    /// Fixed shares (`distribute`).
    Distribute(Vec<Distribution>),
    /// Nearest by equality of labels in this order (`failoverPriority`); `key=value` entries
    /// compare with the value instead of with the client's label.
    LabelPriority(Vec<PriorityLabel>),
}

/// Shares for clients in a locality.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Distribution {
    /// Clients: `region/zone/subzone`, with `*` for any rest.
    pub from: Arc<str>,
    /// Locality (same form) and its percentage; the sum is 100. Sorted by name.
    pub to: Vec<(Arc<str>, u32)>,
}

/// A label that ranks instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PriorityLabel {
    /// Its key.
    pub key: Arc<str>,
    /// The value to compare with; `None` = the client's own.
    pub value: Option<Arc<str>>,
}

/// How a service prefers near instances by itself (Kubernetes `trafficDistribution`, or the
/// annotation `networking.istio.io/traffic-distribution`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrafficDistribution {
    /// No preference.
    Any,
    /// Same zone first (`PreferClose`, `PreferSameZone`).
    PreferSameZone,
    /// Same node first, then zone (`PreferSameNode`).
    PreferSameNode,
    /// Same network, region, zone, subzone in turn (Istio's `PreferClose`).
    PreferClose,
}
