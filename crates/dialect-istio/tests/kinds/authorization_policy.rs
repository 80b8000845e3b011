//! AuthorizationPolicy. What is wrong with rules is in `rules.rs`, paths are in `paths.rs`.

use serde_json::json;

use super::{check_object, lower, object};

/// What an unsound rule of a `DENY` becomes: everything is refused.
pub(super) const EVERYTHING: &str = "action: Deny, enforcement: Enforced, rules: [Rule { sources: [], operations: [], conditions: [], origin";

#[track_caller]
pub(super) fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("AuthorizationPolicy", spec, facts, remarks);
}

/// A rule of an ALLOW policy.
#[track_caller]
pub(super) fn check_rule(rule: &str, facts: &[&str], remarks: &[&str]) {
    check(&format!("{{rules: [{rule}]}}"), facts, remarks);
}

#[test]
fn what_is_written_nowhere_allows_nothing() {
    check(
        "{}",
        &[
            "AuthorizationPolicy { namespace: \"shop\", name: \"x\", selector: Selector({}), action: Allow, enforcement: Enforced, rules: [], age: Age { created: \"\", tie: \"x.shop\" }",
        ],
        &[],
    );
    check("{action: AUDIT}", &["action: Audit", "rules: []"], &[]);
}

#[test]
fn all_of_a_rule() {
    check(
        "
selector: {matchLabels: {app: web}}
action: DENY
rules:
- from:
  - source:
      principals: [td/ns/a/sa/b, 'td/*']
      notPrincipals: ['*/sa/c']
      requestPrincipals: ['*', 'https://issuer/*']
      notRequestPrincipals: [i/s]
      namespaces: [a, 'b*', '*c']
      notNamespaces: [d]
      trustDomains: [td, '*.td']
      notTrustDomains: [other]
      ipBlocks: [10.1.2.3, 10.1.2.3/16, '2001:db8::/32']
      notIpBlocks: [10.1.0.1]
      remoteIpBlocks: [192.0.2.0/24]
      notRemoteIpBlocks: [192.0.2.9]
  - source: {serviceAccounts: [own, other/acc], notServiceAccounts: [x]}
  to:
  - operation:
      hosts: [a.com*]
      notHosts: [c.com]
      ports: ['80', '8080']
      notPorts: ['81']
      methods: [GET, 'P*']
      notMethods: [POST]
      paths: ['/a*', '*/b', '/c/{*}/{**}']
      notPaths: ['/d']
",
        &[
            "selector: Selector({\"app\": \"web\"}), action: Deny, enforcement: Enforced",
            "principals: Set { any_of: [Exact(\"td/ns/a/sa/b\"), Prefix(\"td/\")], none_of: [Suffix(\"/sa/c\")] }",
            "request_principals: Set { any_of: [Present, Prefix(\"https://issuer/\")], none_of: [Exact(\"i/s\")] }",
            "namespaces: Set { any_of: [Exact(\"a\"), Prefix(\"b\"), Suffix(\"c\")], none_of: [Exact(\"d\")] }",
            "service_accounts: Set { any_of: [AccountMatch { namespace: \"shop\", account: \"own\" }, AccountMatch { namespace: \"other\", account: \"acc\" }], none_of: [AccountMatch { namespace: \"shop\", account: \"x\" }] }",
            "trust_domains: Set { any_of: [Exact(\"td\"), Suffix(\".td\")], none_of: [Exact(\"other\")] }",
            " ip_blocks: Set { any_of: [10.1.2.3/32, 10.1.0.0/16, 2001:db8::/32], none_of: [10.1.0.1/32] }",
            "remote_ip_blocks: Set { any_of: [192.0.2.0/24], none_of: [192.0.2.9/32] }",
            "hosts: Set { any_of: [Prefix(\"a.com\")], none_of: [Exact(\"c.com\")] }",
            "methods: Set { any_of: [Exact(\"GET\"), Prefix(\"P\")], none_of: [Exact(\"POST\")] }",
            "paths: Set { any_of: [Text(Prefix(\"/a\")), Text(Suffix(\"/b\")), Template(\"/c/{*}/{**}\")], none_of: [Text(Exact(\"/d\"))] }",
            "ports: Set { any_of: [80, 8080], none_of: [81] }",
        ],
        &[],
    );
}

