//! `istio.mesh.v1alpha1` ProxyConfig, the `defaultConfig` of MeshConfig.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Settings of proxies. Fields of type [`Value`] are known and not looked into.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(
    missing_docs,
    reason = "they have no effect, and Istio's names say what they are"
)]
pub struct ProxyConfig {
    /// Environment variables of proxies.
    pub proxy_metadata: BTreeMap<String, String>,

    pub availability_zone: Option<Value>,
    pub binary_path: Option<Value>,
    pub ca_certificates_pem: Option<Value>,
    pub concurrency: Option<Value>,
    pub config_path: Option<Value>,
    pub connection_settings: Option<Value>,
    pub control_plane_auth_policy: Option<Value>,
    pub custom_config_file: Option<Value>,
    pub discovery_address: Option<Value>,
    pub discovery_refresh_delay: Option<Value>,
    pub drain_duration: Option<Value>,
    pub envoy_access_log_service: Option<Value>,
    pub envoy_metrics_service: Option<Value>,
    pub envoy_metrics_service_address: Option<Value>,
    pub extra_stat_tags: Option<Value>,
    pub file_flush_interval: Option<Value>,
    pub file_flush_min_size_kb: Option<Value>,
    pub gateway_topology: Option<Value>,
    pub hold_application_until_proxy_starts: Option<Value>,
    pub image: Option<Value>,
    pub interception_mode: Option<Value>,
    pub mesh_id: Option<Value>,
    pub private_key_provider: Option<Value>,
    pub proxy_admin_port: Option<Value>,
    pub proxy_bootstrap_template_path: Option<Value>,
    pub proxy_headers: Option<Value>,
    pub proxy_stats_matcher: Option<Value>,
    pub readiness_probe: Option<Value>,
    pub runtime_values: Option<Value>,
    pub sds: Option<Value>,
    pub service_cluster: Option<Value>,
    pub stat_name_length: Option<Value>,
    pub stats_compression: Option<Value>,
    pub statsd_udp_address: Option<Value>,
    pub status_port: Option<Value>,
    pub termination_drain_duration: Option<Value>,
    pub tracing: Option<Value>,
    pub tracing_service_name: Option<Value>,
    pub zipkin_address: Option<Value>,
}
