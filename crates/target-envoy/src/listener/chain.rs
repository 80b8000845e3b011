//! Filter chains: which connections get which filters.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::listener::{FilterChain, FilterChainMatch};
use mesh::view::cluster::ClusterName;
use mesh::view::listener::TcpForward;

use super::Filters;
use crate::filters::authorization::Declared;
use crate::filters::http::{Entrance, Routes, Side};
use crate::filters::{http, tcp};
use crate::tls;

impl Filters<'_> {
    /// Requests.
    pub(super) fn requests(
        &self,
        statistics: &str,
        side: Side<'_>,
        routes: Routes,
    ) -> Vec<envoy::listener::Filter> {
        let filter = http::requests(statistics, side, routes, self.log);
        vec![filter]
    }

    /// Connections to a workload, as far as they are allowed.
    pub(super) fn admitted(
        &mut self,
        cluster: &ClusterName,
        entrance: Entrance<'_>,
        declared: Declared,
    ) -> Vec<envoy::listener::Filter> {
        let mut all = entrance.guard.connections(declared);
        all.push(tcp::admitted(cluster, entrance, self.log, self.references));
        all
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP in the clear.
    Http,
    /// Anything in the clear.
    Plain,
    /// TLS.
    Tls,
    /// The mesh's TLS.
    Mesh,
    /// HTTP in the mesh's TLS.
    MeshHttp,
    /// Anything else in the mesh's TLS.
    MeshTcp,
}

impl Speaks {
    /// Connections that speak like this, to this port of the original destination if any.
    pub(super) fn matches(self, port: Option<u16>) -> FilterChainMatch {
        let (transport, protocols): (_, [&[&str]; 2]) = match self {
            Self::Http => ("raw_buffer", [&["http/1.0", "http/1.1", "h2c"], &[]]),
            Self::Plain => ("raw_buffer", [&[], &[]]),
            Self::Tls => ("tls", [&[], &[]]),
            Self::Mesh => ("tls", [&tls::HTTP_MARKS, &tls::TCP_MARKS]),
            Self::MeshHttp => ("tls", [&tls::HTTP_MARKS, &[]]),
            Self::MeshTcp => ("tls", [&tls::TCP_MARKS, &[]]),
        };
        FilterChainMatch {
            destination_port: port.map(u32::from),
            transport_protocol: transport.to_owned(),
            application_protocols: protocols.concat().into_iter().map(str::to_owned).collect(),
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
