//! RequestAuthentication.

use super::{lower, object};

#[track_caller]
fn check(spec: &str, facts: &[&str], remarks: &[&str]) {
    super::check("RequestAuthentication", spec, facts, remarks);
}

/// One rule of the issuer `https://i`, with further fields.
#[track_caller]
fn check_rule(fields: &str, facts: &[&str], remarks: &[&str]) {
    check(
        &format!("{{jwtRules: [{{issuer: 'https://i', {fields}}}]}}"),
        facts,
        remarks,
    );
}

const NOBODY: &str = "issuer: \"https://i\", audiences: [], keys: Nobody";

#[test]
fn all_of_a_rule() {
    check(
        "
selector: {matchLabels: {app: web}}
jwtRules:
- issuer: me@example.com
  audiences: [a, b]
  jwksUri: https://keys.example.com/keys
  fromHeaders: [{name: X-Token, prefix: 'Token '}]
  fromParams: [token]
  fromCookies: [session]
  outputPayloadToHeader: x-payload
  outputClaimToHeaders: [{header: x-sub, claim: sub}, {header: x_a, claim: a.b}]
  spaceDelimitedClaims: [roles]
  forwardOriginalToken: true
  timeout: 7s
",
        &[
            "RequestAuthentication { namespace: \"shop\", name: \"x\", selector: Selector({\"app\": \"web\"}), rules: [JwtRule { issuer: \"me@example.com\", audiences: [\"a\", \"b\"], keys: Uri(\"https://keys.example.com/keys\"), places: [Header(\"X-Token\", \"Token \"), Parameter(\"token\"), Cookie(\"session\")], payload_header: \"x-payload\", claim_headers: [ClaimHeader { header: \"x-sub\", claim: \"sub\" }, ClaimHeader { header: \"x_a\", claim: \"a.b\" }], space_delimited_claims: [\"roles\"], forwarding: Forward, fetch_timeout: 7s",
        ],
        &[],
    );
    check("{}", &["rules: []"], &[]);
}

#[test]
fn whose_keys() {
    for (fields, facts, remarks) in [
        (
            "",
            &[
                "keys: Issuer(\"https://i\"), places: [], payload_header: \"\", claim_headers: [], space_delimited_claims: [], forwarding: Remove, fetch_timeout: 5s",
            ][..],
            &[][..],
        ),
        (
            "jwksUri: 'http://k:8080/'",
            &["keys: Uri(\"http://k:8080/\")"],
            &[],
        ),
        ("jwks_uri: 'http://k'", &["keys: Uri(\"http://k\")"], &[]),
        (
            "jwks: '{}', jwksUri: 'http://k'",
            &[NOBODY],
            &[
                "error conflicting-fields spec.jwtRules[0].jwksUri",
                "error invalid-keys spec.jwtRules[0].jwks",
            ],
        ),
        (
            "jwksUri: 'http://k', jwks_uri: 'http://k'",
            &[NOBODY],
            &["error conflicting-fields spec.jwtRules[0].jwks_uri"],
        ),
        (
            "jwksUri: 'file:///k'",
            &[NOBODY],
            &["error invalid-url spec.jwtRules[0].jwksUri"],
        ),
        (
            "jwksUri: 'https://user:password@k'",
            &[NOBODY],
            &["error invalid-url spec.jwtRules[0].jwksUri"],
        ),
        (
            "jwks_uri: k",
            &[NOBODY],
            &["error invalid-url spec.jwtRules[0].jwks_uri"],
        ),
    ] {
        check_rule(fields, facts, remarks);
    }
    check(
        "{jwtRules: [{issuer: me@example.com}]}",
        &["keys: Nobody"],
        &["warning missing-keys spec.jwtRules[0].issuer"],
    );
}

