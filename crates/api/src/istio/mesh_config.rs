//! MeshConfig (`istio.mesh.v1alpha1`), the document `mesh.yaml`.

use serde::Deserialize;
use serde_json::Value;

use super::{
    CaCertificates, ExtensionProvider, HttpRetry, LocalityLbSetting, MeshPathNormalization,
    MeshTls, ProxyConfig, TcpKeepalive,
};
use crate::part::Part;

/// Settings for the whole mesh. Fields of type [`Value`] are known and not looked into.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshConfig {
    /// File for access logs, such as `/dev/stdout`; empty = none.
    pub access_log_file: String,
    /// Format of a line, or a JSON object of formats; empty = Istio's.
    pub access_log_format: String,
    /// Whether lines are text or JSON.
    pub access_log_encoding: AccessLogEncoding,
    /// Limit for connecting; absent = 10 s.
    pub connect_timeout: Option<String>,
    /// Who may see services that say nothing; absent or empty = all.
    pub default_service_export_to: Vec<String>,
    /// Who may see VirtualServices that say nothing; absent or empty = all.
    pub default_virtual_service_export_to: Vec<String>,
    /// Who may see DestinationRules that say nothing; absent or empty = all.
    pub default_destination_rule_export_to: Vec<String>,
    /// Retries of routes that say nothing.
    pub default_http_retry_policy: Option<Part<HttpRetry>>,
    /// How often DNS names are resolved again; absent = 60 s.
    pub dns_refresh_rate: Option<String>,
    /// Preference for near instances; absent = enabled.
    pub locality_lb_setting: Option<Part<LocalityLbSetting>>,
    /// What happens to traffic to names and addresses that the mesh does not know.
    pub outbound_traffic_policy: Option<Part<MeshOutboundPolicy>>,
    /// Limit for protocol detection; absent or 0 = none.
    pub protocol_detection_timeout: Option<String>,
    /// The namespace whose objects hold for the whole mesh; absent = `istio-system`.
    pub root_namespace: Option<String>,
    /// TCP keep-alive of upstream connections; absent = off.
    pub tcp_keepalive: Option<Part<TcpKeepalive>>,
    /// Trust domain of identities; absent = `cluster.local`.
    pub trust_domain: Option<String>,
    /// Names that stand for it in policies.
    pub trust_domain_aliases: Vec<String>,
    /// Further authorities.
    pub ca_certificates: Vec<Part<CaCertificates>>,
    /// Whether clients speak mutual TLS to who understands it; absent = they do.
    pub enable_auto_mtls: Option<bool>,
    /// Parameters of TLS inside the mesh.
    #[serde(rename = "meshMTLS")]
    pub mesh_mtls: Option<Part<MeshTls>>,
    /// Parameters of TLS towards others.
    pub tls_defaults: Option<Part<MeshTls>>,
    /// Normalisation of paths; absent = `BASE`.
    pub path_normalization: Option<Part<MeshPathNormalization>>,
    /// Providers of telemetry and authorization.
    pub extension_providers: Vec<Part<ExtensionProvider>>,
    /// Settings of proxies.
    pub default_config: Option<Part<ProxyConfig>>,

    /// Certificate authority.
    pub ca: Option<Value>,
    /// Deprecated.
    pub certificates: Option<Value>,
    /// Sources of configuration.
    pub config_sources: Option<Value>,
    /// Telemetry providers of workloads that say nothing.
    pub default_providers: Option<Value>,
    /// Connection pool and ejection of destinations that say nothing.
    pub default_traffic_policy: Option<Value>,
    /// Envoy's own log of listeners.
    pub disable_envoy_listener_log: Option<Value>,
    /// Namespaces that are watched.
    pub discovery_selectors: Option<Value>,
    /// Access logs by gRPC.
    pub enable_envoy_access_log_service: Option<Value>,
    /// Merging of the app's metrics.
    pub enable_prometheus_merge: Option<Value>,
    /// Tracing.
    pub enable_tracing: Option<Value>,
    /// HTTP/2 on HTTP/1.1 ports.
    pub h2_upgrade_policy: Option<Value>,
    /// Idle timeout of HBONE connections.
    pub hbone_idle_timeout: Option<Value>,
    /// Name of statistics of inbound clusters.
    pub inbound_cluster_stat_name: Option<Value>,
    /// Where inbound traffic is sent.
    pub inbound_traffic_policy: Option<Value>,
    /// Class of Ingresses.
    pub ingress_class: Option<Value>,
    /// Which Ingresses count.
    pub ingress_controller_mode: Option<Value>,
    /// Pods of the ingress gateway.
    pub ingress_selector: Option<Value>,
    /// Service of the ingress gateway.
    pub ingress_service: Option<Value>,
    /// Name of statistics of outbound clusters.
    pub outbound_cluster_stat_name: Option<Value>,
    /// HTTP proxy port.
    pub proxy_http_port: Option<Value>,
    /// Port of captured inbound traffic.
    pub proxy_inbound_listen_port: Option<Value>,
    /// Port of captured outbound traffic.
    pub proxy_listen_port: Option<Value>,
    /// Visibility of ServiceEntries.
    pub service_entry_visibility: Option<Value>,
    /// Scope of services.
    pub service_scope_configs: Option<Value>,
    /// Settings of services.
    pub service_settings: Option<Value>,
    /// Deprecated.
    pub verify_certificate_at_client: Option<Value>,
    /// Envoy's zone awareness.
    pub zone_aware_lb_setting: Option<Value>,
}

/// Whether access logs are text or JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessLogEncoding {
    /// Text.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// What happens to traffic to names and addresses that the mesh does not know.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshOutboundPolicy {
    /// Whether it is passed through; absent = it is not, as in protobuf.
    pub mode: MeshOutboundMode,
    /// TLS towards names that are resolved dynamically.
    pub tls: Option<Value>,
}

/// Whether unknown traffic is passed through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MeshOutboundMode {
    /// It is not.
    #[default]
    RegistryOnly,
    /// It is.
    AllowAny,
    /// It is, and names are resolved by the proxy.
    AllowAnyDynamicDns,
}
