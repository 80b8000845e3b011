//! A listener.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::cluster::ClusterName;
use super::route_table::TableName;
use super::security::InboundSecurity;
use crate::origin::Origin;
use crate::policy::access_log::AccessLog;
use crate::policy::mtls::MtlsMode;

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: ListenerName,
    /// What it does.
    pub traffic: ListenerTraffic,
    /// Access log.
    pub access_log: AccessLog,
    /// Limit for protocol detection.
    pub detection_timeout: Duration,
    /// The object that asked for it, if a single one did.
    pub origin: Option<Origin>,
}

/// The name of a listener; the target renders it (`0.0.0.0_80`, `virtualOutbound`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenerName {
    /// All captured outbound traffic.
    VirtualOutbound,
    /// All captured inbound traffic.
    VirtualInbound,
    /// Outbound traffic to an address and port; bound or not, see [`Bind`].
    Outbound(SocketAddr),
    /// Inbound traffic on a bound address and port.
    Inbound(SocketAddr),
    /// The HTTP proxy port.
    HttpProxy(SocketAddr),
}

/// How a listener gets its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bind {
    /// From the virtual listener, by original destination.
    Captured,
    /// From its own socket.
    Bound,
}

/// What a listener does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenerTraffic {
    /// Hands over to the listener of the original destination; what has none goes to `fallback`.
    VirtualOutbound {
        /// Addresses to bind (IPv4 and IPv6).
        addresses: Vec<SocketAddr>,
        /// For the rest.
        fallback: ClusterName,
    },
    /// Outbound traffic to a port.
    Outbound {
        /// How it gets there.
        bind: Bind,
        /// Connections to these ranges of addresses (an entry's `addresses` that are no single
        /// address), before anything else; sorted. Only on a listener for every address.
        ranges: Vec<(IpNet, TcpForward)>,
        /// What is done with the rest.
        traffic: Outbound,
        /// For connections that match nothing (detected as something else, or an address-less
        /// listener of a port with captured traffic to unknown addresses).
        fallback: ClusterName,
    },
    /// The HTTP proxy port.
    HttpProxy {
        /// The table.
        table: TableName,
    },
    /// Captured inbound traffic.
    VirtualInbound {
        /// Addresses to bind.
        addresses: Vec<SocketAddr>,
        /// Whether the client's address is kept (TPROXY).
        transparent: bool,
        /// Declared ports, sorted.
        ports: Vec<InboundPort>,
        /// Ports that nobody declared.
        rest: ClusterName,
        /// Which connections they take.
        rest_mtls: MtlsMode,
        /// What is demanded of those who connect.
        security: Arc<InboundSecurity>,
    },
    /// Inbound traffic on a bound port.
    Inbound {
        /// The port.
        port: InboundPort,
        /// What is demanded of those who connect.
        security: Arc<InboundSecurity>,
    },
}

/// Outbound traffic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outbound {
    /// Requests.
    Http(TableName),
    /// Connections.
    Tcp(TcpForward),
    /// Told apart per connection.
    Detect {
        /// Requests.
        http: TableName,
        /// Connections.
        tcp: TcpForward,
    },
}

/// Forwarding of connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TcpForward {
    /// Clusters and weights; never empty.
    pub clusters: Vec<(ClusterName, u32)>,
    /// A connection without traffic is closed; `None` = Envoy's default; zero = never.
    pub idle_timeout: Option<Duration>,
    /// Whether the server may speak first, so that nothing may wait for the client's first bytes.
    pub server_first: bool,
    /// Whether a client meets the same instance again.
    pub affinity: Affinity,
}

/// Whether a client meets the same instance again (of a cluster that hashes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Affinity {
    /// It doesn't matter who the client is.
    None,
    /// By the client's address; the only thing that a connection without requests has to hash.
    SourceAddress,
}

/// An inbound port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InboundPort {
    /// Port of the workload.
    pub port: u16,
    /// The cluster of the app.
    pub cluster: ClusterName,
    /// What is spoken.
    pub traffic: InboundTraffic,
    /// Which connections it takes.
    pub mtls: MtlsMode,
    /// The service's fully qualified name and port for names of routes and statistics,
    /// such as `reviews.default.svc.cluster.local:9080`.
    pub label: Arc<str>,
}

/// What is spoken on an inbound port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InboundTraffic {
    /// Requests.
    Http,
    /// Connections.
    Tcp {
        /// Whether the server may speak first.
        server_first: bool,
    },
    /// Told apart per connection.
    Detect,
}

/// The wildcard address of the same family.
pub fn any_address(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}
