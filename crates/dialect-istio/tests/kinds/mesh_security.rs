//! Identity, mutual TLS and authorization in MeshConfig.

use serde_json::{Value, json};

use super::{check_object, object};

const ROOT: &str = include_str!("root.pem");

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("MeshConfig", spec, facts, remarks);
}

#[track_caller]
fn check_json(spec: Value, facts: &[&str], remarks: &[&str]) {
    check_object("MeshConfig", object("MeshConfig", spec), facts, remarks);
}

#[test]
fn identity() {
    for (spec, facts, remarks) in [
        (
            "{trustDomain: td, trustDomainAliases: [z, old.td, td, z]}",
            &["trust_domain: td, trust_domain_aliases: [old.td, z]"][..],
            &[][..],
        ),
        (
            "{trustDomainAliases: [a_b, '', good]}",
            &["trust_domain_aliases: [good]"],
            &[
                "error invalid-trust-domain spec.trustDomainAliases[0]",
                "error invalid-trust-domain spec.trustDomainAliases[1]",
            ],
        ),
        ("{enableAutoMtls: false}", &["auto_mtls: Off"], &[]),
        ("{enableAutoMtls: true}", &["auto_mtls: On"], &[]),
        (
            "{enableAutoMtls: 'no'}",
            &["!MeshConfig"],
            &["error wrong-type spec.enableAutoMtls"],
        ),
    ] {
        check(spec, facts, remarks);
    }
}

#[test]
fn authorities() {
    let one = |written: Value| json!({"caCertificates": [written]});
    check_json(
        one(json!({"pem": ROOT, "trustDomains": ["other", "third"]})),
        &[
            "Authority { certificates: \"-----BEGIN CERTIFICATE-----",
            "trust_domains: [other, third]",
        ],
        &[],
    );
    check_json(one(json!({"pem": ROOT})), &["trust_domains: [] }]"], &[]);
    for (written, remarks) in [
        (
            json!({}),
            &["error missing-field spec.caCertificates[0].pem"][..],
        ),
        (
            json!({"pem": "x"}),
            &["error invalid-certificate spec.caCertificates[0].pem"],
        ),
        (
            json!({"pem": ROOT, "trustDomains": ["a/b"]}),
            &["error invalid-trust-domain spec.caCertificates[0].trustDomains[0]"],
        ),
        (
            json!({"spiffeBundleUrl": "https://a"}),
            &["warning no-effect-yet spec.caCertificates[0].spiffeBundleUrl"],
        ),
        (
            json!({"pem": ROOT, "spiffeBundleUrl": "https://a"}),
            &["error conflicting-fields spec.caCertificates[0].spiffeBundleUrl"],
        ),
        (json!(5), &["error wrong-type spec.caCertificates[0]"]),
    ] {
        check_json(one(written), &["authorities: []"], remarks);
    }
    check_json(
        one(json!({"pem": ROOT, "certSigners": ["a"]})),
        &["authorities: [Authority"],
        &["warning no-effect-yet spec.caCertificates[0].certSigners"],
    );
}

#[test]
fn parameters_of_tls() {
    for (spec, facts, remarks) in [
        (
            "{meshMTLS: {minProtocolVersion: TLSV1_3, cipherSuites: [ECDHE-ECDSA-AES128-GCM-SHA256]}}",
            &[
                "mesh_tls: TlsParameters { min_version: V1_3, cipher_suites: [\"ECDHE-ECDSA-AES128-GCM-SHA256\"], curves: [], compliance: Free }, outside_tls: TlsParameters { min_version: V1_2, cipher_suites: []",
            ][..],
            &[][..],
        ),
        (
            "{tlsDefaults: {minProtocolVersion: TLS_AUTO, ecdhCurves: [P-256, X25519]}}",
            &[
                "outside_tls: TlsParameters { min_version: V1_2, cipher_suites: [], curves: [\"P-256\", \"X25519\"]",
            ],
            &[],
        ),
        (
            "{tlsDefaults: {minProtocolVersion: TLSV1_2, ecdhCurves: [P-256, P256, P-224, P-256]}}",
            &["curves: [\"P-256\"]"],
            &[
                "error unknown-name spec.tlsDefaults.ecdhCurves[1]",
                "error unknown-name spec.tlsDefaults.ecdhCurves[2]",
                "warning no-effect spec.tlsDefaults.ecdhCurves[3]",
            ],
        ),
        (
            "{meshMTLS: {cipherSuites: [TLS_AES_128_GCM_SHA256, AES256-SHA]}}",
            &["cipher_suites: [\"AES256-SHA\"]"],
            &["error unknown-name spec.meshMTLS.cipherSuites[0]"],
        ),
        (
            "{meshMTLS: {minProtocolVersion: TLSV1_3, ecdhCurves: [P-256]}}",
            &["mesh_tls: TlsParameters { min_version: V1_3, cipher_suites: [], curves: []"],
            &["error unsupported-field spec.meshMTLS.ecdhCurves"],
        ),
        (
            "{meshMTLS: {minProtocolVersion: TLSV1_0}}",
            &["mesh_tls: TlsParameters { min_version: V1_3"],
            &["error wrong-type spec.meshMTLS.minProtocolVersion"],
        ),
        (
            "{defaultConfig: {proxyMetadata: {COMPLIANCE_POLICY: fips-140-2}}}",
            &[
                "curves: [], compliance: Fips }, outside_tls: TlsParameters { min_version: V1_2, cipher_suites: [], curves: [], compliance: Fips }",
            ],
            &[],
        ),
        (
            "{defaultConfig: {proxyMetadata: {COMPLIANCE_POLICY: fips-140-3, OTHER: x}, concurrency: 2}}",
            &["compliance: Fips"],
            &[
                "warning no-effect-yet spec.defaultConfig.concurrency",
                "warning no-effect-yet spec.defaultConfig.proxyMetadata.OTHER",
            ],
        ),
        (
            "{defaultConfig: {proxyMetadata: {COMPLIANCE_POLICY: ''}}}",
            &["compliance: Free"],
            &[],
        ),
        (
            "{defaultConfig: {proxyMetadata: {COMPLIANCE_POLICY: fips}, concurency: 2}}",
            &["compliance: Fips"],
            &[
                "error unknown-field spec.defaultConfig.concurency",
                "error unknown-value spec.defaultConfig.proxyMetadata.COMPLIANCE_POLICY",
            ],
        ),
    ] {
        check(spec, facts, remarks);
    }
}

