//! `networking.istio.io` DestinationRule.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ClientTls, ConnectionPool, LoadBalancer, OutlierDetection, PortSelector};
use crate::part::Part;

/// How a host is talked to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationRule {
    /// The host, perhaps a short name or a wildcard; required.
    pub host: String,
    /// The policy for all subsets.
    pub traffic_policy: Option<Part<TrafficPolicy>>,
    /// Subsets.
    pub subsets: Vec<Part<Subset>>,
    /// Who may see it; empty = as the mesh configuration says.
    pub export_to: Vec<String>,
    /// Clients that it is for; absent = all.
    pub workload_selector: Option<MatchLabels>,
}

/// A selector of workloads (`istio.type.v1beta1` WorkloadSelector).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MatchLabels {
    /// Labels that a workload must have.
    pub match_labels: BTreeMap<String, String>,
}

/// Some instances of a host.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subset {
    /// Name; required.
    pub name: String,
    /// Labels of the instances; empty = all.
    pub labels: BTreeMap<String, String>,
    /// What differs from the policy for all subsets.
    pub traffic_policy: Option<Part<TrafficPolicy>>,
}

/// A policy; at least one field.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficPolicy {
    /// Choice of an instance.
    pub load_balancer: Option<Part<LoadBalancer>>,
    /// Connection pool.
    pub connection_pool: Option<Part<ConnectionPool>>,
    /// Ejection.
    pub outlier_detection: Option<Part<OutlierDetection>>,
    /// TLS towards instances.
    pub tls: Option<Part<ClientTls>>,
    /// Exceptions by port.
    pub port_level_settings: Vec<Part<PortTrafficPolicy>>,
    /// Tunnelling of connections.
    pub tunnel: Option<Part<Tunnel>>,
    /// PROXY protocol towards instances.
    pub proxy_protocol: Option<Part<ProxyProtocol>>,
    /// Retry budget.
    pub retry_budget: Option<Part<RetryBudget>>,
}

/// The policy for a port; it does not inherit. At least one field beside `port`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortTrafficPolicy {
    /// The port; required.
    pub port: Option<PortSelector>,
    /// Choice of an instance.
    pub load_balancer: Option<Part<LoadBalancer>>,
    /// Connection pool.
    pub connection_pool: Option<Part<ConnectionPool>>,
    /// Ejection.
    pub outlier_detection: Option<Part<OutlierDetection>>,
    /// TLS towards instances.
    pub tls: Option<Part<ClientTls>>,
}

/// Tunnelling of connections through the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tunnel {
    /// `CONNECT` or `POST`; empty = `CONNECT`.
    pub protocol: String,
    /// Where the tunnel ends; required.
    pub target_host: String,
    /// Its port; required.
    pub target_port: u32,
}

/// PROXY protocol towards instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyProtocol {
    /// Which version.
    pub version: ProxyProtocolVersion,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ProxyProtocolVersion {
    /// Text.
    #[default]
    V1,
    /// Binary.
    V2,
}

/// At most a share of the active requests may be retries.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryBudget {
    /// The share in percent; absent = 20.
    pub percent: Option<f64>,
    /// Retries that are always allowed at once; absent or 0 = 3.
    pub min_retry_concurrency: u32,
    /// The window over which requests are counted; absent or 0 = only those in flight.
    pub budget_interval: Option<String>,
}
