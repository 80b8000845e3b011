//! Filter chains: which connections get which filters.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::listener::{FilterChain, FilterChainMatch};
use mesh::view::cluster::ClusterName;
use mesh::view::listener::TcpForward;

use super::Filters;
use crate::filters::http::{Routes, Side};
use crate::filters::{http, tcp};

impl Filters<'_> {
    /// Requests.
    pub(super) fn requests(
        &self,
        statistics: &str,
        side: Side,
        routes: Routes,
    ) -> Vec<envoy::listener::Filter> {
        vec![http::requests(statistics, side, routes, self.log)]
    }

    /// Connections to one cluster.
    pub(super) fn connections(&mut self, cluster: &ClusterName) -> Vec<envoy::listener::Filter> {
        vec![tcp::to_cluster(cluster, self.log, self.references)]
    }

    /// Connections as a view forwards them.
    pub(super) fn forward(&mut self, forward: &TcpForward) -> Vec<envoy::listener::Filter> {
        vec![tcp::forward(forward, self.log, self.references)]
    }
}

/// What a client speaks, as the inspectors find out. Every chain of an inspecting listener
/// says it: which of two chains wins is hard to foresee when one of them doesn't.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP in the clear.
    Http,
    /// Anything in the clear.
    Plain,
    /// TLS.
    Tls,
}

impl Speaks {
    /// Connections that speak like this, to this port of the original destination if any.
    pub(super) fn matches(self, port: Option<u16>) -> FilterChainMatch {
        let (transport, protocols): (_, &[&str]) = match self {
            Self::Http => ("raw_buffer", &["http/1.0", "http/1.1", "h2c"]),
            Self::Plain => ("raw_buffer", &[]),
            Self::Tls => ("tls", &[]),
        };
        FilterChainMatch {
            destination_port: port.map(u32::from),
            transport_protocol: transport.to_owned(),
            application_protocols: protocols.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }
    }
}

/// Connections to this port of the original destination.
pub(super) fn to_port(port: u16) -> FilterChainMatch {
    FilterChainMatch {
        destination_port: Some(port.into()),
        ..Default::default()
    }
}

/// A chain.
pub(super) fn chain(
    name: &str,
    matches: Option<FilterChainMatch>,
    filters: Vec<envoy::listener::Filter>,
) -> FilterChain {
    FilterChain {
        name: name.to_owned(),
        filter_chain_match: matches,
        filters,
        ..Default::default()
    }
}
