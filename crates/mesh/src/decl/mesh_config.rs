//! Settings for the whole mesh.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::TrustDomain;

use super::Visibility;
use crate::name::Namespace;
use crate::policy::access_log::AccessLog;
use crate::policy::ext_authz::ExternalAuthorizer;
use crate::policy::keepalive::TcpKeepalive;
use crate::policy::locality::LocalityPolicy;
use crate::policy::path_normalization::PathNormalization;
use crate::policy::retry::RetryPolicy;
use crate::policy::tls::TlsParameters;

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
    /// Identity, mutual TLS and authorization.
    pub security: MeshSecurity,
}

/// Settings of identity, mutual TLS and authorization. The default is Istio's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MeshSecurity {
    /// The trust domain of identities.
    pub trust_domain: TrustDomain,
    /// Names that stand for the trust domain in policies, sorted.
    pub trust_domain_aliases: Vec<TrustDomain>,
    /// Authorities of other trust domains.
    pub authorities: Vec<Authority>,
    /// Whether clients speak the mesh's TLS to who understands it without being told.
    pub auto_mtls: AutoMtls,
    /// Parameters of the mesh's TLS.
    pub mesh_tls: TlsParameters,
    /// Parameters of TLS towards others.
    pub outside_tls: TlsParameters,
    /// How paths are normalised.
    pub paths: PathNormalization,
    /// External authorizers by the name of their provider.
    pub authorizers: BTreeMap<Arc<str>, ExternalAuthorizer>,
}

impl Default for MeshSecurity {
    fn default() -> Self {
        Self {
            trust_domain: TrustDomain::default(),
            trust_domain_aliases: Vec::new(),
            authorities: Vec::new(),
            auto_mtls: AutoMtls::On,
            mesh_tls: TlsParameters::default(),
            outside_tls: TlsParameters::default(),
            paths: PathNormalization::Base,
            authorizers: BTreeMap::new(),
        }
    }
}

/// Authorities of trust domains (`caCertificates`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Certificates in PEM.
    pub certificates: Arc<str>,
    /// The trust domains that they speak for; empty = the mesh's own.
    pub trust_domains: Vec<TrustDomain>,
}

/// Whether clients speak the mesh's TLS to who understands it without being told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AutoMtls {
    /// They do.
    On,
    /// Only where a policy says so.
    Off,
}

/// What happens to traffic to names and addresses that the mesh does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutboundPolicy {
    /// Passed through (`PassthroughCluster`).
    AllowAny,
    /// Refused: HTTP 502, TCP reset (`BlackHoleCluster`).
    RegistryOnly,
}
