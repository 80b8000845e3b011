//! What the registry adds to the dialects: kinds, versions, metadata, hints.

use std::collections::BTreeSet;

use ferromesh_api::Object;
use ferromesh_dialects::support::{Status, fields, markdown};
use ferromesh_dialects::{default_units, kinds, lower};
use ferromesh_kube_source::yaml;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::Severity;
use ferromesh_mesh::unit::Unit;

fn unit(text: &str) -> Unit {
    let documents = yaml::read(text);
    assert_eq!(documents.faults, [], "{text}");
    let [document] = &documents.documents[..] else {
        panic!("one document: {text}")
    };
    lower(&Object::new(document.content.clone()).unwrap_or_else(|fault| panic!("{fault}: {text}")))
}

/// Each remark as `severity code path (hint)`.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let remarks: Vec<_> = unit(text)
        .diagnostics
        .into_iter()
        .map(|remark| {
            let severity = match remark.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            let hint = remark
                .hint
                .map(|hint| format!(" ({hint})"))
                .unwrap_or_default();
            format!("{severity} {} {}{hint}", remark.code, remark.path)
        })
        .collect();
    assert_eq!(remarks, expected, "{text}");
}

/// A VirtualService that is sound but for this rule.
fn rule(rule: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a, namespace: b}}\n\
         spec:\n  hosts: [a]\n  http:\n  - route: [{{destination: {{host: a}}}}]\n    {rule}\n"
    )
}

#[test]
fn kinds_and_versions_are_known_or_answered() {
    let object = |api_version: &str, kind: &str| {
        format!("{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: a}}}}")
    };
    for (api_version, kind, expected) in [
        (
            "networking.istio.io/v1",
            "Gateway",
            "warning no-effect-yet kind",
        ),
        (
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            "warning no-effect-yet kind",
        ),
        (
            "networking.istio.io/v1beta1",
            "ProxyConfig",
            "warning no-effect-yet kind",
        ),
        ("apps/v1", "Deployment", "info no-effect kind"),
        ("v1", "Endpoints", "info no-effect kind"),
        (
            "split.smi-spec.io/v1alpha1",
            "TrafficSplit",
            "warning unknown-kind kind",
        ),
        (
            "policy.linkerd.io/v1beta1",
            "Retry",
            "warning unknown-kind kind",
        ),
        (
            "networking.istio.io/v1",
            "VirtualServce",
            "warning unknown-kind kind (did you mean \"VirtualService\"?)",
        ),
        (
            "networking.istio.io/v1",
            "Service",
            "warning unknown-kind kind (did you mean apiVersion: v1?)",
        ),
        (
            "istio.io/v1",
            "Sidecar",
            "warning unknown-kind kind (did you mean apiVersion: networking.istio.io/v1?)",
        ),
        (
            "networking.istio.io/v1alpha2",
            "VirtualService",
            "error unserved-version apiVersion (write networking.istio.io/v1 or networking.istio.io/v1beta1 or networking.istio.io/v1alpha3)",
        ),
        ("v2", "Pod", "error unserved-version apiVersion (write v1)"),
        (
            "networking.istio.io/v1",
            "EnvoyFilter",
            "error unserved-version apiVersion (write networking.istio.io/v1alpha3)",
        ),
    ] {
        check(&object(api_version, kind), &[expected]);
    }
}

#[test]
fn an_unknown_field_comes_with_a_way_out() {
    check(&rule("timeout: 1s"), &[]);
    check(
        &rule("tiemout: 1s"),
        &["error unknown-field spec.http[0].tiemout (did you mean \"timeout\"?)"],
    );
    check(
        &rule("match: [{headers: {user-type: {exakt: a}}}]"),
        &[
            "error unknown-field spec.http[0].match[0].headers.user-type.exakt (did you mean \"exact\"?)",
        ],
    );
    check(
        &rule("match: [{headers: {\"a.b\": {prefx: a}}}]"),
        &[
            "error unknown-field spec.http[0].match[0].headers[\"a.b\"].prefx (did you mean \"prefix\"?)",
        ],
    );
    check(
        &rule("perTryTimeout: 1s"),
        &[
            "error unknown-field spec.http[0].perTryTimeout (\"perTryTimeout\" belongs to spec.http[].retries)",
        ],
    );
    check(
        &rule("retries: {attempts: 1, bananas: 1}"),
        &[
            "error unknown-field spec.http[0].retries.bananas (known here: attempts, backoff, perTryTimeout, retryIgnorePreviousHosts, retryOn, retryRemoteLocalities)",
        ],
    );
}

