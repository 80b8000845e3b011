//! Security policies that nobody foresaw: lowering answers all of them, and what it refuses is
//! never weaker than what its author may have meant.

use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::Severity;
use ferromesh_mesh::policy::authorization::Action;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::policy::mtls::{MtlsMode, MtlsSetting};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{lower, object};

/// Names of fields, at whatever place.
const FIELDS: &[&str] = &[
    "selector",
    "matchLabels",
    "targetRef",
    "targetRefs",
    "group",
    "kind",
    "name",
    "namespace",
    "action",
    "provider",
    "rules",
    "from",
    "to",
    "when",
    "source",
    "operation",
    "key",
    "values",
    "notValues",
    "principals",
    "notPrincipals",
    "requestPrincipals",
    "namespaces",
    "serviceAccounts",
    "trustDomains",
    "ipBlocks",
    "notRemoteIpBlocks",
    "hosts",
    "ports",
    "methods",
    "paths",
    "notPaths",
    "mtls",
    "mode",
    "portLevelMtls",
    "80",
    "0",
    "jwtRules",
    "issuer",
    "audiences",
    "jwks",
    "jwksUri",
    "jwks_uri",
    "fromHeaders",
    "prefix",
    "fromParams",
    "fromCookies",
    "outputPayloadToHeader",
    "outputClaimToHeaders",
    "header",
    "claim",
    "spaceDelimitedClaims",
    "forwardOriginalToken",
    "timeout",
    "x",
];

