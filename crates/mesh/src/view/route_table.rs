//! A table of virtual hosts.

use std::sync::Arc;

use super::virtual_host::VirtualHost;
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
    pub fallback: UnknownHosts,
}

/// What is done with requests to hosts that a table does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnknownHosts {
    /// They go to where their connection was going before it was captured.
    Original,
    /// They go to the host that their authority names, whatever its address is. Where it names
    /// no port it means that of the table, or 80 in the table of all ports.
    Named,
    /// They are refused: 502.
    Refused,
}

/// Where the virtual hosts of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableHosts {
    /// Resources of their own (VHDS); only over delta xDS.
    Separate,
    /// Here (state of the world), sorted by name.
    Inline(Vec<Arc<VirtualHost>>),
}
