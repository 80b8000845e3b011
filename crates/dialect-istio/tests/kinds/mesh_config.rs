//! MeshConfig.

use std::sync::Arc;

use ferromesh_dialect_istio::mesh_config::default_mesh_config;
use ferromesh_mesh::decl::Declaration;
use serde_json::{Value, json};

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("MeshConfig", spec, facts, remarks);
}

#[test]
fn an_empty_document_says_istios_defaults() {
    for spec in [Value::Null, json!({})] {
        let (declarations, remarks) = super::lower("MeshConfig", super::object("MeshConfig", spec));
        assert_eq!(remarks, []);
        assert_eq!(
            declarations,
            [Declaration::MeshConfig(Arc::new(default_mesh_config()))]
        );
    }
    check(
        "{}",
        &[
            "outbound: AllowAny",
            "attempts: 2",
            "connect_timeout: 10s, tcp_keepalive: None, service_export: All, routes_export: All, policies_export: All, protocol_detection_timeout: 0ns, access_log: Off, root_namespace: \"istio-system\", locality: Nearest { failover: [] }, dns_refresh: 60s, security: MeshSecurity { trust_domain: cluster.local, trust_domain_aliases: []",
        ],
        &[],
    );
}

#[test]
fn fields() {
    for (spec, facts, remarks) in [
        (
            "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}",
            &["outbound: RegistryOnly"][..],
            &[][..],
        ),
        (
            "{outboundTrafficPolicy: {}}",
            &["outbound: RegistryOnly"],
            &[],
        ),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY}}",
            &["outbound: AllowAny"],
            &[],
        ),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS, tls: {}}}",
            &["outbound: AllowAny"],
            &[
                "warning no-effect-yet spec.outboundTrafficPolicy.tls",
                "warning no-effect-yet spec.outboundTrafficPolicy.mode",
            ],
        ),
        (
            "{outboundTrafficPolicy: {mode: ANY}}",
            &["outbound: AllowAny"],
            &["error wrong-type spec.outboundTrafficPolicy.mode"],
        ),
        (
            "{defaultHttpRetryPolicy: {attempts: 0}}",
            &["default_retry: None"],
            &[],
        ),
        (
            "{defaultHttpRetryPolicy: {attempts: 7, retryOn: 5xx}}",
            &["attempts: 7", "\"5xx\""],
            &[],
        ),
        ("{connectTimeout: 1s}", &["connect_timeout: 1s"], &[]),
        (
            "{connectTimeout: 61m}",
            &["connect_timeout: 10s"],
            &["error invalid-duration spec.connectTimeout"],
        ),
        (
            "{connectTimeout: 0s}",
            &["connect_timeout: 10s"],
            &["error invalid-duration spec.connectTimeout"],
        ),
        (
            "{protocolDetectionTimeout: 100ms}",
            &["protocol_detection_timeout: 100ms"],
            &[],
        ),
        (
            "{protocolDetectionTimeout: 0s}",
            &["protocol_detection_timeout: 0ns"],
            &[],
        ),
        (
            "{protocolDetectionTimeout: 1us}",
            &[],
            &["error invalid-duration spec.protocolDetectionTimeout"],
        ),
        ("{dnsRefreshRate: 5s}", &["dns_refresh: 5s"], &[]),
        (
            "{dnsRefreshRate: 1ms}",
            &["dns_refresh: 60s"],
            &["error invalid-duration spec.dnsRefreshRate"],
        ),
        ("{tcpKeepalive: {time: 5s}}", &["time: Some(5s)"], &[]),
        (
            "{localityLbSetting: {enabled: false}}",
            &["locality: Ignored"],
            &[],
        ),
        (
            "{localityLbSetting: {failover: [{from: a, to: b}]}}",
            &["(\"a\", \"b\")"],
            &[],
        ),
        ("{rootNamespace: root}", &["root_namespace: \"root\""], &[]),
        (
            "{trustDomain: example.com}",
            &["trust_domain: example.com"],
            &[],
        ),
        (
            "{trustDomain: ''}",
            &["trust_domain: cluster.local"],
            &["error invalid-trust-domain spec.trustDomain"],
        ),
        (
            "{defaultServiceExportTo: [.]}",
            &["service_export: Own"],
            &[],
        ),
        (
            "{defaultVirtualServiceExportTo: [a, b]}",
            &["routes_export: Only({\"a\", \"b\"})"],
            &[],
        ),
        (
            "{defaultDestinationRuleExportTo: ['~']}",
            &["policies_export: Only({})"],
            &[],
        ),
        (
            "{defaultServiceExportTo: ['*', a]}",
            &["service_export: All"],
            &[],
        ),
        (
            "{defaultServiceExportTo: [., a, a_b]}",
            &["service_export: Only({\"a\"})"],
            &[
                "warning no-effect-yet spec.defaultServiceExportTo[0]",
                "error invalid-export spec.defaultServiceExportTo[2]",
            ],
        ),
        (
            "{mixerAddress: x}",
            &["MeshConfig"],
            &["error unknown-field spec.mixerAddress"],
        ),
        ("[]", &["!MeshConfig"], &["error wrong-type spec"]),
    ] {
        check(spec, facts, remarks);
    }
}

