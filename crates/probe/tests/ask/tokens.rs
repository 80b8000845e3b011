//! Tokens.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use envoy::core::data_source::Specifier;
use envoy::jwt_authn::jwt_provider::JwksSourceSpecifier;
use envoy::jwt_authn::jwt_requirement::RequiresType;
use envoy::jwt_authn::requirement_rule::RequirementType;
use envoy::jwt_authn::{
    JwtAuthentication, JwtClaimToHeader, JwtHeader, JwtProvider, JwtRequirement,
    JwtRequirementAndList, JwtRequirementOrList, RequirementRule,
};
use envoy::listener::Listener;
use envoy::matcher::metadata_matcher::PathSegment;
use envoy::matcher::metadata_matcher::path_segment::Segment;
use envoy::matcher::value_matcher::MatchPattern;
use envoy::matcher::{MetadataMatcher, ValueMatcher};
use envoy::rbac::principal::Identifier;
use envoy::rbac::{MetadataSource, SourcedMetadata};
use envoy::route::RouteMatch;
use envoy::route::route_match::PathSpecifier;
use ferromesh_envoy as envoy;
use ferromesh_probe::Request;
use serde_json::{Value, json};

use crate::build::*;

/// Somebody who signs.
struct Issuer {
    key: EcdsaKeyPair,
}

