//! A cluster: a set of instances and how they are talked to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::TrustDomain;

use crate::name::{Hostname, Locality, SubsetName};
use crate::origin::Origin;
use crate::policy::connection_pool::HttpVersion;
use crate::policy::keepalive::{Http2Keepalive, TcpKeepalive};
use crate::policy::load_balancer::LoadBalancer;
use crate::policy::outlier::OutlierDetection;
use crate::policy::protocol::Protocol;
use crate::policy::retry_budget::RetryBudget;
use crate::policy::tls::{ClientTls, TlsParameters};

/// The name of a cluster; the target renders it (`outbound|80|v1|host`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClusterName {
    /// A service's port, perhaps a subset.
    Outbound {
        /// Port.
        port: u16,
        /// Subset.
        subset: Option<SubsetName>,
        /// Service.
        host: Hostname,
    },
    /// A port of the proxy's own workload.
    Inbound {
        /// Port of the workload.
        port: u16,
    },
    /// Traffic to where the client wanted.
    Passthrough,
    /// Traffic to nowhere.
    BlackHole,
    /// Inbound traffic to ports that nobody declared.
    InboundPassthrough,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: ClusterName,
    /// How its instances are found.
    pub discovery: Discovery,
    /// What is spoken on the port.
    pub protocol: Protocol,
    /// Which HTTP version is spoken (only for HTTP and detected ports).
    pub http_version: HttpVersion,
    /// TLS.
    pub tls: UpstreamTls,
    /// Choice of an instance.
    pub load_balancer: LoadBalancer,
    /// Whether localities have weights or priorities (then the balancer is locality-aware).
    pub locality: LocalityMode,
    /// Limits.
    pub limits: Limits,
    /// Limit for connecting.
    pub connect_timeout: Duration,
    /// TCP keep-alive; `None` = off.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// HTTP/2 pings; `None` = off.
    pub http2_keepalive: Option<Http2Keepalive>,
    /// A connection without requests is closed; `None` = Envoy's default.
    pub http_idle_timeout: Option<Duration>,
    /// Connections live no longer; `None` = no limit.
    pub max_connection_duration: Option<Duration>,
    /// Ejection; `None` = off.
    pub outlier: Option<OutlierDetection>,
    /// Retry budget; `None` = the limit on retries counts.
    pub retry_budget: Option<RetryBudget>,
    /// The service and author to show in metadata (`istio.config`, `services`), `None` for
    /// built-in clusters.
    pub service: Option<ClusterService>,
    /// The object whose policy is in force; else the service's.
    pub origin: Option<Origin>,
}

/// TLS towards the instances of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamTls {
    /// None.
    Off,
    /// The mesh's, towards instances that understand it.
    Auto(MeshTls),
    /// The mesh's.
    Mesh(MeshTls),
    /// As a policy says; never [`ClientTls::Disable`] or [`ClientTls::Mesh`].
    Other(ClientTls, TlsParameters),
}

/// The mesh's TLS towards the instances of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MeshTls {
    /// Server name to ask for; empty = `outbound_.PORT_.SUBSET_.HOST`.
    pub sni: Arc<str>,
    /// URI or DNS names of which the server must have one, sorted; empty = any identity of the
    /// trust domain.
    pub names: Vec<Arc<str>>,
    /// The trust domain of the mesh.
    pub trust_domain: TrustDomain,
    /// Parameters.
    pub parameters: TlsParameters,
}

/// The service that a cluster belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterService {
    /// Its host.
    pub host: Hostname,
    /// Its short name, the host itself for entries.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
}

/// How the instances of a cluster are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Discovery {
    /// By a resource of their own.
    Endpoints,
    /// The address that the client asked for.
    Original {
        /// The addresses to connect from, one for each family; none = any. (127.0.0.6 and ::6
        /// for inbound traffic captured by redirection, so that it is not captured again.)
        sources: Vec<IpAddr>,
    },
    /// These addresses (inbound in mode NONE, or a Sidecar's `defaultEndpoint`).
    Static {
        /// Where the app listens.
        address: AppAddress,
        /// Source address; `None` = any.
        source: Option<IpAddr>,
    },
    /// By DNS.
    Dns {
        /// Names.
        targets: Vec<DnsInstance>,
        /// Whether only one answer is used at a time.
        round_robin: bool,
        /// How often names are resolved again.
        refresh: Duration,
    },
    /// The name or address in the authority of each request (a proxy without capture knows
    /// nothing else of a host that nobody declares).
    Named,
    /// Nowhere.
    Nothing,
}

/// Where an app listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AppAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix domain socket.
    Unix(Arc<str>),
}

/// An instance found by DNS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsInstance {
    /// DNS name or IP address.
    pub address: Arc<str>,
    /// Port.
    pub port: u16,
    /// Locality.
    pub locality: Locality,
    /// Weight; at least 1.
    pub weight: u32,
    /// Priority, 0 = first.
    pub priority: u32,
}

/// Whether localities matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalityMode {
    /// All instances are alike.
    Flat,
    /// Localities have weights.
    Weighted,
    /// Localities have priorities.
    Prioritised,
}

/// Limits. `u32::MAX` = none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections.
    pub max_connections: u32,
    /// Requests that wait for a connection.
    pub max_pending_requests: u32,
    /// Requests in flight.
    pub max_requests: u32,
    /// Retries in flight.
    pub max_retries: u32,
    /// Requests per connection; 0 = no limit.
    pub max_requests_per_connection: u32,
    /// Streams per HTTP/2 connection; 0 = Envoy's default.
    pub max_concurrent_streams: u32,
}
