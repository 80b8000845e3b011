//! Names of Envoy's resources, which are Istio's, since tools rely on them. They are rendered
//! here and parsed nowhere.

use std::net::SocketAddr;

use ferromesh_mesh as mesh;

use mesh::name::Hostname;
use mesh::view::cluster::ClusterName;
use mesh::view::listener::ListenerName;
use mesh::view::route_table::TableName;

/// The virtual host for hosts that a table does not know, if they are passed through.
pub(crate) const ALLOW_ANY: &str = "allow_any";

/// The virtual host for hosts that a table does not know, if they are refused.
pub(crate) const BLOCK_ALL: &str = "block_all";

/// The route of a port without rules.
pub(crate) const DEFAULT_ROUTE: &str = "default";

/// Parts of the virtual listeners.
pub(crate) const VIRTUAL_OUTBOUND: &str = "virtualOutbound";
pub(crate) const VIRTUAL_OUTBOUND_BLACK_HOLE: &str = "virtualOutbound-blackhole";
pub(crate) const VIRTUAL_OUTBOUND_CATCH_ALL: &str = "virtualOutbound-catchall-tcp";
pub(crate) const VIRTUAL_INBOUND: &str = "virtualInbound";
pub(crate) const VIRTUAL_INBOUND_BLACK_HOLE: &str = "virtualInbound-blackhole";
pub(crate) const VIRTUAL_INBOUND_CATCH_ALL_HTTP: &str = "virtualInbound-catchall-http";

/// The filter chain of an outbound listener for what it does not know.
pub(crate) const PASSTHROUGH_CHAIN: &str = "PassthroughFilterChain";

/// `outbound|80|v1|host`.
pub(crate) fn cluster(name: &ClusterName) -> String {
    match name {
        ClusterName::Outbound { port, subset, host } => {
            let subset = subset.as_ref().map_or("", |subset| subset.as_str());
            format!("outbound|{port}|{subset}|{host}")
        }
        ClusterName::Inbound { port } => format!("inbound|{port}||"),
        ClusterName::Passthrough => "PassthroughCluster".to_owned(),
        ClusterName::BlackHole => "BlackHoleCluster".to_owned(),
        ClusterName::InboundPassthrough => "InboundPassthroughCluster".to_owned(),
    }
}

/// `0.0.0.0_80`.
pub(crate) fn listener(name: &ListenerName) -> String {
    match name {
        ListenerName::VirtualOutbound => VIRTUAL_OUTBOUND.to_owned(),
        ListenerName::VirtualInbound => VIRTUAL_INBOUND.to_owned(),
        ListenerName::Outbound(address)
        | ListenerName::Inbound(address)
        | ListenerName::HttpProxy(address) => bound(*address),
    }
}

/// `0.0.0.0_80`; also the name of an inbound port's filter chains.
pub(crate) fn bound(address: SocketAddr) -> String {
    format!("{}_{}", address.ip(), address.port())
}

/// `80`, `host:9000`, `http_proxy`.
pub(crate) fn table(name: &TableName) -> String {
    match name {
        TableName::Port(port) => port.to_string(),
        TableName::HostPort(host, port) => host_port(host, *port),
        TableName::HttpProxy => "http_proxy".to_owned(),
    }
}

/// `host:port`, the name of a virtual host in its table.
pub(crate) fn host_port(host: &Hostname, port: u16) -> String {
    format!("{host}:{port}")
}

/// `TABLE/host:port`, the name of a virtual host as a resource of its own.
pub(crate) fn virtual_host(name: &TableName, host: &Hostname, port: u16) -> String {
    format!("{}/{}", table(name), host_port(host, port))
}

/// The virtual host of an inbound port.
pub(crate) fn inbound_virtual_host(port: u16) -> String {
    format!("inbound|http|{port}")
}

/// A prefix of statistics. Istio ends it with `;`, by which its tag extraction finds the end of
/// a name that has dots itself.
pub(crate) fn statistics(name: &str) -> String {
    format!("{name};")
}

/// Whether a text can be a header's name, as HTTP/1.1 and HTTP/2 have them (or one of HTTP/2's
/// own). Envoy refuses others.
pub(crate) fn is_header_name(name: &str) -> bool {
    let rest = name.strip_prefix(':').unwrap_or(name);
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !rest.is_empty() && rest.bytes().all(sound)
}
