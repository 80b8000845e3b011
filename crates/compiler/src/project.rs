//! Keys become views: everything that an audience needs to know about one resource, resolved.
//! Total functions of a key and the answers to the questions that they ask.

mod cluster;
mod endpoints;
mod instances;
mod listener;
mod priorities;
mod route;
mod tls;
mod virtual_host;

use std::sync::Arc;

use ferromesh_mesh::view::View;
use ferromesh_mesh::view::route_table::{RouteTable, TableHosts, UnknownHosts};
use ferromesh_mesh::view::virtual_host::VirtualHost;

use crate::index::reading::Reading;
use crate::link::keys::ViewKey;

/// The view of a key. `inline` are the virtual hosts of a table that carries them.
pub(crate) fn project(key: &ViewKey, inline: Inline, reading: &mut Reading<'_>) -> View {
    match key {
        ViewKey::Cluster(key, certificates) => {
            View::Cluster(Arc::new(cluster::of_service(key, *certificates, reading)))
        }
        ViewKey::Endpoints(key) => View::Endpoints(Arc::new(endpoints::project(key, reading))),
        ViewKey::Host(key) => View::VirtualHost(Arc::new(virtual_host::project(key, reading))),
        ViewKey::Table(name, fallback) => View::RouteTable(Arc::new(RouteTable {
            name: name.clone(),
            hosts: TableHosts::Separate,
            fallback: *fallback,
        })),
        ViewKey::Inline(_, name) => View::RouteTable(Arc::new(RouteTable {
            name: name.clone(),
            hosts: TableHosts::Inline(inline.hosts),
            fallback: inline.fallback,
        })),
        ViewKey::Listener(key) => View::Listener(Arc::new(listener::project(key, reading))),
        ViewKey::Plain(key) => View::Cluster(Arc::new(cluster::plain(key, reading))),
    }
}

/// What a table with its virtual hosts inside consists of.
#[derive(Debug)]
pub(crate) struct Inline {
    /// The virtual hosts, sorted by name.
    pub(crate) hosts: Vec<Arc<VirtualHost>>,
    /// Requests to other hosts.
    pub(crate) fallback: UnknownHosts,
}
