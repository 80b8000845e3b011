//! Settings for the whole mesh.

use std::sync::Arc;
use std::time::Duration;

use super::Visibility;
use crate::name::Namespace;
use crate::policy::access_log::AccessLog;
use crate::policy::keepalive::TcpKeepalive;
use crate::policy::locality::LocalityPolicy;
use crate::policy::retry::RetryPolicy;

/// Settings for the whole mesh (Istio's MeshConfig), complete: the dialect fills defaults, and
/// lowers an empty configuration if there is none. The first by object name rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MeshConfig {
    /// What happens to traffic to names and addresses that the mesh does not know.
    pub outbound: OutboundPolicy,
    /// Retries of routes that say nothing; `None` = none.
    pub default_retry: Option<RetryPolicy>,
    /// Limit for connecting (Istio's default 10 s).
    pub connect_timeout: Duration,
    /// TCP keep-alive of upstream connections; `None` = off.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Visibility of services that say nothing.
    pub service_export: Visibility,
    /// Visibility of routes that say nothing.
    pub routes_export: Visibility,
    /// Visibility of traffic policies that say nothing.
    pub policies_export: Visibility,
    /// Limit for protocol detection; zero = Envoy waits for the first bytes as long as it takes.
    pub protocol_detection_timeout: Duration,
    /// Access logs of all proxies.
    pub access_log: AccessLog,
    /// The namespace whose declarations hold for the whole mesh.
    pub root_namespace: Namespace,
    /// Locality of services that say nothing.
    pub locality: LocalityPolicy,
    /// How often DNS names are resolved again.
    pub dns_refresh: Duration,
    /// The trust domain of identities.
    pub trust_domain: Arc<str>,
}

/// What happens to traffic to names and addresses that the mesh does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutboundPolicy {
    /// Passed through (`PassthroughCluster`).
    AllowAny,
    /// Refused: HTTP 502, TCP reset (`BlackHoleCluster`).
    RegistryOnly,
}