#[test]
fn a_text_without_quotes_comes_with_a_way_out() {
    for (value, hint) in [
        (
            "on",
            "write it in quotes: without, YAML reads y, yes, on, n, no and off as booleans",
        ),
        (
            "1",
            "write it in quotes: without, YAML reads it as a number",
        ),
    ] {
        let object = format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{selector: {{version: {value}}}, ports: [{{port: 80}}]}}}}"
        );
        check(
            &object,
            &[&format!("error wrong-type spec.selector.version ({hint})")],
        );
    }
}

#[test]
fn a_wrong_type_comes_with_a_way_out() {
    for (fields, expected) in [
        (
            "match: [{port: \"80\"}]",
            "spec.http[0].match[0].port (write it without quotes)",
        ),
        (
            "match: [{uri: /a}]",
            "spec.http[0].match[0].uri (write {exact: …}, {prefix: …} or {regex: …})",
        ),
        (
            "retries: 3",
            "spec.http[0].retries (its fields are attempts, backoff, perTryTimeout, \
             retryIgnorePreviousHosts, retryOn, retryRemoteLocalities)",
        ),
        (
            "match: {uri: {exact: /a}}",
            "spec.http[0].match (write [a, b], or each item on a line of its own after \"- \")",
        ),
    ] {
        check(&rule(fields), &[&format!("error wrong-type {expected}")]);
    }
    let balanced = |simple: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: a, namespace: b}}, \
             spec: {{host: a, trafficPolicy: {{loadBalancer: {{simple: {simple}}}}}}}}}"
        )
    };
    for (simple, meant) in [("ROUND", "ROUND_ROBIN"), ("RANDON", "RANDOM")] {
        let expected = format!(
            "error wrong-type spec.trafficPolicy.loadBalancer.simple (did you mean {meant:?}?)"
        );
        check(&balanced(simple), &[&expected]);
    }
}

#[test]
fn an_unknown_field_of_the_mesh_comes_with_a_way_out() {
    for (spec, expected) in [
        (
            "{acessLogFile: /dev/stdout}",
            "spec.acessLogFile (did you mean \"accessLogFile\"?)",
        ),
        (
            "{outboundTrafficPolicy: {mod: ALLOW_ANY}}",
            "spec.outboundTrafficPolicy.mod (did you mean \"mode\"?)",
        ),
        (
            "{meshMTLS: {minProtocolVersoin: TLSV1_3}}",
            "spec.meshMTLS.minProtocolVersoin (did you mean \"minProtocolVersion\"?)",
        ),
        (
            "{defaultConfig: {proxyMetdata: {}}}",
            "spec.defaultConfig.proxyMetdata (did you mean \"proxyMetadata\"?)",
        ),
        (
            "{extensionProviders: [{name: a, envoyExtAuthzHttp: {service: a, port: 1, failopen: true}}]}",
            "spec.extensionProviders[0].envoyExtAuthzHttp.failopen (did you mean \"failOpen\"?)",
        ),
    ] {
        let object = format!(
            "{{apiVersion: mesh.istio.io/v1alpha1, kind: MeshConfig, metadata: {{name: a}}, spec: {spec}}}"
        );
        check(&object, &[&format!("error unknown-field {expected}")]);
    }
}