/// Texts that mean something somewhere.
const TEXTS: &[&str] = &[
    "",
    "*",
    "**",
    "a*",
    "*a",
    "a*b",
    "/",
    "/a",
    "/a/{*}",
    "/{**}/a",
    "{",
    "}",
    "/{*}{**}",
    "GET",
    "ALLOW",
    "DENY",
    "AUDIT",
    "CUSTOM",
    "STRICT",
    "DISABLE",
    "UNSET",
    "80",
    "0",
    "-1",
    "65536",
    "10.0.0.0/8",
    "::/0",
    "10.0.0.1/99",
    "td/ns/a/sa/b",
    "a/b",
    "/",
    "a/",
    "request.headers[a]",
    "request.headers[",
    "request.headers[]",
    "request.auth.claims[a][b]",
    "request.auth.claims][",
    "source.ip",
    "source.serviceAccount",
    "destination.port",
    "experimental.envoy.filters.a[b]",
    "experimental.envoy.filters.",
    "[",
    "[]",
    "[a]",
    "https://i",
    "https://",
    "http://a@b",
    "http://[::1]:1",
    "http://a:",
    "{\"keys\":[]}",
    "{\"keys\":[{\"kty\":\"oct\"}]}",
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
    "1s",
    "1ns",
    "é",
    "\0",
    "\u{10ffff}",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => proptest::sample::select(TEXTS).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let field = proptest::sample::select(FIELDS).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((field, inner), 0..6)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn texts() -> impl Strategy<Value = Value> {
    proptest::collection::vec(text(), 1..3).prop_map(Value::from)
}

/// A mapping of some of these fields, mostly of the right type.
fn fields(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let value = prop_oneof![19 => texts(), 1 => anything()];
    let field = (proptest::sample::select(names), value);
    proptest::collection::vec(field, 1..4).prop_map(|fields| {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::from(fields.collect::<Map<_, _>>())
    })
}

/// A rule in the form of one.
fn rule() -> impl Strategy<Value = Value> {
    const SOURCE: &[&str] = &[
        "principals",
        "notPrincipals",
        "requestPrincipals",
        "notRequestPrincipals",
        "namespaces",
        "notNamespaces",
        "serviceAccounts",
        "notServiceAccounts",
        "trustDomains",
        "notTrustDomains",
        "ipBlocks",
        "notIpBlocks",
        "remoteIpBlocks",
        "notRemoteIpBlocks",
    ];
    const OPERATION: &[&str] = &[
        "hosts",
        "notHosts",
        "ports",
        "notPorts",
        "methods",
        "notMethods",
        "paths",
        "notPaths",
    ];
    let condition = (text(), texts(), any::<bool>()).prop_map(|(key, values, positive)| {
        let field = if positive { "values" } else { "notValues" };
        json!({"key": key, field: values})
    });
    let (source, operation) = (fields(SOURCE), fields(OPERATION));
    (source, operation, condition, 1..8_u8).prop_map(|(source, operation, condition, parts)| {
        let mut rule = json!({});
        for (bit, field, part) in [
            (1, "from", json!([{"source": source}])),
            (2, "to", json!([{"operation": operation}])),
            (4, "when", json!([condition])),
        ] {
            if parts & bit != 0 {
                rule[field] = part;
            }
        }
        rule
    })
}

fn policy() -> impl Strategy<Value = Value> {
    let action = proptest::sample::select(vec!["ALLOW", "DENY", "AUDIT", "CUSTOM"]);
    let rules = proptest::collection::vec(prop_oneof![9 => rule(), 1 => anything()], 0..4);
    (action, rules).prop_map(|(action, rules)| {
        let mut spec = json!({"action": action, "rules": rules});
        if action == "CUSTOM" {
            spec["provider"] = json!({"name": "ext"});
        }
        spec
    })
}

/// Lowers a spec: the declarations, and whether admission would refuse it.
fn lowered(kind: &str, spec: Value) -> (Vec<Declaration>, bool) {
    let (declarations, remarks) = lower(kind, object(kind, spec));
    let refused = remarks
        .iter()
        .any(|remark| remark.severity == Severity::Error);
    (declarations, refused)
}

/// A refused `DENY` or `CUSTOM` concerns everything; a refused `ALLOW` has fewer rules than were
/// written.
fn check_policy(spec: Value) -> Result<(), TestCaseError> {
    let written = spec["rules"].as_array().map_or(0, Vec::len);
    let action = spec["action"].clone();
    let (declarations, refused) = lowered("AuthorizationPolicy", spec);
    for declaration in &declarations {
        let Declaration::Authorization(policy) = declaration else {
            prop_assert!(false, "{declaration:?}");
            continue;
        };
        let everything = policy.rules.iter().any(|rule| {
            rule.sources.is_empty() && rule.operations.is_empty() && rule.conditions.is_empty()
        });
        if refused && action != json!("AUDIT") {
            match policy.action {
                Action::Deny | Action::Custom(_) => prop_assert!(everything, "{policy:?}"),
                Action::Allow => prop_assert!(policy.rules.len() < written.max(1), "{policy:?}"),
                Action::Audit => {}
            }
        }
        if !refused {
            prop_assert_eq!(policy.rules.len(), written);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_authorization_policy(spec in anything()) {
        check_policy(spec)?;
    }

    #[test]
    fn any_rule(spec in policy()) {
        check_policy(spec)?;
    }

    #[test]
    fn any_peer_authentication(spec in anything()) {
        let (declarations, refused) = lowered("PeerAuthentication", spec);
        let [Declaration::PeerAuthentication(policy)] = &declarations[..] else {
            return Err(TestCaseError::fail(format!("{declarations:?}")));
        };
        if refused {
            prop_assert_eq!(policy.mode, MtlsSetting::Mode(MtlsMode::Strict));
            prop_assert!(policy.ports.is_empty());
        }
    }

    #[test]
    fn any_request_authentication(spec in anything()) {
        lowered("RequestAuthentication", spec);
    }

    #[test]
    fn any_token_rule(rule in fields(&[
        "issuer", "audiences", "jwks", "jwksUri", "jwks_uri", "fromHeaders", "fromParams",
        "fromCookies", "outputPayloadToHeader", "outputClaimToHeaders", "spaceDelimitedClaims",
        "forwardOriginalToken", "timeout",
    ]), issuer in text()) {
        let mut rule = rule;
        rule["issuer"] = json!(issuer);
        let (declarations, refused) = lowered("RequestAuthentication", json!({"jwtRules": [rule]}));
        let [Declaration::RequestAuthentication(policy)] = &declarations[..] else {
            return Err(TestCaseError::fail(format!("{declarations:?}")));
        };
        prop_assert_eq!(policy.rules.is_empty(), issuer.is_empty());
        for rule in &policy.rules {
            prop_assert!(!refused || rule.keys == KeySource::Nobody, "{:?}", rule);
        }
    }
}