#[test]
fn paths() {
    for (kind, fact) in [
        ("DEFAULT", "paths: Base"),
        ("NONE", "paths: None"),
        ("BASE", "paths: Base"),
        ("MERGE_SLASHES", "paths: MergeSlashes"),
        ("DECODE_AND_MERGE_SLASHES", "paths: DecodeAndMergeSlashes"),
    ] {
        check(
            &format!("{{pathNormalization: {{normalization: {kind}}}}}"),
            &[fact],
            &[],
        );
    }
    check("{pathNormalization: {}}", &["paths: Base"], &[]);
    check(
        "{pathNormalization: {normalization: ALL}}",
        &["paths: Base"],
        &["error wrong-type spec.pathNormalization.normalization"],
    );
}

#[test]
fn authorizers() {
    check(
        "
extensionProviders:
- name: http
  envoyExtAuthzHttp:
    service: shop/authz.example.com
    port: 8000
    timeout: 2s
    pathPrefix: /check
    failOpen: true
    clearRouteCache: true
    includeRequestHeadersInCheck: [Cookie, 'x-*', '*-id']
    includeAdditionalHeadersInCheck: {x-from: mesh}
    includeRequestBodyInCheck: {maxRequestBytes: 10, allowPartialMessage: true}
    headersToUpstreamOnAllow: [a]
    headersToDownstreamOnDeny: [b]
    headersToDownstreamOnAllow: [c]
- name: grpc
  envoyExtAuthzGrpc:
    service: authz.shop.svc.cluster.local
    port: 9000
    statusOnError: '503'
    includeRequestBodyInCheck: {maxRequestBytes: 20, packAsBytes: true}
- name: default
  envoyExtAuthzGrpc: {service: authz, port: 1}
",
        &[
            "\"http\": ExternalAuthorizer { service: ProviderService { namespace: Some(\"shop\"), host: \"authz.example.com\" }, port: 8000, timeout: 2s, failure: Allow, routing: Again, body: Some(AuthorizerBody { max_bytes: 10, partial: Cut, encoding: Text }), protocol: Http(HttpAuthorizer { path_prefix: \"/check\", request_headers: [Exact(\"cookie\"), Prefix(\"x-\"), Suffix(\"-id\")], added_headers: [(\"x-from\", \"mesh\")], upstream_headers: [Exact(\"a\")], allowed_headers: [Exact(\"c\")], denied_headers: [Exact(\"b\")] }) }",
            "\"grpc\": ExternalAuthorizer { service: ProviderService { namespace: None, host: \"authz.shop.svc.cluster.local\" }, port: 9000, timeout: 600s, failure: Refuse(503), routing: Keep, body: Some(AuthorizerBody { max_bytes: 20, partial: Refuse, encoding: Bytes }), protocol: Grpc }",
            "\"default\": ExternalAuthorizer { service: ProviderService { namespace: None, host: \"authz\" }, port: 1, timeout: 600s, failure: Refuse(403), routing: Keep, body: None, protocol: Grpc }",
        ],
        &[],
    );
}