#[test]
fn access_logs() {
    for (spec, facts, remarks) in [
        (
            "{accessLogFile: /dev/stdout}",
            &["File { path: \"/dev/stdout\", format: DefaultText }"][..],
            &[][..],
        ),
        (
            "{accessLogFile: /a, accessLogEncoding: JSON}",
            &["format: DefaultJson"],
            &[],
        ),
        (
            "{accessLogFile: /a, accessLogFormat: '%X%'}",
            &["format: Text(\"%X%\\n\")"],
            &[],
        ),
        (
            "{accessLogFile: /a, accessLogFormat: \"x\\n\"}",
            &["format: Text(\"x\\n\")"],
            &[],
        ),
        (
            "{accessLogFile: /a, accessLogEncoding: JSON, accessLogFormat: '{\"b\": \"%B%\", \"a\": 1, \"c\": {}}'}",
            &["format: Json([(\"b\", \"%B%\"), (\"a\", \"1\")])"],
            &["warning no-effect-yet spec.accessLogFormat"],
        ),
        (
            "{accessLogFile: /a, accessLogEncoding: JSON, accessLogFormat: '%X%'}",
            &["format: DefaultJson"],
            &["warning invalid-access-log-format spec.accessLogFormat"],
        ),
        (
            "{accessLogFormat: x}",
            &["access_log: Off"],
            &["warning no-effect spec.accessLogFormat"],
        ),
    ] {
        check(spec, facts, remarks);
    }
}

#[test]
fn fields_without_effect_yet_are_named() {
    let names = [
        "ca",
        "certificates",
        "configSources",
        "defaultProviders",
        "defaultTrafficPolicy",
        "disableEnvoyListenerLog",
        "enableEnvoyAccessLogService",
        "enablePrometheusMerge",
        "enableTracing",
        "h2UpgradePolicy",
        "hboneIdleTimeout",
        "inboundClusterStatName",
        "inboundTrafficPolicy",
        "ingressClass",
        "ingressControllerMode",
        "ingressSelector",
        "ingressService",
        "outboundClusterStatName",
        "proxyHttpPort",
        "proxyInboundListenPort",
        "proxyListenPort",
        "serviceEntryVisibility",
        "serviceScopeConfigs",
        "serviceSettings",
        "verifyCertificateAtClient",
        "zoneAwareLbSetting",
    ];
    for name in names {
        let spec = json!({ name: {"anything": [1]} });
        let (declarations, remarks) = super::lower("MeshConfig", super::object("MeshConfig", spec));
        let expected = format!("warning no-effect-yet spec.{name}");
        assert_eq!(super::summary(&remarks), [expected]);
        assert_eq!(
            declarations,
            [Declaration::MeshConfig(Arc::new(default_mesh_config()))]
        );
    }
}

#[test]
fn selectors_of_namespaces_are_for_clusters() {
    let spec = json!({ "discoverySelectors": [{"matchLabels": {"team": "a"}}] });
    let (_, remarks) = super::lower("MeshConfig", super::object("MeshConfig", spec));
    let expected = "info no-effect-in-a-directory spec.discoverySelectors";
    assert_eq!(super::summary(&remarks), [expected]);
}
