//! `networking.istio.io` LocalityLoadBalancerSetting and ZoneAwareLoadBalancerSetting.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Preference for near instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalityLbSetting {
    /// Fixed shares.
    pub distribute: Vec<Distribute>,
    /// Which region takes over from which; not beside `distribute`.
    pub failover: Vec<Failover>,
    /// Labels that rank instances, as `key` or `key=value`.
    pub failover_priority: Vec<String>,
    /// Whether locality counts at all; absent = yes.
    pub enabled: Option<bool>,
}

/// Shares for clients in a locality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Distribute {
    /// Clients: `region/zone/subzone`, with `*` for any rest.
    pub from: String,
    /// Percentage by locality (same form); the sum is 100.
    pub to: BTreeMap<String, u32>,
}

/// A region that takes over from another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Failover {
    /// The region that fails.
    pub from: String,
    /// The region that takes over.
    pub to: String,
}

/// Envoy's zone awareness.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ZoneAwareLbSetting {
    /// Whether zones count at all; absent = yes.
    pub enabled: Option<bool>,
    /// Which region takes over from which.
    pub failover: Vec<Failover>,
    /// Labels that rank instances; not those of region, zone and subzone.
    pub failover_priority: Vec<String>,
    /// Fewer instances are used without regard to zones; at least 1.
    pub min_cluster_size: Option<u64>,
}