#[test]
fn conditions() {
    for (key, value, fact) in [
        (
            "request.headers[X-Id]",
            "a*",
            "Text(Header(\"x-id\"), Set { any_of: [Prefix(\"a\")], none_of: [] })",
        ),
        (
            "request.headers[:authority]",
            "a",
            "Text(Header(\":authority\")",
        ),
        (
            "source.ip",
            "10.0.0.0/8",
            "Address(Source, Set { any_of: [10.0.0.0/8]",
        ),
        (
            "remote.ip",
            "10.0.0.1",
            "Address(Remote, Set { any_of: [10.0.0.1/32]",
        ),
        ("destination.ip", "10.0.0.1", "Address(Destination"),
        ("destination.port", "80", "Port(Set { any_of: [80]"),
        ("source.namespace", "a", "Text(Namespace"),
        (
            "source.principal",
            "td/ns/a/sa/b",
            "Text(Principal, Set { any_of: [Exact(\"td/ns/a/sa/b\")]",
        ),
        ("source.trustDomain", "td", "Text(TrustDomain"),
        (
            "source.serviceAccount",
            "a/b",
            "Account(Set { any_of: [AccountMatch { namespace: \"a\", account: \"b\" }]",
        ),
        (
            "request.auth.principal",
            "*",
            "Text(RequestPrincipal, Set { any_of: [Present]",
        ),
        ("request.auth.audiences", "a", "Text(Audiences"),
        ("request.auth.presenter", "a", "Text(Presenter"),
        (
            "request.auth.claims[a][b.c]",
            "d",
            "Text(Claim([\"a\", \"b.c\"]), Set { any_of: [Exact(\"d\")]",
        ),
        (
            "connection.sni",
            "*.com",
            "Text(ServerName, Set { any_of: [Suffix(\".com\")]",
        ),
        (
            "experimental.envoy.filters.network.mysql_proxy[db.table]",
            "[update*]",
            "Text(FilterMetadata(\"envoy.filters.network.mysql_proxy\", [\"db.table\"]), Set { any_of: [Prefix(\"update\")]",
        ),
    ] {
        check_rule(
            &format!("{{when: [{{key: '{key}', values: ['{value}']}}]}}"),
            &[fact],
            &[],
        );
        check_rule(
            &format!("{{when: [{{key: '{key}', notValues: ['{value}']}}]}}"),
            &["Set { any_of: [], none_of: ["],
            &[],
        );
    }
}

#[test]
fn a_sound_rule_stays_beside_an_unsound_one() {
    check(
        "{rules: [{from: []}, {to: [{operation: {methods: [GET]}}]}]}",
        &["rules: [Rule { sources: [], operations: [Operation {"],
        &["error empty-block spec.rules[0].from"],
    );
}

#[test]
fn actions_and_providers() {
    for (spec, facts, remarks) in [
        (
            "{action: CUSTOM, provider: {name: ext}, rules: [{}]}",
            &["action: Custom(\"ext\")"][..],
            &[][..],
        ),
        (
            "{action: CUSTOM, rules: [{to: [{operation: {methods: [GET]}}]}]}",
            &[EVERYTHING],
            &["error missing-field spec.provider.name"],
        ),
        (
            "{action: CUSTOM, provider: {name: ''}, rules: [{}]}",
            &[EVERYTHING],
            &["error missing-field spec.provider.name"],
        ),
        (
            "{action: CUSTOM, provider: {name: ext}}",
            &["action: Custom(\"ext\")", "rules: [Rule"],
            &["error missing-field spec.rules"],
        ),
        (
            "{action: DENY}",
            &[EVERYTHING],
            &["error missing-field spec.rules"],
        ),
        (
            "{action: DENY, rules: []}",
            &[EVERYTHING],
            &["error missing-field spec.rules"],
        ),
        (
            "{action: DENY, provider: {name: ext}, rules: [{to: [{operation: {ports: ['1']}}]}]}",
            &[EVERYTHING],
            &["error conflicting-fields spec.provider"],
        ),
        (
            "{provider: {name: ext}, rules: [{}]}",
            &["action: Allow", "rules: []"],
            &["error conflicting-fields spec.provider"],
        ),
        (
            "{action: DNEY, rules: [{to: [{operation: {ports: ['1']}}]}]}",
            &[EVERYTHING],
            &["error wrong-type spec.action"],
        ),
        (
            "{rule: [{}]}",
            &["action: Allow", "rules: []"],
            &["error unknown-field spec.rule"],
        ),
        (
            "{rules: {}}",
            &[EVERYTHING],
            &["error wrong-type spec.rules"],
        ),
        ("[]", &[EVERYTHING], &["error wrong-type spec"]),
    ] {
        check(spec, facts, remarks);
    }
}