#[test]
fn security_policies_come_with_a_way_out() {
    for (kind, spec, expected) in [
        (
            "AuthorizationPolicy",
            "{rules: [{from: [{source: {principal: [a]}}]}]}",
            &[
                "error unknown-field spec.rules[0].from[0].source.principal (did you mean \"principals\"?)",
                "error empty-block spec.rules[0].from[0].source (leave out the whole \"from\" to match every source)",
            ][..],
        ),
        (
            "AuthorizationPolicy",
            "{action: deny}",
            &["error wrong-type spec.action (did you mean \"DENY\"?)"],
        ),
        (
            "AuthorizationPolicy",
            "{rules: [{to: [{operation: {ports: [80]}}]}]}",
            &[
                "error wrong-type spec.rules[0].to[0].operation.ports[0] (write it in quotes: without, YAML reads it as a number)",
            ],
        ),
        (
            "PeerAuthentication",
            "{mtls: STRICT}",
            &["error wrong-type spec.mtls (its fields are mode)"],
        ),
        (
            "RequestAuthentication",
            "{jwtRules: [{issuer: 'https://a', jwksURI: 'https://b'}]}",
            &["error unknown-field spec.jwtRules[0].jwksURI (did you mean \"jwksUri\"?)"],
        ),
    ] {
        for version in ["v1", "v1beta1"] {
            let object = format!(
                "{{apiVersion: security.istio.io/{version}, kind: {kind}, metadata: {{name: a, namespace: b}}, spec: {spec}}}"
            );
            check(&object, expected);
        }
    }
}

/// A policy whose `spec` is mistyped is the strictest that it could be.
#[test]
fn a_lost_spec_opens_nothing() {
    for (kind, spec, facts) in [
        (
            "AuthorizationPolicy",
            "{action: DENY, rules: [{to: [{operation: {ports: ['80']}}]}]}",
            "action: Deny, enforcement: Enforced, rules: [Rule { sources: [], operations: [], conditions: [],",
        ),
        (
            "PeerAuthentication",
            "{mtls: {mode: STRICT}}",
            "mode: Mode(Strict)",
        ),
    ] {
        let text = format!(
            "{{apiVersion: security.istio.io/v1, kind: {kind}, metadata: {{name: a, namespace: b}}, specs: {spec}}}"
        );
        check(
            &text,
            &["error unknown-field specs (did you mean \"spec\"?)"],
        );
        let declarations = format!("{:?}", unit(&text).declarations);
        assert!(declarations.contains(facts), "{declarations}");
    }
}

#[test]
fn what_stands_around_the_spec_is_read_as_strictly() {
    let text = rule("timeout: 1s");
    check(
        &text.replace("namespace: b", "namespace: b, lables: {}"),
        &["error unknown-field metadata.lables (did you mean \"labels\"?)"],
    );
    check(
        &text.replace("spec:", "specs: {}\nspec:"),
        &["error unknown-field specs (did you mean \"spec\"?)"],
    );
    check(
        &text.replace(
            "namespace: b",
            "namespace: b, creationTimestamp: null, finalizers: [a], managedFields: []",
        ),
        &[],
    );
    check(
        "{apiVersion: v1, kind: Node, metadata: {name: a, namespace: b}}",
        &["error wrong-scope metadata.namespace"],
    );
}

#[test]
fn a_mesh_has_a_configuration_without_being_given_one() {
    let units = default_units();
    assert!(matches!(
        units
            .iter()
            .flat_map(|unit| &unit.declarations)
            .collect::<Vec<_>>()[..],
        [Declaration::MeshConfig(_)]
    ));
    assert!(units.iter().all(|unit| unit.diagnostics.is_empty()));
}

#[test]
fn every_leaf_has_a_status_and_every_rule_a_leaf() {
    assert_eq!(fields().count(), 730);
    let supported: BTreeSet<_> = fields()
        .filter(|field| field.status == Status::Supported)
        .map(|field| field.kind)
        .collect();
    let lowered = [
        "AuthorizationPolicy",
        "DestinationRule",
        "PeerAuthentication",
        "RequestAuthentication",
        "ServiceEntry",
        "Sidecar",
        "VirtualService",
        "WorkloadEntry",
    ];
    assert_eq!(supported, BTreeSet::from(lowered));
    for field in fields() {
        assert!(kinds::find(field.group, field.kind).is_some(), "{field:?}");
    }
    for rule in include_str!("../src/istio-support.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
    {
        let [kind, path, status, why] = rule.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four columns: {rule:?}")
        };
        assert!(
            fields().any(|field| field.kind == kind && field.path.starts_with(path)),
            "{rule:?}"
        );
        assert_eq!(status == "warned", !why.is_empty(), "{rule:?}");
    }
    assert_eq!(
        markdown()
            .lines()
            .filter(|line| line.starts_with("| `"))
            .count(),
        730
    );
}