#[test]
fn inline_keys() {
    const RSA: &str = r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#;
    const AT: &str = "spec.jwtRules[0].jwks";
    let set = |keys: &str| format!("jwks: '{{\"keys\": [{keys}]}}'");
    let error = format!("error invalid-keys {AT}");
    let unusable = format!("warning unusable-key {AT}");
    check_rule(
        &set(RSA),
        &[
            r#"keys: Inline("{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}")"#,
        ],
        &[],
    );
    for key in [
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"AA","use":"sig"}"#,
    ] {
        check_rule(&set(key), &["keys: Inline"], &[]);
    }
    for key in [
        "5",
        "{}",
        r#"{"kty":"XYZ"}"#,
        r#"{"kty":"RSA","n":"AQAB"}"#,
        r#"{"kty":"RSA","n":"A+AB","e":"AQAB"}"#,
        r#"{"kty":"RSA","n":"A","e":"AQAB"}"#,
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB","use":"enc"}"#,
        r#"{"kty":"EC","crv":"P-192","x":"AA","y":"AA"}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
    ] {
        check_rule(&set(key), &[NOBODY], &[&unusable, &error]);
        // Another key still verifies tokens.
        check_rule(
            &set(&format!("{key}, {RSA}")),
            &["keys: Inline(\"{\\\"keys\\\":[{\\\"kty\\\":\\\"RSA\\\",\\\"kid\\\":\\\"a\\\""],
            &[&unusable],
        );
    }
    for text in [
        "'[]'",
        "'{'",
        "'{\"keys\": {}}'",
        "'{\"keys\": []}'",
        "'{\"Keys\": []}'",
    ] {
        check_rule(&format!("jwks: {text}"), &[NOBODY], &[&error]);
    }
    // A shared secret is refused even beside sound keys.
    let secret = r#"{"kty":"oct","k":"c2VjcmV0"}"#;
    check_rule(&set(&format!("{RSA}, {secret}")), &[NOBODY], &[&error]);
    check_rule(
        "jwks: 5",
        &[NOBODY],
        &["error wrong-type spec.jwtRules[0].jwks"],
    );
}

/// The private half of a key is told, and goes no further.
#[test]
fn private_keys_stay_here() {
    check_rule(
        r#"jwks: '{"keys": [{"kty":"RSA","n":"AQAB","e":"AQAB","d":"c2VjcmV0","p":"cA"}]}'"#,
        &["keys: Inline", "!c2VjcmV0", "!cA"],
        &["warning private-key spec.jwtRules[0].jwks"],
    );
    let spec = r#"{"jwtRules": [{"issuer": "https://i", "jwks": "{\"k\": c2VjcmV0"}]}"#;
    let spec = serde_json::from_str(spec).unwrap();
    let (_, remarks) = lower(
        "RequestAuthentication",
        object("RequestAuthentication", spec),
    );
    assert!(!format!("{remarks:?}").contains("c2VjcmV0"), "{remarks:?}");
    let spec = r#"{"jwtRules": [{"issuer": "https://i", "jwksUri": "https://u:c2VjcmV0@k"}]}"#;
    let spec = serde_json::from_str(spec).unwrap();
    let (_, remarks) = lower(
        "RequestAuthentication",
        object("RequestAuthentication", spec),
    );
    assert!(!format!("{remarks:?}").contains("c2VjcmV0"), "{remarks:?}");
}

