//! Envoy's bootstrap: who the proxy is, where its control plane is, and what it counts.
//!
//! It is rendered as JSON from values, without Envoy's generated types: those would cost the agent more memory than all of
//! the rest, for one message that hardly ever changes.

mod stats;

use std::net::SocketAddr;
use std::sync::Arc;

use ferromesh_chassis::version;
use serde_json::{Map, Value, json};

use crate::identity::settings::Credentials;
use crate::sds::secret;
use crate::settings::{ControlPlane, Host, Identity, Interception, Settings, Variant, XdsAddress};

/// The cluster of the control plane, under the name by which Istio's tools know it.
pub const XDS_CLUSTER: &str = "xds-grpc";

/// The cluster of the agent's secrets, under Istio's name.
pub const SDS_CLUSTER: &str = "sds-grpc";

/// What was chosen for a port 0 of the settings.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Envoy's admin interface; its port may still be 0, then Envoy chooses.
    pub admin: SocketAddr,
    /// The port of the HTTP proxy, if there is one.
    pub http_proxy_port: Option<u16>,
    /// Where Envoy gets its secrets; `None` = there are none.
    pub secrets: Option<Arc<str>>,
}

/// The bootstrap in Envoy's JSON form.
pub fn render(settings: &Settings, chosen: &Chosen) -> String {
    let ads = json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s" });
    json!({
        "node": node(settings, chosen),
        "admin": {
            "address": socket_address(&chosen.admin.ip().to_string(), chosen.admin.port()),
            "ignore_global_conn_limit": true,
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": match settings.variant {
                    Variant::Delta => "DELTA_GRPC",
                    Variant::StateOfTheWorld => "GRPC",
                },
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": { "cluster_name": XDS_CLUSTER } }],
            },
            // Without a deadline for the first answer: a proxy that knows nothing must not become ready.
            "cds_config": &ads,
            "lds_config": &ads,
        },
        "static_resources": { "clusters": clusters(settings, chosen) },
        "stats_config": stats::config(),
        // Clusters that are never used would otherwise cost their counters.
        "deferred_stat_options": { "enable_deferred_creation_stats": true },
        "layered_runtime": { "layers": [{
            "name": "ferromesh",
            // Envoy's own limit of 100 refuses ordinary expressions; this one is Istio's.
            "static_layer": { "re2.max_program_size.error_level": 32768 },
        }] },
        "overload_manager": {
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": i32::MAX,
                },
            }],
        },
    })
    .to_string()
}

/// The node as Istio's tools and our control plane read it.
fn node(settings: &Settings, chosen: &Chosen) -> Value {
    let Settings {
        workload,
        namespace,
        address,
        interception,
        ..
    } = settings;
    let mut metadata = Map::new();
    let mut put = |key: &str, value: String| metadata.insert(key.to_owned(), Value::String(value));
    put("NAME", workload.clone());
    put("NAMESPACE", namespace.clone());
    put("INSTANCE_IPS", address.to_string());
    put("CLUSTER_ID", "Kubernetes".to_owned());
    put("FERROMESH_VERSION", version::NUMBER.to_owned());
    if chosen.secrets.is_none() {
        put("FERROMESH_CERTIFICATES", "NONE".to_owned());
    }
    match interception {
        Interception::Captured(captured) => {
            put("INTERCEPTION_MODE", captured.to_string());
        }
        Interception::None(bound) => {
            put("INTERCEPTION_MODE", "NONE".to_owned());
            put("FERROMESH_INBOUND_ADDRESS", address.to_string());
            put("FERROMESH_APP_ADDRESS", bound.app.to_string());
            put("FERROMESH_OUTBOUND_ADDRESS", bound.outbound.to_string());
            if let Some(port) = chosen.http_proxy_port {
                put("FERROMESH_HTTP_PROXY_PORT", port.to_string());
            }
        }
    }
    json!({
        "id": format!("sidecar~{address}~{workload}.{namespace}~{namespace}.svc.cluster.local"),
        "cluster": format!("{workload}.{namespace}"),
        "metadata": metadata,
    })
}

fn socket_address(host: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": host, "port_value": port } })
}

fn clusters(settings: &Settings, chosen: &Chosen) -> Vec<Value> {
    let mut xds = xds_cluster(settings.control_plane.address());
    if let (ControlPlane::Secured(_), Identity::Issued(credentials)) =
        (&settings.control_plane, &settings.identity)
        && let Some(fields) = xds.as_object_mut()
    {
        fields.insert(
            "transport_socket".to_owned(),
            control_plane_tls(credentials),
        );
    }
    std::iter::once(xds)
        .chain(chosen.secrets.as_deref().map(sds_cluster))
        .collect()
}

