//! What proxies may see and how they listen.

use std::sync::Arc;

use super::Selector;
use super::mesh_config::OutboundPolicy;
use crate::name::{Hostname, Namespace};
use crate::origin::{Age, Origin};
use crate::policy::connection_pool::ConnectionPool;
use crate::policy::protocol::Protocol;

/// What proxies may see and how they listen: a Sidecar. For a proxy counts the oldest whose
/// non-empty selector selects it, else the oldest of its namespace without selector, else that
/// of the root namespace without selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// The author's namespace.
    pub namespace: Namespace,
    /// The object's name.
    pub name: Arc<str>,
    /// Which proxies it is for; empty = all of the namespace.
    pub selector: Selector,
    /// Outbound listeners; empty = everything visible, as without a Sidecar.
    pub egress: Vec<EgressListener>,
    /// Inbound listeners; empty = the ports of the services that the workload implements.
    pub ingress: Vec<IngressListener>,
    /// What happens to unknown traffic; `None` = as the mesh configuration says.
    pub outbound: Option<OutboundPolicy>,
    /// Pool limits of inbound connections to the app, for ports without their own.
    pub inbound_pool: Option<ConnectionPool>,
    /// Its age.
    pub age: Age,
    /// Where it was said.
    pub origin: Origin,
}

/// An outbound listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressListener {
    /// The port; `None` = the ports of all visible services.
    pub port: Option<ListenerPort>,
    /// The address; empty = the default.
    pub bind: Arc<str>,
    /// Whether the listener is bound, not captured (`captureMode: NONE`).
    pub capture: CaptureMode,
    /// Which hosts are visible here.
    pub hosts: Vec<HostSelector>,
    /// Where it was said.
    pub origin: Origin,
}

/// Services visible to a proxy, as `namespace/host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSelector {
    /// Whose services.
    pub namespaces: NamespaceSelector,
    /// Which of them; `*` = all.
    pub host: Hostname,
    /// Whether these are excluded (`~ns/host`).
    pub exclude: bool,
}

/// Whose services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceSelector {
    /// Anybody's (`*`).
    Any,
    /// Those of the proxy's own namespace (`.`), which for a Sidecar of the root namespace is not
    /// the author's.
    Own,
    /// This namespace's.
    One(Namespace),
    /// Nobody's (`~`).
    Nobody,
}

/// An inbound listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressListener {
    /// The port.
    pub port: ListenerPort,
    /// The address; empty = the workload's own.
    pub bind: Arc<str>,
    /// Whether the listener is bound, not captured.
    pub capture: CaptureMode,
    /// Where the app listens.
    pub app: AppEndpoint,
    /// Pool limits of connections to the app; `None` = the Sidecar's.
    pub pool: Option<ConnectionPool>,
    /// Where it was said.
    pub origin: Origin,
}

/// A port of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPort {
    /// Number.
    pub number: u16,
    /// Name.
    pub name: Arc<str>,
    /// What is spoken.
    pub protocol: Protocol,
}

/// How traffic reaches a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaptureMode {
    /// As the proxy's interception mode says.
    Default,
    /// By redirection.
    Redirect,
    /// The listener is bound.
    None,
}

/// Where the app listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AppEndpoint {
    /// On the same port of the loopback address (or of the address that the agent names).
    Default,
    /// On a loopback address and port (`127.0.0.1:PORT`, `[::1]:PORT`).
    Loopback(std::net::SocketAddr),
    /// On the workload's own address (`0.0.0.0:PORT`).
    Instance(u16),
    /// On a Unix domain socket (`unix:///path`).
    Unix(Arc<str>),
}
