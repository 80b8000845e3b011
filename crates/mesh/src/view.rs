//! Everything that one audience needs to know about one resource, resolved: the **whole**
//! input of emission. Views hold no questions, no candidates, no defaults to fill.

pub mod cluster;
pub mod endpoints;
pub mod listener;
pub mod route_table;
pub mod security;
pub mod virtual_host;

use std::sync::Arc;

/// A view of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// A cluster.
    Cluster(Arc<cluster::Cluster>),
    /// The instances of a cluster.
    Endpoints(Arc<endpoints::ClusterEndpoints>),
    /// A listener.
    Listener(Arc<listener::Listener>),
    /// A table of virtual hosts.
    RouteTable(Arc<route_table::RouteTable>),
    /// A virtual host of a table.
    VirtualHost(Arc<virtual_host::VirtualHost>),
}
