//! Rules of AuthorizationPolicies that are unsound, or match nothing.

use serde_json::json;

use super::authorization_policy::{EVERYTHING, check, check_rule};
use super::{lower, object};

/// Rules that admission refuses: an ALLOW goes without them.
#[test]
fn unsound_rules_allow_nothing_and_deny_everything() {
    for (rule, remarks) in [
        ("{from: []}", &["error empty-block spec.rules[0].from"][..]),
        ("{to: []}", &["error empty-block spec.rules[0].to"]),
        (
            "{from: [{}]}",
            &["error missing-field spec.rules[0].from[0].source"],
        ),
        (
            "{to: [{}]}",
            &["error missing-field spec.rules[0].to[0].operation"],
        ),
        (
            "{from: [{source: {}}]}",
            &["error empty-block spec.rules[0].from[0].source"],
        ),
        (
            "{from: [{source: {principals: []}}]}",
            &["error empty-block spec.rules[0].from[0].source"],
        ),
        (
            "{to: [{operation: {}}]}",
            &["error empty-block spec.rules[0].to[0].operation"],
        ),
        (
            "{from: [{source: {namespaces: ['']}}]}",
            &["error invalid-value spec.rules[0].from[0].source.namespaces[0]"],
        ),
        (
            "{from: [{source: {notIpBlocks: ['']}}]}",
            &["error invalid-value spec.rules[0].from[0].source.notIpBlocks[0]"],
        ),
        (
            "{from: [{source: {ipBlocks: [10.0.0.0/33, 10.0.0, a, 10.0.0.0/8]}}]}",
            &[
                "error invalid-value spec.rules[0].from[0].source.ipBlocks[0]",
                "error invalid-value spec.rules[0].from[0].source.ipBlocks[1]",
                "error invalid-value spec.rules[0].from[0].source.ipBlocks[2]",
            ],
        ),
        (
            "{from: [{source: {serviceAccounts: [a], notPrincipals: ['*']}}]}",
            &["error conflicting-fields spec.rules[0].from[0].source.serviceAccounts"],
        ),
        (
            "{from: [{source: {notServiceAccounts: [a], namespaces: [b]}}]}",
            &["error conflicting-fields spec.rules[0].from[0].source.notServiceAccounts"],
        ),
        (
            "{from: [{source: {serviceAccounts: ['a*', a/b/c, /a, a/]}}]}",
            &[
                "error invalid-value spec.rules[0].from[0].source.serviceAccounts[0]",
                "error invalid-value spec.rules[0].from[0].source.serviceAccounts[1]",
                "error invalid-value spec.rules[0].from[0].source.serviceAccounts[2]",
                "error invalid-value spec.rules[0].from[0].source.serviceAccounts[3]",
            ],
        ),
        (
            "{from: [{source: {serviceAccounts: [a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a]}}]}",
            &["error out-of-range spec.rules[0].from[0].source.serviceAccounts"],
        ),
        (
            "{from: [{source: {trustDomains: [a/b, 'a*b', '*a*']}}]}",
            &[
                "error invalid-value spec.rules[0].from[0].source.trustDomains[0]",
                "error invalid-value spec.rules[0].from[0].source.trustDomains[1]",
                "error invalid-value spec.rules[0].from[0].source.trustDomains[2]",
            ],
        ),
        (
            "{from: [{source: {namespaces: ['a*b']}}]}",
            &["error invalid-value spec.rules[0].from[0].source.namespaces[0]"],
        ),
        (
            "{from: [{source: {principal: [a]}}]}",
            &[
                "error unknown-field spec.rules[0].from[0].source.principal",
                "error empty-block spec.rules[0].from[0].source",
            ],
        ),
        (
            "{to: [{operation: {ports: ['80', http, '-1', '+1', '65536', '8 ']}}]}",
            &[
                "error invalid-value spec.rules[0].to[0].operation.ports[1]",
                "error invalid-value spec.rules[0].to[0].operation.ports[2]",
                "error invalid-value spec.rules[0].to[0].operation.ports[3]",
                "error invalid-value spec.rules[0].to[0].operation.ports[4]",
                "error invalid-value spec.rules[0].to[0].operation.ports[5]",
            ],
        ),
        (
            "{to: [{operation: {ports: [80]}}]}",
            &["error wrong-type spec.rules[0].to[0].operation.ports[0]"],
        ),
        (
            "{when: [{values: [a]}]}",
            &["error missing-field spec.rules[0].when[0].key"],
        ),
        (
            "{when: [{key: source.namespace}]}",
            &["error missing-field spec.rules[0].when[0]"],
        ),
        (
            "{when: [{key: source.ip, values: [a]}]}",
            &["error invalid-value spec.rules[0].when[0].values[0]"],
        ),
        (
            "{when: [{key: destination.port, notValues: [a]}]}",
            &["error invalid-value spec.rules[0].when[0].notValues[0]"],
        ),
        (
            "{when: [{key: 'request.headers[a]', values: ['']}]}",
            &["error invalid-value spec.rules[0].when[0].values[0]"],
        ),
        ("{whem: []}", &["error unknown-field spec.rules[0].whem"]),
        ("null", &["error wrong-type spec.rules[0]"]),
        ("5", &["error wrong-type spec.rules[0]"]),
    ] {
        check_rule(rule, &["action: Allow", "rules: []"], remarks);
        check(
            &format!("{{action: DENY, rules: [{rule}]}}"),
            &[EVERYTHING],
            remarks,
        );
        check(
            &format!("{{action: AUDIT, rules: [{rule}]}}"),
            &["action: Audit", "rules: []"],
            remarks,
        );
        check(
            &format!("{{action: CUSTOM, provider: {{name: p}}, rules: [{rule}]}}"),
            &[
                "action: Custom(\"p\")",
                "[Rule { sources: [], operations: [], conditions: [], ",
            ],
            &with_custom(remarks, rule),
        );
    }
}

