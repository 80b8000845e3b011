//! Fields of the mesh configuration that have no effect yet.

use ferromesh_api::istio::MeshConfig;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use serde_json::Value;

use crate::effect;

/// A warning for each of them that is written.
pub(super) fn remark(config: &MeshConfig, spec: &Path<'_>, remarks: &mut Remarks) {
    for (name, value) in fields(config) {
        if value.is_some() {
            effect::not_yet(&spec.field(name), remarks);
        }
    }
    if config.discovery_selectors.is_some() {
        // Whoever watches an API server goes by it, and says what is wrong with it.
        remarks.info(
            &spec.field("discoverySelectors"),
            "no-effect-in-a-directory",
            "chooses among the namespaces of a cluster; all objects of a directory are read",
        );
    }
}

/// All of them. The pattern names every field of the type, so that a new one must be put here or
/// be lowered.
#[rustfmt::skip]
fn fields(config: &MeshConfig) -> [(&'static str, &Option<Value>); 26] {
    let MeshConfig {
        access_log_file: _, access_log_format: _, access_log_encoding: _, connect_timeout: _,
        default_service_export_to: _, default_virtual_service_export_to: _,
        default_destination_rule_export_to: _, default_http_retry_policy: _, dns_refresh_rate: _,
        locality_lb_setting: _, outbound_traffic_policy: _, protocol_detection_timeout: _,
        root_namespace: _, tcp_keepalive: _, trust_domain: _, trust_domain_aliases: _,
        ca_certificates: _, enable_auto_mtls: _, mesh_mtls: _, tls_defaults: _,
        path_normalization: _, extension_providers: _, default_config: _,
        ca, certificates, config_sources, default_providers,
        default_traffic_policy, disable_envoy_listener_log, discovery_selectors: _,
        enable_envoy_access_log_service, enable_prometheus_merge,
        enable_tracing, h2_upgrade_policy, hbone_idle_timeout,
        inbound_cluster_stat_name, inbound_traffic_policy, ingress_class,
        ingress_controller_mode, ingress_selector, ingress_service,
        outbound_cluster_stat_name, proxy_http_port,
        proxy_inbound_listen_port, proxy_listen_port, service_entry_visibility,
        service_scope_configs, service_settings,
        verify_certificate_at_client, zone_aware_lb_setting,
    } = config;
    [
        ("ca", ca),
        ("certificates", certificates),
        ("configSources", config_sources),
        ("defaultProviders", default_providers),
        ("defaultTrafficPolicy", default_traffic_policy),
        ("disableEnvoyListenerLog", disable_envoy_listener_log),
        ("enableEnvoyAccessLogService", enable_envoy_access_log_service),
        ("enablePrometheusMerge", enable_prometheus_merge),
        ("enableTracing", enable_tracing),
        ("h2UpgradePolicy", h2_upgrade_policy),
        ("hboneIdleTimeout", hbone_idle_timeout),
        ("inboundClusterStatName", inbound_cluster_stat_name),
        ("inboundTrafficPolicy", inbound_traffic_policy),
        ("ingressClass", ingress_class),
        ("ingressControllerMode", ingress_controller_mode),
        ("ingressSelector", ingress_selector),
        ("ingressService", ingress_service),
        ("outboundClusterStatName", outbound_cluster_stat_name),
        ("proxyHttpPort", proxy_http_port),
        ("proxyInboundListenPort", proxy_inbound_listen_port),
        ("proxyListenPort", proxy_listen_port),
        ("serviceEntryVisibility", service_entry_visibility),
        ("serviceScopeConfigs", service_scope_configs),
        ("serviceSettings", service_settings),
        ("verifyCertificateAtClient", verify_certificate_at_client),
        ("zoneAwareLbSetting", zone_aware_lb_setting),
    ]
}