/// A mistyped selector must not let the rules allow anything elsewhere.
#[test]
fn an_unsound_selector_allows_nothing() {
    for (selector, remark) in [
        (
            "{matchLabel: {app: a}}",
            "error unknown-field spec.selector.matchLabel",
        ),
        ("5", "error wrong-type spec.selector"),
        (
            "{matchLabels: {app: 'a*'}}",
            "error invalid-selector spec.selector.matchLabels.app",
        ),
        (
            "{matchLabels: {'': a}}",
            "error invalid-selector spec.selector.matchLabels.",
        ),
    ] {
        let (_, remarks) = lower(
            "AuthorizationPolicy",
            object(
                "AuthorizationPolicy",
                serde_saphyr::from_str(&format!("{{selector: {selector}, rules: [{{}}]}}"))
                    .unwrap(),
            ),
        );
        let summary = super::summary(&remarks);
        assert!(summary.contains(&remark.to_owned()), "{summary:?}");
        let all: Vec<_> = summary.iter().map(String::as_str).collect();
        check(
            &format!("{{selector: {selector}, rules: [{{}}]}}"),
            &["action: Allow", "rules: []"],
            &all,
        );
        check(
            &format!(
                "{{selector: {selector}, action: DENY, rules: [{{to: [{{operation: {{ports: ['1']}}}}]}}]}}"
            ),
            &[EVERYTHING],
            &all,
        );
    }
    check(
        "{selector: {}, rules: [{}]}",
        &["selector: Selector({})", "rules: [Rule"],
        &["warning empty-selector spec.selector.matchLabels"],
    );
}

#[test]
fn a_policy_of_a_gateway_concerns_no_sidecar() {
    for (spec, facts, remarks) in [
        (
            "{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: g}], rules: [{}]}",
            &["!Authorization"][..],
            &["warning no-effect-yet spec.targetRefs"][..],
        ),
        (
            "{targetRef: {kind: Service, name: s}, rules: [{}]}",
            &["!Authorization"],
            &[
                "warning deprecated-field spec.targetRef",
                "warning no-effect-yet spec.targetRef",
            ],
        ),
        (
            "{targetRefs: [{kind: Pod, name: s}, {kind: ServiceEntry, group: networking.istio.io, namespace: b}]}",
            &["!Authorization"],
            &[
                "error invalid-target spec.targetRefs[0].kind",
                "error missing-field spec.targetRefs[1].name",
                "error unsupported-field spec.targetRefs[1].namespace",
                "warning no-effect-yet spec.targetRefs",
            ],
        ),
        (
            "{targetRef: {kind: Service, name: s}, targetRefs: [{kind: Service, name: s, group: core}]}",
            &["!Authorization"],
            &[
                "warning deprecated-field spec.targetRef",
                "error conflicting-fields spec.targetRefs",
                "warning no-effect-yet spec.targetRefs",
            ],
        ),
        (
            "{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, name: s}], rules: [{}]}",
            &["Selector({\"a\": \"b\"})", "rules: []"],
            &["error conflicting-fields spec.targetRefs"],
        ),
    ] {
        check(spec, facts, remarks);
    }
}

#[test]
fn a_policy_is_tried_without_effect() {
    for (value, enforcement, remarks) in [
        ("true", "DryRun", &[][..]),
        ("T", "DryRun", &[]),
        ("1", "DryRun", &[]),
        ("false", "Enforced", &[]),
        ("0", "Enforced", &[]),
        (
            "yes",
            "Enforced",
            &["error invalid-annotation metadata.annotations[\"istio.io/dry-run\"]"],
        ),
    ] {
        let mut content = object(
            "AuthorizationPolicy",
            json!({"action": "DENY", "rules": [{}]}),
        );
        content["metadata"]["annotations"] = json!({"istio.io/dry-run": value});
        check_object(
            "AuthorizationPolicy",
            content,
            &[&format!("enforcement: {enforcement}")],
            remarks,
        );
    }
}
