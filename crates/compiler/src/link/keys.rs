//! The keys of views: all names resolved, so that equal keys mean equal views, and clients that
//! differ in nothing that matters share them.

use std::net::SocketAddr;
use std::sync::Arc;

use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::connection_pool::ConnectionPool;
use ferromesh_mesh::policy::mtls::MtlsMode;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::cluster::{ClusterName, Discovery};
use ferromesh_mesh::view::listener::{InboundPort, ListenerName, ListenerTraffic};
use ferromesh_mesh::view::route_table::{TableName, UnknownHosts};

use super::preference::Viewer;
use super::security::SecurityKey;
use crate::audience::AudienceKey;
use crate::identity::DeclId;
use crate::index::routes_link::Source;
use crate::proxy::Certificates;

/// The key of a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ViewKey {
    /// A service's port, for proxies with or without certificates.
    Cluster(Arc<Backend>, Certificates),
    /// The instances of a service's port.
    Endpoints(Arc<Backend>),
    /// A virtual host.
    Host(Arc<Host>),
    /// A table of virtual hosts that are resources of their own.
    Table(TableName, UnknownHosts),
    /// A table with the virtual hosts of an audience inside.
    Inline(AudienceKey, TableName),
    /// A listener.
    Listener(Arc<ListenerKey>),
    /// A cluster that no service has.
    Plain(Arc<PlainCluster>),
}

/// A service's port, perhaps a subset, under policies, for a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Backend {
    /// The cluster's name.
    pub(crate) name: ClusterName,
    /// The service.
    pub(crate) service: DeclId,
    /// Policies in force, oldest first.
    pub(crate) policies: Arc<[DeclId]>,
    /// Who chooses the instance.
    pub(crate) chooser: Chooser,
    /// The client.
    pub(crate) viewer: Viewer,
}

/// Who chooses the instance that a request or a connection goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Chooser {
    /// The proxy.
    Proxy,
    /// The client, by the address that it connects to.
    Client,
}

/// A virtual host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    /// The table.
    pub(crate) table: TableName,
    /// The host that names it.
    pub(crate) host: Hostname,
    /// The port that clients address.
    pub(crate) port: u16,
    /// `:authority` values.
    pub(crate) domains: Arc<[Arc<str>]>,
    /// Routes; `None` = the default route.
    pub(crate) routes: Option<DeclId>,
    /// Which conditions on clients hold.
    pub(crate) holds: Arc<[Source]>,
    /// Whom the routes send to, sorted by host; the host itself is among them if it is a service.
    pub(crate) links: Arc<[Link]>,
}

/// A destination, resolved for a scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    /// The name.
    pub(crate) host: Hostname,
    /// The service.
    pub(crate) service: DeclId,
    /// Policies in force, oldest first.
    pub(crate) policies: Arc<[DeclId]>,
}

/// A listener without what the mesh configuration and policies say: the traffic itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListenerKey {
    /// Its name.
    pub(crate) name: ListenerName,
    /// What it does.
    pub(crate) traffic: Traffic,
    /// The object that asked for it.
    pub(crate) origin: Option<Origin>,
}

/// What a listener does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Traffic {
    /// It is a client's.
    Outbound(ListenerTraffic),
    /// It takes captured connections to a workload.
    Captured(Captured, Arc<SecurityKey>),
    /// It takes connections to a port of a workload.
    Bound(InboundPort, Arc<SecurityKey>),
}

/// Captured connections to a workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Captured {
    /// Addresses to bind.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Whether the client's address is kept.
    pub(crate) transparent: bool,
    /// Declared ports, sorted.
    pub(crate) ports: Vec<InboundPort>,
    /// Which connections other ports take.
    pub(crate) rest_mtls: MtlsMode,
}

/// A cluster that no service has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlainCluster {
    /// Its name.
    pub(crate) name: ClusterName,
    /// Where it leads.
    pub(crate) discovery: Discovery,
    /// What is spoken.
    pub(crate) protocol: Protocol,
    /// Limits.
    pub(crate) pool: Option<ConnectionPool>,
    /// The object that asked for it.
    pub(crate) origin: Option<Origin>,
}
