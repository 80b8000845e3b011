//! Settings of proxies, of which only the rules that bound TLS have an effect yet.

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::tls::Compliance;
use serde_json::Value;

use crate::{effect, faults};

/// The environment variable that names the rules.
const POLICY: &str = "COMPLIANCE_POLICY";

/// The rules that bound TLS. Unknown ones are errors, and the strictest that are known.
pub(super) fn lower(
    config: Option<&Part<istio::ProxyConfig>>,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Compliance {
    let at = spec.field("defaultConfig");
    let Some(config) = config.and_then(|part| faults::read_part(part, &at, remarks)) else {
        return Compliance::Free;
    };
    for (name, value) in later(&config) {
        if value.is_some() {
            effect::not_yet(&at.field(name), remarks);
        }
    }
    let at = at.field("proxyMetadata");
    for name in config.proxy_metadata.keys() {
        if name != POLICY {
            effect::not_yet(&at.field(name), remarks);
        }
    }
    match config.proxy_metadata.get(POLICY).map(String::as_str) {
        None | Some("") => Compliance::Free,
        Some("fips-140-2" | "fips-140-3") => Compliance::Fips,
        Some(other) => {
            remarks
                .error(
                    &at.field(POLICY),
                    "unknown-value",
                    format!("unknown rules {other:?}"),
                )
                .advise("write fips-140-3 or fips-140-2");
            Compliance::Fips
        }
    }
}

/// Fields that have no effect yet. The pattern names every field of the type, so that a new one
/// must be put here or be lowered.
#[rustfmt::skip]
fn later(config: &istio::ProxyConfig) -> [(&'static str, &Option<Value>); 39] {
    let istio::ProxyConfig {
        proxy_metadata: _,
        availability_zone,
        binary_path,
        ca_certificates_pem,
        concurrency,
        config_path,
        connection_settings,
        control_plane_auth_policy,
        custom_config_file,
        discovery_address,
        discovery_refresh_delay,
        drain_duration,
        envoy_access_log_service,
        envoy_metrics_service,
        envoy_metrics_service_address,
        extra_stat_tags,
        file_flush_interval,
        file_flush_min_size_kb,
        gateway_topology,
        hold_application_until_proxy_starts,
        image,
        interception_mode,
        mesh_id,
        private_key_provider,
        proxy_admin_port,
        proxy_bootstrap_template_path,
        proxy_headers,
        proxy_stats_matcher,
        readiness_probe,
        runtime_values,
        sds,
        service_cluster,
        stat_name_length,
        stats_compression,
        statsd_udp_address,
        status_port,
        termination_drain_duration,
        tracing,
        tracing_service_name,
        zipkin_address,
    } = config;
    [
        ("availabilityZone", availability_zone),
        ("binaryPath", binary_path),
        ("caCertificatesPem", ca_certificates_pem),
        ("concurrency", concurrency),
        ("configPath", config_path),
        ("connectionSettings", connection_settings),
        ("controlPlaneAuthPolicy", control_plane_auth_policy),
        ("customConfigFile", custom_config_file),
        ("discoveryAddress", discovery_address),
        ("discoveryRefreshDelay", discovery_refresh_delay),
        ("drainDuration", drain_duration),
        ("envoyAccessLogService", envoy_access_log_service),
        ("envoyMetricsService", envoy_metrics_service),
        ("envoyMetricsServiceAddress", envoy_metrics_service_address),
        ("extraStatTags", extra_stat_tags),
        ("fileFlushInterval", file_flush_interval),
        ("fileFlushMinSizeKb", file_flush_min_size_kb),
        ("gatewayTopology", gateway_topology),
        ("holdApplicationUntilProxyStarts", hold_application_until_proxy_starts),
        ("image", image),
        ("interceptionMode", interception_mode),
        ("meshId", mesh_id),
        ("privateKeyProvider", private_key_provider),
        ("proxyAdminPort", proxy_admin_port),
        ("proxyBootstrapTemplatePath", proxy_bootstrap_template_path),
        ("proxyHeaders", proxy_headers),
        ("proxyStatsMatcher", proxy_stats_matcher),
        ("readinessProbe", readiness_probe),
        ("runtimeValues", runtime_values),
        ("sds", sds),
        ("serviceCluster", service_cluster),
        ("statNameLength", stat_name_length),
        ("statsCompression", stats_compression),
        ("statsdUdpAddress", statsd_udp_address),
        ("statusPort", status_port),
        ("terminationDrainDuration", termination_drain_duration),
        ("tracing", tracing),
        ("tracingServiceName", tracing_service_name),
        ("zipkinAddress", zipkin_address),
    ]
}
