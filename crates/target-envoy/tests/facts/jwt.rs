use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::HeaderMutation;
use envoy_types::pb::envoy::extensions::filters::http::jwt_authn::v3 as jwt;
use jwt::JwtAuthentication;
use jwt::jwt_provider::JwksSourceSpecifier;
use jwt::jwt_requirement::RequiresType;
use jwt::requirement_rule::RequirementType;
use mesh::policy::jwt::{ClaimHeader, JwtRule, TokenForwarding, TokenPlace};
use mesh::policy::mtls::MtlsMode;
use mesh::view::listener::{InboundTraffic, ListenerName, ListenerTraffic};
use mesh::view::security::{InboundSecurity, TokenRule};

use super::listeners::http_filters;
use super::views::listeners::{at, port};
use super::views::security;
use super::views::tokens::token;
use super::*;

fn filters(rules: Vec<JwtRule>) -> Vec<(String, wkt::Any)> {
    let tokens = rules.into_iter().map(|rule| TokenRule { rule, keys: None });
    let security = InboundSecurity {
        tokens: tokens.collect(),
        ..security::open()
    };
    let traffic = ListenerTraffic::Inbound {
        port: port(8080, InboundTraffic::Http, MtlsMode::Strict),
        security: Arc::new(security),
    };
    http_filters(ListenerName::Inbound(at(8080)), traffic)
}

fn verifier(rules: Vec<JwtRule>) -> JwtAuthentication {
    let filters = filters(rules);
    let found = filters.iter().find(|(name, _)| name.ends_with("jwt_authn"));
    open(&found.expect("the filter").1)
}

/// A requirement in short.
fn said(requirement: &jwt::JwtRequirement) -> String {
    let joined = |all: &[jwt::JwtRequirement], by| {
        let all: Vec<_> = all.iter().map(said).collect();
        format!("({})", all.join(by))
    };
    match requirement.requires_type.as_ref().expect("a type") {
        RequiresType::ProviderName(name) => name.clone(),
        RequiresType::RequiresAny(any) => joined(&any.requirements, "|"),
        RequiresType::RequiresAll(all) => joined(&all.requirements, "&"),
        RequiresType::AllowMissing(_) => "-".to_owned(),
        other => panic!("{other:?}"),
    }
}

fn required(verifier: &JwtAuthentication) -> String {
    let [rule] = verifier.rules.as_slice() else {
        panic!("one rule");
    };
    match rule.requirement_type.as_ref().expect("a requirement") {
        RequirementType::Requires(it) => said(it),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_token_must_be_valid_in_every_place() {
    let in_header = |issuer: &str| JwtRule {
        places: vec![TokenPlace::Header("X-Token".into(), "".into())],
        ..token(issuer)
    };
    assert_eq!(required(&verifier(vec![token("a")])), "(origins-0|-)");
    let alike = verifier(vec![token("a"), token("b")]);
    assert_eq!(required(&alike), "(origins-0|origins-1|-)");
    let different = verifier(vec![token("a"), in_header("b")]);
    assert_eq!(
        required(&different),
        "((origins-0-0|-)&(origins-1-0|-)&(origins-0-1|-)&(origins-0|origins-1|-))"
    );
    // What only looks leaves no trace.
    let check = &different.providers["origins-0-0"];
    assert!(check.forward && check.payload_in_metadata.is_empty());
    let tell = &different.providers["origins-0"];
    assert_eq!(
        (tell.forward, tell.payload_in_metadata.as_str()),
        (false, "payload")
    );
}

#[test]
fn tokens_are_where_a_rule_says_or_where_istio_looks() {
    let default = verifier(vec![token("a")]);
    let provider = &default.providers["origins-0"];
    let headers = provider.from_headers.iter();
    let headers: Vec<_> = headers
        .map(|it| (it.name.as_str(), it.value_prefix.as_str()))
        .collect();
    assert_eq!(headers, [("Authorization", "Bearer ")]);
    assert_eq!(provider.from_params, ["access_token"]);
    let elsewhere = verifier(vec![JwtRule {
        places: vec![
            TokenPlace::Cookie("c".into()),
            TokenPlace::Parameter("p".into()),
            TokenPlace::Header("not a header".into(), "".into()),
        ],
        forwarding: TokenForwarding::Forward,
        ..token("a")
    }]);
    let provider = &elsewhere.providers["origins-0"];
    assert_eq!(provider.from_headers, []);
    assert_eq!(provider.from_params, ["p"]);
    assert_eq!(provider.from_cookies, ["c"]);
    assert!(provider.forward);
}

#[test]
fn keys_that_are_not_known_are_nobodys() {
    let verifier = verifier(vec![token("a")]);
    let keys = verifier.providers["origins-0"]
        .jwks_source_specifier
        .as_ref();
    let Some(JwksSourceSpecifier::LocalJwks(keys)) = keys else {
        panic!("no keys");
    };
    assert!(format!("{keys:?}").contains("nobody"));
}

#[test]
fn nobody_else_says_what_tokens_say() {
    let filters = filters(vec![JwtRule {
        payload_header: "X-Payload".into(),
        claim_headers: vec![ClaimHeader {
            header: "x-sub".into(),
            claim: "sub".into(),
        }],
        space_delimited_claims: vec!["groups".into()],
        ..token("a")
    }]);
    assert!(
        filters[0].0.ends_with("header_mutation"),
        "before all others"
    );
    let removes: HeaderMutation = open(&filters[0].1);
    let text = format!("{removes:?}");
    assert!(
        text.contains("Remove(\"x-payload\")") && text.contains("Remove(\"x-sub\")"),
        "{text}"
    );
    let verifier: JwtAuthentication = open(&filters[1].1);
    let provider = &verifier.providers["origins-0"];
    assert_eq!(provider.forward_payload_header, "X-Payload");
    assert_eq!(provider.claim_to_headers[0].claim_name, "sub");
    let lists = provider
        .normalize_payload_in_metadata
        .as_ref()
        .expect("lists");
    assert_eq!(
        lists.space_delimited_claims,
        ["scope", "permission", "groups"]
    );
}
