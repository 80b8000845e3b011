//! `networking.istio.io` Sidecar.

use serde::Deserialize;

use super::{ConnectionPool, PortSelector, ServerTls, WorkloadLabels};
use crate::part::Part;

/// What proxies may see and how they listen; at least one field beside the selector.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sidecar {
    /// Which proxies it is for; absent = all of the namespace.
    pub workload_selector: Option<WorkloadLabels>,
    /// Inbound listeners; empty = the ports of the services that the workload implements.
    pub ingress: Vec<Part<IngressListener>>,
    /// Outbound listeners; empty = everything visible.
    pub egress: Vec<Part<EgressListener>>,
    /// What happens to unknown traffic; absent = as the mesh configuration says.
    pub outbound_traffic_policy: Option<Part<SidecarOutboundPolicy>>,
    /// Limits of inbound connections to the app, for ports without their own.
    pub inbound_connection_pool: Option<Part<ConnectionPool>>,
}

/// An inbound listener.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressListener {
    /// The port; required.
    pub port: Option<SidecarPort>,
    /// The IP address; empty = the workload's own.
    pub bind: String,
    /// How traffic gets there.
    pub capture_mode: CaptureMode,
    /// Where the app listens: `127.0.0.1:PORT`, `0.0.0.0:PORT`, `[::1]:PORT`, `[::]:PORT`,
    /// `:PORT`, `unix:///path`; empty = the same port of the loopback address.
    pub default_endpoint: String,
    /// TLS by the proxy.
    pub tls: Option<Part<ServerTls>>,
    /// Limits of connections to the app; absent = `inboundConnectionPool`.
    pub connection_pool: Option<Part<ConnectionPool>>,
}

/// An outbound listener.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressListener {
    /// The port; absent = the ports of all visible services.
    pub port: Option<SidecarPort>,
    /// The IP address, or `unix:///path`; empty = the default.
    pub bind: String,
    /// How traffic gets there.
    pub capture_mode: CaptureMode,
    /// Services visible here, as `namespace/host`; at least one.
    pub hosts: Vec<String>,
}

/// A port of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SidecarPort {
    /// Number; 0 only with a Unix domain socket.
    pub number: u32,
    /// What is spoken; empty = it is detected.
    pub protocol: String,
    /// Name.
    pub name: String,
    /// Deprecated, and refused by Istio.
    pub target_port: u32,
}

/// How traffic gets to a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaptureMode {
    /// As the proxy's interception mode says.
    #[default]
    Default,
    /// By redirection.
    Iptables,
    /// The listener is bound.
    None,
}

/// What happens to traffic to names and addresses that the mesh does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SidecarOutboundPolicy {
    /// Whether it is passed through; absent = it is not, as in protobuf.
    pub mode: SidecarOutboundMode,
    /// Where it is sent instead; only with `ALLOW_ANY`.
    pub egress_proxy: Option<EgressProxy>,
}

/// Whether unknown traffic is passed through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SidecarOutboundMode {
    /// It is not.
    #[default]
    RegistryOnly,
    /// It is.
    AllowAny,
}

/// A destination of unknown traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressProxy {
    /// Host; required.
    pub host: String,
    /// Subset; empty = all instances.
    pub subset: String,
    /// Port; required.
    pub port: Option<PortSelector>,
}