/// What CUSTOM refuses besides.
fn with_custom<'a>(remarks: &[&'a str], rule: &str) -> Vec<&'a str> {
    const REFUSED: &str = "error unsupported-field spec.rules[0].from[0].source.";
    let mut all = remarks.to_vec();
    let refused: Vec<&'static str> = [
        ("notPrincipals:", "notPrincipals"),
        ("namespaces:", "namespaces"),
        ("notServiceAccounts:", "notServiceAccounts"),
        ("{serviceAccounts:", "serviceAccounts"),
        ("trustDomains:", "trustDomains"),
    ]
    .iter()
    .filter(|(text, _)| rule.contains(text))
    .map(|(_, field)| &*Box::leak(format!("{REFUSED}{field}").into_boxed_str()))
    .collect();
    // They are told before what else is wrong with the source.
    all.splice(0..0, refused);
    if rule.contains("key: source.namespace") {
        all.insert(0, "error unsupported-field spec.rules[0].when[0].key");
    }
    all
}

#[test]
fn unknown_attributes_come_with_a_way_out() {
    for (key, hint) in [
        ("request.header[a]", "did you mean \"request.headers[a]\"?"),
        ("request.headers", "write request.headers[NAME]"),
        ("request.headers[]", "write request.headers[NAME]"),
        ("request.headers[a][b]", "write request.headers[NAME]"),
        ("request.headers[a b]", "write request.headers[NAME]"),
        (
            "request.auth.claim",
            "did you mean \"request.auth.claims[NAME]\"?",
        ),
        ("request.auth.claims[a]x", "write request.auth.claims[NAME]"),
        ("request.auth.claims[a][", "write request.auth.claims[NAME]"),
        ("source.namespaces", "did you mean \"source.namespace\"?"),
        ("Source.ip", "did you mean \"source.ip\"?"),
        ("destination.labels[a]", "write selector.matchLabels"),
        (
            "destination.user",
            "select the workload by selector.matchLabels",
        ),
        (
            "destination.namespace",
            "the policy's own namespace says it",
        ),
    ] {
        let spec = json!({"rules": [{"when": [{"key": key, "values": ["a"]}]}]});
        let (_, remarks) = lower("AuthorizationPolicy", object("AuthorizationPolicy", spec));
        let [remark] = &remarks[..] else {
            panic!("{key}: {remarks:?}")
        };
        assert_eq!(&*remark.path, "spec.rules[0].when[0].key", "{key}");
        assert_eq!(remark.hint.as_deref(), Some(hint), "{key}");
    }
}

#[test]
fn custom_can_not_look_at_peers_and_tokens() {
    const REFUSED: &str = "error unsupported-field spec.rules[0]";
    for (rule, path) in [
        (
            "from: [{source: {principals: ['*']}}]",
            "from[0].source.principals",
        ),
        (
            "from: [{source: {notRequestPrincipals: [a]}}]",
            "from[0].source.notRequestPrincipals",
        ),
        (
            "from: [{source: {serviceAccounts: [a]}}]",
            "from[0].source.serviceAccounts",
        ),
        (
            "when: [{key: source.principal, values: ['*']}]",
            "when[0].key",
        ),
        (
            "when: [{key: source.trustDomain, values: ['*']}]",
            "when[0].key",
        ),
        (
            "when: [{key: source.serviceAccount, values: [a]}]",
            "when[0].key",
        ),
        (
            "when: [{key: request.auth.audiences, values: [a]}]",
            "when[0].key",
        ),
        (
            "when: [{key: 'request.auth.claims[a]', values: [a]}]",
            "when[0].key",
        ),
    ] {
        check(
            &format!("{{action: CUSTOM, provider: {{name: p}}, rules: [{{{rule}}}]}}"),
            &["rules: [Rule { sources: [], operations: [], conditions: [], "],
            &[&format!("{REFUSED}.{path}")],
        );
    }
    check(
        "{action: CUSTOM, provider: {name: p}, rules: [{from: [{source: {ipBlocks: [10.0.0.1]}}], when: [{key: 'request.headers[a]', values: [b]}]}]}",
        &["ip_blocks: Set { any_of: [10.0.0.1/32]"],
        &[],
    );
}

