//! A table of virtual hosts.

use std::sync::Arc;

use super::virtual_host::VirtualHost;
use crate::decl::mesh_config::OutboundPolicy;
use crate::name::Hostname;

/// The name of a table; the target renders it (`80`, `host:9000`, `http_proxy`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// All HTTP hosts of a port.
    Port(u16),
    /// One host's port (a listener of its own: a port whose protocol is detected).
    HostPort(Hostname, u16),
    /// All hosts and ports.
    HttpProxy,
}

/// A table of virtual hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Its name.
    pub name: TableName,
    /// Where its virtual hosts are.
    pub hosts: TableHosts,
    /// Requests to hosts that are not in the table.
    pub fallback: OutboundPolicy,
}

/// Where the virtual hosts of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableHosts {
    /// Resources of their own (VHDS); only over delta xDS.
    Separate,
    /// Here (state of the world), sorted by name.
    Inline(Vec<Arc<VirtualHost>>),
}
