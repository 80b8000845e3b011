//! `networking.istio.io` TLSRoute and TCPRoute.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Destination;

/// A rule for TLS that is not terminated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsRoute {
    /// Alternatives; at least one.
    #[serde(rename = "match")]
    pub matches: Vec<TlsMatch>,
    /// Where connections go.
    pub route: Vec<RouteDestination>,
}

/// What a TLS connection must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsMatch {
    /// Server names, possibly wildcards; at least one.
    pub sni_hosts: Vec<String>,
    /// Networks that the client addressed.
    pub destination_subnets: Vec<String>,
    /// The port that the client addressed; 0 = any.
    pub port: u32,
    /// Labels that the client must have.
    pub source_labels: BTreeMap<String, String>,
    /// The client's namespace; empty = any.
    pub source_namespace: String,
    /// Gateways at which it counts; none = those of the VirtualService.
    pub gateways: Vec<String>,
}

/// A rule for connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpRoute {
    /// Alternatives; none = everything matches.
    #[serde(rename = "match")]
    pub matches: Vec<L4Match>,
    /// Where connections go.
    pub route: Vec<RouteDestination>,
}

/// What a connection must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct L4Match {
    /// Networks that the client addressed.
    pub destination_subnets: Vec<String>,
    /// The client's network (never implemented by Istio).
    pub source_subnet: String,
    /// The port that the client addressed; 0 = any.
    pub port: u32,
    /// Labels that the client must have.
    pub source_labels: BTreeMap<String, String>,
    /// The client's namespace; empty = any.
    pub source_namespace: String,
    /// Gateways at which it counts; none = those of the VirtualService.
    pub gateways: Vec<String>,
}

/// A backend and its share.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteDestination {
    /// Where to.
    pub destination: Destination,
    /// The share, relative to the sum of all; without effect on a single one.
    #[serde(default)]
    pub weight: i32,
}