#[test]
fn unsound_authorizers_are_left_out() {
    const AT: &str = "spec.extensionProviders[0].envoyExtAuthzHttp";
    for (fields, remarks) in [
        ("port: 80", &["error missing-field AT.service"][..]),
        (
            "service: a_b.c, port: 80",
            &["error invalid-host AT.service"],
        ),
        (
            "service: a/b/c, port: 80",
            &["error invalid-host AT.service"],
        ),
        (
            "service: '*/b.c', port: 80",
            &["error invalid-host AT.service"],
        ),
        ("service: a.b", &["error invalid-port AT.port"]),
        ("service: a.b, port: 65536", &["error invalid-port AT.port"]),
        (
            "service: a.b, port: 80, timeout: 0s",
            &["error invalid-duration AT.timeout"],
        ),
        (
            "service: a.b, port: 80, statusOnError: '600'",
            &["error invalid-status AT.statusOnError"],
        ),
        (
            "service: a.b, port: 80, statusOnError: no",
            &["error wrong-type AT.statusOnError"],
        ),
        (
            "service: a.b, port: 80, pathPrefix: a",
            &["error invalid-path AT.pathPrefix"],
        ),
        (
            "service: a.b, port: 80, pathPrefix: '/a?b'",
            &["error invalid-path AT.pathPrefix"],
        ),
        (
            "service: a.b, port: 80, includeRequestBodyInCheck: {}",
            &["error missing-field AT.includeRequestBodyInCheck.maxRequestBytes"],
        ),
        (
            "service: a.b, port: 80, headersToUpstreamOnAllow: ['*', 'a b', '', '*a*']",
            &[
                "error invalid-header AT.headersToUpstreamOnAllow[0]",
                "error invalid-header AT.headersToUpstreamOnAllow[1]",
                "error invalid-header AT.headersToUpstreamOnAllow[2]",
                "error invalid-header AT.headersToUpstreamOnAllow[3]",
            ],
        ),
        (
            "service: a.b, port: 80, includeAdditionalHeadersInCheck: {'a b': c, d: '%E'}",
            &[
                "error invalid-header AT.includeAdditionalHeadersInCheck.a b",
                "error invalid-header AT.includeAdditionalHeadersInCheck.d",
            ],
        ),
        (
            "service: a.b, port: 80, failopen: true",
            &["error unknown-field AT.failopen"],
        ),
    ] {
        let remarks: Vec<_> = remarks
            .iter()
            .map(|remark| remark.replace("AT", AT))
            .collect();
        let remarks: Vec<_> = remarks.iter().map(String::as_str).collect();
        let spec =
            format!("{{extensionProviders: [{{name: p, envoyExtAuthzHttp: {{{fields}}}}}]}}");
        check(&spec, &["authorizers: {}"], &remarks);
    }
}

#[test]
fn providers() {
    const OK: &str = "envoyExtAuthzGrpc: {service: a.b, port: 80}";
    for (list, facts, remarks) in [
        (
            format!("[{{{OK}}}]"),
            &["authorizers: {}"][..],
            &["error missing-field spec.extensionProviders[0].name"][..],
        ),
        (
            "[{name: a}]".to_owned(),
            &["authorizers: {}"],
            &["error missing-field spec.extensionProviders[0]"],
        ),
        (
            format!("[{{name: a, {OK}}}, {{name: a, {OK}}}, {{name: b, {OK}}}]"),
            &["authorizers: {\"b\""],
            &["error duplicate-provider spec.extensionProviders[1].name"],
        ),
        (
            format!("[{{name: a, {OK}, zipkin: {{}}}}]"),
            &["authorizers: {}"],
            &[
                "warning no-effect-yet spec.extensionProviders[0].zipkin",
                "error conflicting-fields spec.extensionProviders[0].envoyExtAuthzGrpc",
            ],
        ),
        (
            "[{name: a, opentelemetry: {service: a.b, port: 80}}]".to_owned(),
            &["authorizers: {}"],
            &["warning no-effect-yet spec.extensionProviders[0].opentelemetry"],
        ),
        (
            "[{name: a, envoyExtAuthzHttp: {service: a.b, port: 80, includeHeadersInCheck: [x]}}]"
                .to_owned(),
            &["request_headers: [Exact(\"x\")]"],
            &["warning deprecated-field spec.extensionProviders[0].envoyExtAuthzHttp.includeHeadersInCheck"],
        ),
        (
            "[{name: a, envoyExtAuthzHttp: {service: a.b, port: 80, includeHeadersInCheck: [x], includeRequestHeadersInCheck: [z]}}]"
                .to_owned(),
            &["request_headers: [Exact(\"z\")]"],
            &["warning no-effect spec.extensionProviders[0].envoyExtAuthzHttp.includeHeadersInCheck"],
        ),
        (
            "[{name: a, envoyExtAuthzHttp: {service: 10.0.0.1, port: 80, failOpen: true, statusOnError: '503', includeRequestBodyInCheck: {maxRequestBytes: 1, packAsBytes: true}}}]"
                .to_owned(),
            &["failure: Allow", "host: \"10.0.0.1\""],
            &[
                "warning no-effect spec.extensionProviders[0].envoyExtAuthzHttp.includeRequestBodyInCheck.packAsBytes",
                "warning no-effect spec.extensionProviders[0].envoyExtAuthzHttp.statusOnError",
            ],
        ),
    ] {
        check(&format!("{{extensionProviders: {list}}}"), facts, remarks);
    }
}