#[test]
fn values_that_match_nothing_are_told() {
    for (rule, remark) in [
        (
            "from: [{source: {principals: ['spiffe://td/ns/a/sa/b']}}]",
            "never-matches spec.rules[0].from[0].source.principals[0]",
        ),
        (
            "from: [{source: {principals: [frontend]}}]",
            "never-matches spec.rules[0].from[0].source.principals[0]",
        ),
        (
            "to: [{operation: {methods: [get]}}]",
            "never-matches spec.rules[0].to[0].operation.methods[0]",
        ),
        (
            "to: [{operation: {ports: ['0']}}]",
            "never-matches spec.rules[0].to[0].operation.ports[0]",
        ),
        (
            "to: [{operation: {hosts: ['a.*.com']}}]",
            "literal-wildcard spec.rules[0].to[0].operation.hosts[0]",
        ),
        (
            "to: [{operation: {methods: ['*E*']}}]",
            "literal-wildcard spec.rules[0].to[0].operation.methods[0]",
        ),
        (
            "from: [{source: {namespaces: [a], notNamespaces: ['*']}}]",
            "never-matches spec.rules[0].from",
        ),
        (
            "from: [{source: {ipBlocks: [10.1.0.0/16], notIpBlocks: [10.0.0.0/8]}}]",
            "never-matches spec.rules[0].from",
        ),
        (
            "from: [{source: {serviceAccounts: [a], notServiceAccounts: [shop/a]}}]",
            "never-matches spec.rules[0].from",
        ),
        (
            "to: [{operation: {methods: [GET, GE*], notMethods: ['G*']}}]",
            "never-matches spec.rules[0].to",
        ),
        (
            "to: [{operation: {paths: ['/a/{*}'], notPaths: ['*']}}]",
            "never-matches spec.rules[0].to",
        ),
        (
            "to: [{operation: {ports: ['1'], notPorts: ['1', '2']}}]",
            "never-matches spec.rules[0].to",
        ),
        (
            "when: [{key: source.namespace, values: [a], notValues: [a]}]",
            "never-matches spec.rules[0].when",
        ),
    ] {
        check_rule(
            &format!("{{{rule}}}"),
            &["rules: [Rule"],
            &[&format!("warning {remark}")],
        );
    }
    // One of two sources can match.
    check_rule(
        "{from: [{source: {namespaces: [a], notNamespaces: [a]}}, {source: {namespaces: [b]}}]}",
        &[],
        &[],
    );
    check_rule(
        "{to: [{operation: {methods: [GET, POST], notMethods: [GET]}}]}",
        &[],
        &[],
    );
}

/// Where there are no requests, such a rule refuses everything.
#[test]
fn a_deny_that_speaks_of_requests_only_is_told() {
    for (rule, field) in [
        ("to: [{operation: {methods: [GET]}}]", Some("to")),
        (
            "from: [{source: {principals: ['*']}}], to: [{operation: {methods: [GET]}}]",
            Some("to"),
        ),
        ("from: [{source: {requestPrincipals: ['*']}}]", Some("from")),
        ("to: [{operation: {methods: [GET], ports: ['80']}}]", None),
        (
            "to: [{operation: {methods: [GET]}}], when: [{key: destination.port, values: ['80']}]",
            None,
        ),
        ("from: [{source: {principals: ['*']}}]", None),
        ("from: [{source: {trustDomains: ['*']}}]", None),
        ("when: [{key: source.ip, values: [10.0.0.1]}]", None),
        ("", None),
    ] {
        let remark = field.map(|field| format!("warning denies-tcp spec.rules[0].{field}"));
        let remarks: Vec<_> = remark.iter().map(String::as_str).collect();
        check(
            &format!("{{action: DENY, rules: [{{{rule}}}]}}"),
            &["rules: [Rule"],
            &remarks,
        );
        check_rule(&format!("{{{rule}}}"), &["rules: [Rule"], &[]);
    }
}

/// `a.com` is closed, and `a.com:80` is not.
#[test]
fn a_closed_host_leaves_its_variants_open() {
    for (hosts, is_open) in [
        ("[a.com]", true),
        ("['*.a.com']", true),
        ("['a.com*']", false),
        ("[a.com, 'a.com*']", false),
        ("[a.com, 'a.com:*']", true),
        ("['*']", false),
    ] {
        let with = |field: &str| {
            let remark = format!("warning host-variants spec.rules[0].to[0].operation.{field}[0]");
            if is_open { vec![remark] } else { Vec::new() }
        };
        for (policy, remarks) in [
            (
                format!(
                    "{{action: DENY, rules: [{{to: [{{operation: {{hosts: {hosts}, ports: ['80']}}}}]}}]}}"
                ),
                with("hosts"),
            ),
            (
                format!("{{rules: [{{to: [{{operation: {{notHosts: {hosts}}}}}]}}]}}"),
                with("notHosts"),
            ),
            (
                format!("{{rules: [{{to: [{{operation: {{hosts: {hosts}}}}}]}}]}}"),
                Vec::new(),
            ),
        ] {
            let remarks: Vec<_> = remarks.iter().map(String::as_str).collect();
            check(&policy, &["rules: [Rule"], &remarks);
        }
    }
}