/// What is unsound refuses all tokens of its issuer.
#[test]
fn unsound_rules() {
    for (fields, remarks) in [
        (
            "audiences: ['']",
            &["error invalid-value spec.jwtRules[0].audiences[0]"][..],
        ),
        (
            "fromHeaders: [{prefix: a}]",
            &["error missing-field spec.jwtRules[0].fromHeaders[0].name"],
        ),
        (
            "fromHeaders: [{name: 'a b'}]",
            &["error invalid-header spec.jwtRules[0].fromHeaders[0].name"],
        ),
        (
            "fromHeaders: [{name: a, prefix: \"b\\n\"}]",
            &["error invalid-value spec.jwtRules[0].fromHeaders[0].prefix"],
        ),
        (
            "fromHeaders: [null]",
            &["error wrong-type spec.jwtRules[0].fromHeaders[0]"],
        ),
        (
            "fromParams: ['']",
            &["error invalid-value spec.jwtRules[0].fromParams[0]"],
        ),
        (
            "fromCookies: ['']",
            &["error invalid-value spec.jwtRules[0].fromCookies[0]"],
        ),
        (
            "outputPayloadToHeader: 'a:b'",
            &["error invalid-header spec.jwtRules[0].outputPayloadToHeader"],
        ),
        (
            "outputClaimToHeaders: [{}]",
            &[
                "error missing-field spec.jwtRules[0].outputClaimToHeaders[0].header",
                "error missing-field spec.jwtRules[0].outputClaimToHeaders[0].claim",
            ],
        ),
        (
            "outputClaimToHeaders: [{header: a.b, claim: c}]",
            &["error invalid-header spec.jwtRules[0].outputClaimToHeaders[0].header"],
        ),
        (
            "spaceDelimitedClaims: ['']",
            &["error invalid-value spec.jwtRules[0].spaceDelimitedClaims[0]"],
        ),
        (
            "timeout: 1ns",
            &["error invalid-duration spec.jwtRules[0].timeout"],
        ),
        (
            "timeout: soon",
            &["error invalid-duration spec.jwtRules[0].timeout"],
        ),
        (
            "fromHeader: []",
            &["error unknown-field spec.jwtRules[0].fromHeader"],
        ),
        (
            "forwardOriginalToken: 'yes'",
            &["error wrong-type spec.jwtRules[0].forwardOriginalToken"],
        ),
    ] {
        check_rule(fields, &[NOBODY], remarks);
    }
    check(
        "{jwtRules: [{jwksUri: 'https://k'}, {issuer: ''}, null, 5, {issuer: 5}]}",
        &["rules: []"],
        &[
            "error missing-field spec.jwtRules[0].issuer",
            "error missing-field spec.jwtRules[1].issuer",
            "error wrong-type spec.jwtRules[2]",
            "error wrong-type spec.jwtRules[3]",
            "error wrong-type spec.jwtRules[4].issuer",
        ],
    );
}

#[test]
fn unsound_policies_accept_nobody() {
    for (fields, remarks) in [
        (
            "selector: {matchLabel: {}}",
            &[
                "error unknown-field spec.selector.matchLabel",
                "warning empty-selector spec.selector.matchLabels",
            ][..],
        ),
        ("selector: 5", &["error wrong-type spec.selector"]),
        ("jwtRule: []", &["error unknown-field spec.jwtRule"]),
    ] {
        check(
            &format!("{{{fields}, jwtRules: [{{issuer: 'https://i'}}]}}"),
            &[NOBODY],
            remarks,
        );
    }
    check(
        "{jwtRules: 5}",
        &["!Request"],
        &["error wrong-type spec.jwtRules"],
    );
    check(
        "{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: g}], jwtRules: [{issuer: 'https://i'}]}",
        &["!Request"],
        &["warning no-effect-yet spec.targetRefs"],
    );
}

#[test]
fn an_issuer_that_is_written_twice_is_told() {
    check(
        "{jwtRules: [{issuer: 'https://i', audiences: [a]}, {issuer: 'https://i', audiences: [b]}]}",
        &["audiences: [\"a\"]", "audiences: [\"b\"]"],
        &["warning duplicate-issuer spec.jwtRules[1].issuer"],
    );
}

/// Proxies take tokens out of everything but cookies.
#[test]
fn a_token_that_stays_in_its_cookie_is_told() {
    check_rule(
        "fromCookies: [session]",
        &["places: [Cookie(\"session\")]", "forwarding: Remove"],
        &["warning token-not-removed spec.jwtRules[0].fromCookies"],
    );
    check_rule(
        "fromCookies: [session], forwardOriginalToken: true",
        &["places: [Cookie(\"session\")]", "forwarding: Forward"],
        &[],
    );
}