impl Issuer {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { key }
    }

    fn keys(&self) -> String {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)}]}).to_string()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256"}).to_string());
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let random = SystemRandom::new();
        let signature = self
            .key
            .sign(&random, message.as_bytes())
            .expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn provider(issuer: &str, keys: &Issuer) -> JwtProvider {
    JwtProvider {
        issuer: issuer.to_owned(),
        payload_in_metadata: "payload".to_owned(),
        forward: true,
        jwks_source_specifier: Some(JwksSourceSpecifier::LocalJwks(envoy::core::DataSource {
            specifier: Some(Specifier::InlineString(keys.keys())),
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn requirement(requires: RequiresType) -> JwtRequirement {
    JwtRequirement {
        requires_type: Some(requires),
    }
}

fn any_or_none(names: &[&str]) -> JwtRequirement {
    let named = names
        .iter()
        .map(|it| requirement(RequiresType::ProviderName((*it).to_owned())));
    let none = requirement(RequiresType::AllowMissing(()));
    requirement(RequiresType::RequiresAny(JwtRequirementOrList {
        requirements: named.chain([none]).collect(),
    }))
}

/// A listener that wants tokens, and refuses whom the subject `admin` doesn't make one if asked.
fn listener_with(
    providers: Vec<(&str, JwtProvider)>,
    requires: JwtRequirement,
    judge: Option<Identifier>,
) -> Listener {
    let named = providers
        .into_iter()
        .map(|(name, it)| (name.to_owned(), it));
    let config = JwtAuthentication {
        providers: named.collect(),
        rules: vec![RequirementRule {
            r#match: Some(RouteMatch {
                path_specifier: Some(PathSpecifier::Prefix(String::new())),
                ..Default::default()
            }),
            requirement_type: Some(RequirementType::Requires(requires)),
        }],
        ..Default::default()
    };
    let mut filters = vec![http_filter("jwt", envoy::any(&config))];
    filters.extend(judge.map(|it| http_rbac(rules(Action::Allow, anything(), principal(it)))));
    listener(vec![manager(filters, HttpConnectionManager::default())])
}

fn claim(path: &[&str], value: &str) -> Identifier {
    let keys = ["payload"].iter().chain(path);
    Identifier::SourcedMetadata(SourcedMetadata {
        metadata_matcher: Some(MetadataMatcher {
            filter: "envoy.filters.http.jwt_authn".to_owned(),
            path: keys
                .map(|key| PathSegment {
                    segment: Some(Segment::Key((*key).to_owned())),
                })
                .collect(),
            value: Some(ValueMatcher {
                match_pattern: Some(MatchPattern::StringMatch(exact(value))),
            }),
            invert: false,
        }),
        metadata_source: MetadataSource::Dynamic as i32,
    })
}

fn bearing(token: &str) -> Request {
    header(get("/"), "Authorization", &format!("Bearer {token}"))
}

#[test]
fn tokens_must_be_good() {
    let (ours, others) = (Issuer::new(), Issuer::new());
    let strict = JwtProvider {
        audiences: vec!["shop".to_owned()],
        ..provider("i", &ours)
    };
    let listener = listener_with(vec![("a", strict)], any_or_none(&["a"]), None);
    let good = json!({"iss": "i", "aud": "shop", "exp": 1_000_100});
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        ours.sign(&claims)
    };
    for (token, expected) in [
        (ours.sign(&good), "allowed"),
        (others.sign(&good), "401"),
        (changed("iss", json!("j")), "401"),
        (changed("aud", json!("else")), "403"),
        (changed("aud", json!(["else", "https://shop/"])), "allowed"),
        (changed("exp", json!(999_900)), "401"),
        (changed("exp", json!(999_950)), "allowed"),
        (changed("nbf", json!(1_000_100)), "401"),
        ("junk".to_owned(), "401"),
        (format!("{}=", ours.sign(&good)), "401"),
        (
            ours.sign(&good)
                .replace("eyJhbGciOiJFUzI1NiJ9", "eyJhbGciOiJub25lIn0"),
            "401",
        ),
    ] {
        assert_eq!(says(&listener, &bearing(&token)), expected, "{token}");
    }
    assert_eq!(says(&listener, &get("/")), "allowed");
    let in_query = get(&format!("/?access_token={}", ours.sign(&good)));
    assert_eq!(says(&listener, &in_query), "allowed");
}

#[test]
fn every_token_must_be_good() {
    let (a, b) = (Issuer::new(), Issuer::new());
    let providers = || vec![("a", provider("a", &a)), ("b", provider("b", &b))];
    let listener = listener_with(providers(), any_or_none(&["a", "b"]), None);
    let (of_a, of_b) = (a.sign(&json!({"iss": "a"})), b.sign(&json!({"iss": "b"})));
    let both = |first: &str, second: &str| {
        let request = get(&format!("/?access_token={second}"));
        header(request, "authorization", &format!("Bearer {first}"))
    };
    assert_eq!(says(&listener, &bearing(&of_a)), "allowed");
    assert_eq!(says(&listener, &bearing(&of_b)), "allowed");
    assert_eq!(says(&listener, &both(&of_a, &of_a)), "allowed");
    for (first, second) in [
        (&*of_a, &*of_b),
        (&*of_b, &*of_a),
        (&*of_a, "x"),
        ("x", &*of_a),
    ] {
        assert_eq!(
            says(&listener, &both(first, second)),
            "401",
            "{first} {second}"
        );
    }
    let all = requirement(RequiresType::RequiresAll(JwtRequirementAndList {
        requirements: vec![any_or_none(&["a"]), any_or_none(&["b"])],
    }));
    let listener = listener_with(providers(), all, None);
    assert_eq!(says(&listener, &bearing(&of_a)), "401");
    assert_eq!(says(&listener, &get("/")), "allowed");
    let needed = requirement(RequiresType::ProviderName("a".to_owned()));
    let listener = listener_with(providers(), needed, None);
    assert_eq!(says(&listener, &get("/")), "401");
}

#[test]
fn claims_are_seen_by_rules() {
    let issuer = Issuer::new();
    let listener = |judge| {
        let provider = JwtProvider {
            normalize_payload_in_metadata: Some(envoy::jwt_authn::jwt_provider::NormalizePayload {
                space_delimited_claims: vec!["scope".to_owned()],
            }),
            ..provider("i", &issuer)
        };
        listener_with(vec![("a", provider)], any_or_none(&["a"]), Some(judge))
    };
    let token = issuer.sign(&json!({"iss": "i", "sub": "me", "deep": {"x": "y"}, "scope": "me"}));
    for (judge, expected) in [
        (claim(&["sub"], "me"), "allowed"),
        (claim(&["sub"], "you"), "403"),
        (claim(&["deep", "x"], "y"), "allowed"),
        // It is a list now.
        (claim(&["scope"], "me"), "403"),
    ] {
        assert_eq!(
            says(&listener(judge.clone()), &bearing(&token)),
            expected,
            "{judge:?}"
        );
    }
    let judge = || claim(&["sub"], "me");
    assert_eq!(says(&listener(judge()), &get("/")), "403");
    // Claims that are taken for well signed count alike.
    let taken = |claims: Value| {
        with(get("/"), |http| {
            let Value::Object(claims) = claims else {
                panic!("no object")
            };
            http.claims.push(claims);
        })
    };
    assert_eq!(
        says(&listener(judge()), &taken(json!({"iss": "i", "sub": "me"}))),
        "allowed"
    );
    assert_eq!(
        says(&listener(judge()), &taken(json!({"iss": "j", "sub": "me"}))),
        "401"
    );
    let expired = json!({"iss": "i", "sub": "me", "exp": 1});
    assert_eq!(says(&listener(judge()), &taken(expired)), "401");
}

#[test]
fn headers_of_tokens_are_not_the_clients() {
    let (a, b) = (Issuer::new(), Issuer::new());
    let telling = JwtProvider {
        claim_to_headers: vec![JwtClaimToHeader {
            header_name: "x-sub".to_owned(),
            claim_name: "sub".to_owned(),
            ..Default::default()
        }],
        ..provider("b", &b)
    };
    let providers = vec![("a", provider("a", &a)), ("b", telling)];
    let judge = Identifier::Header(envoy::route::HeaderMatcher {
        name: "x-sub".to_owned(),
        ..Default::default()
    });
    let listener = listener_with(providers, any_or_none(&["a", "b"]), Some(judge));
    let forged = |request| header(request, "x-sub", "forged");
    assert_eq!(says(&listener, &forged(get("/"))), "403");
    let of_a = a.sign(&json!({"iss": "a", "sub": "me"}));
    assert_eq!(says(&listener, &forged(bearing(&of_a))), "403");
    let of_b = b.sign(&json!({"iss": "b", "sub": "me"}));
    assert_eq!(says(&listener, &bearing(&of_b)), "allowed");
}

#[test]
fn tokens_are_looked_for_where_the_provider_says() {
    let issuer = Issuer::new();
    let provider = JwtProvider {
        from_headers: vec![JwtHeader {
            name: "X-Token".to_owned(),
            value_prefix: "JWT ".to_owned(),
        }],
        from_cookies: vec!["token".to_owned()],
        ..provider("i", &issuer)
    };
    let needed = requirement(RequiresType::ProviderName("a".to_owned()));
    let listener = listener_with(vec![("a", provider)], needed, None);
    let token = issuer.sign(&json!({"iss": "i"}));
    for (name, value, expected) in [
        ("x-token", format!("JWT {token}"), "allowed"),
        ("x-token", token.clone(), "401"),
        ("cookie", format!("a=b; token={token}"), "allowed"),
        ("authorization", format!("Bearer {token}"), "401"),
    ] {
        assert_eq!(
            says(&listener, &header(get("/"), name, &value)),
            expected,
            "{name}"
        );
    }
}