/// TLS to the control plane, which accepts nobody but itself, as the agent does it.
fn control_plane_tls(credentials: &Credentials) -> Value {
    let secret = |name: &str| {
        json!({ "name": name, "sds_config": {
            "resource_api_version": "V3",
            "api_config_source": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": { "cluster_name": SDS_CLUSTER } }],
            },
        } })
    };
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_params": { "tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3" },
                "tls_certificate_sds_secret_configs": [secret(secret::OWN)],
                "combined_validation_context": {
                    "default_validation_context": { "match_typed_subject_alt_names": [{
                        "san_type": "URI",
                        "matcher": { "exact": credentials.control_plane.to_string() },
                    }] },
                    "validation_context_sds_secret_config": secret(secret::ROOTS),
                },
            },
        },
    })
}

/// The cluster of the agent's secrets.
fn sds_cluster(path: &str) -> Value {
    let endpoint = json!({ "endpoint": { "address": { "pipe": { "path": path } } } });
    json!({
        "name": SDS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": { "cluster_name": SDS_CLUSTER, "endpoints": [{ "lb_endpoints": [endpoint] }] },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
    })
}

/// The cluster of the control plane: HTTP/2, with a keepalive that notices a control plane that vanished.
fn xds_cluster(xds: &XdsAddress) -> Value {
    let XdsAddress { host, port } = xds;
    let endpoint = json!({ "endpoint": { "address": socket_address(&host.to_string(), *port) } });
    let limits = json!({
        "max_connections": 100_000,
        "max_pending_requests": 100_000,
        "max_requests": 100_000,
    });
    json!({
        "name": XDS_CLUSTER,
        "type": match host {
            Host::Address(_) => "STATIC",
            Host::Name(_) => "STRICT_DNS",
        },
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "1s",
        "load_assignment": { "cluster_name": XDS_CLUSTER, "endpoints": [{ "lb_endpoints": [endpoint] }] },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {
                    "connection_keepalive": { "interval": "30s", "timeout": "10s" },
                } },
            },
        },
        "upstream_connection_options": { "tcp_keepalive": { "keepalive_time": 300 } },
        "circuit_breakers": { "thresholds": [
            limits.clone(),
            { "priority": "HIGH", "max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000 },
        ] },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::{Bound, Captured, Patience};

    fn node_of(interception: Interception, http_proxy_port: Option<u16>) -> Value {
        let settings = Settings {
            control_plane: ControlPlane::Plaintext("127.0.0.1:15010".parse().unwrap()),
            identity: Identity::None,
            variant: Variant::Delta,
            workload: "web-0".to_owned(),
            namespace: "shop".to_owned(),
            address: "127.1.0.1".parse().unwrap(),
            interception,
            envoy: "envoy".into(),
            admin_address: "127.0.0.1:0".parse().unwrap(),
            status_address: "127.0.0.1:0".parse().unwrap(),
            metrics_address: None,
            concurrency: 1,
            envoy_log_level: "warn".to_owned(),
            patience: Patience {
                work: Duration::ZERO,
                idle: Duration::ZERO,
            },
        };
        let chosen = Chosen {
            admin: settings.admin_address,
            http_proxy_port,
            secrets: None,
        };
        let mut whole: Value = serde_json::from_str(&render(&settings, &chosen)).unwrap();
        whole["node"].take()
    }

    #[test]
    fn the_node_says_who_the_proxy_is_and_what_it_may_bind() {
        let bound = Bound {
            app: "127.0.0.1".parse().unwrap(),
            outbound: "127.0.0.2".parse().unwrap(),
            http_proxy_port: 0,
        };
        let version = version::NUMBER;
        assert_eq!(
            node_of(Interception::None(bound), Some(4321)),
            json!({
                "id": "sidecar~127.1.0.1~web-0.shop~shop.svc.cluster.local",
                "cluster": "web-0.shop",
                "metadata": {
                    "NAME": "web-0", "NAMESPACE": "shop", "INSTANCE_IPS": "127.1.0.1", "CLUSTER_ID": "Kubernetes",
                    "FERROMESH_VERSION": version, "FERROMESH_CERTIFICATES": "NONE", "INTERCEPTION_MODE": "NONE",
                    "FERROMESH_INBOUND_ADDRESS": "127.1.0.1", "FERROMESH_APP_ADDRESS": "127.0.0.1",
                    "FERROMESH_OUTBOUND_ADDRESS": "127.0.0.2", "FERROMESH_HTTP_PROXY_PORT": "4321",
                },
            })
        );
        for (captured, mode) in [
            (Captured::Redirect, "REDIRECT"),
            (Captured::Tproxy, "TPROXY"),
        ] {
            assert_eq!(
                node_of(Interception::Captured(captured), None)["metadata"],
                json!({
                    "NAME": "web-0", "NAMESPACE": "shop", "INSTANCE_IPS": "127.1.0.1", "CLUSTER_ID": "Kubernetes",
                    "FERROMESH_VERSION": version, "FERROMESH_CERTIFICATES": "NONE", "INTERCEPTION_MODE": mode,
                })
            );
        }
    }
}
