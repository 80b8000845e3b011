//! Ways to show a token, and to show two; what is and what isn't a word of a claim.

use ferromesh_testkit::oracle::Normalization;
use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use super::{Trial, check, check_both, front, policy};
use crate::arena::{Arena, Outcome};
use crate::requests::{Case, Http};

const NAME: &str = "issuer.example";

fn authentication(issuer: &Issuer) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
        "metadata": {"name": "tokens", "namespace": "shop"},
        "spec": {"jwtRules": [{"issuer": NAME, "jwks": issuer.key_set()}]},
    })
}

/// A request with a token in the usual header.
fn of((token, claims): &(String, Value)) -> Http {
    Http {
        claims: Some(claims.clone()),
        ..Http::get("/").with("authorization", &format!("Bearer {token}"))
    }
}

fn claim(issuer: &Issuer, name: &str, value: Value) -> Case {
    let mut claims = json!({"sub": "alice"});
    claims[name] = value;
    front(of(&issuer.sign(&claims)))
}

fn when(claim: &str, values: &[&str]) -> Value {
    json!({"when": [{"key": format!("request.auth.claims[{claim}]"), "values": values}]})
}

/// A claim is one text, whatever spaces are in it, or a list of texts; `scope` and `permission` are lists of words.
fn claims(issuer: &Issuer) -> [Trial; 6] {
    let claim = |name: &str, value: Value| claim(issuer, name, value);
    [
        Trial {
            rule: when("role", &["admin"]),
            cases: vec![
                (claim("role", json!("admin")), true),
                (claim("role", json!("admin")).by_http2(), true),
                (claim("role", json!("admin user")), false),
                (claim("role", json!("user admin")), false),
                (claim("role", json!(" admin")), false),
                (claim("role", json!("Admin")), false),
                (claim("role", json!(["user", "admin"])), true),
                (claim("role", json!(["admin user"])), false),
                (claim("role", json!([["admin"]])), false),
                (claim("role", json!({"admin": "admin"})), false),
                (claim("role", json!(true)), false),
                (claim("Role", json!("admin")), false),
                (front(Http::get("/")), false),
            ],
        },
        Trial {
            rule: when("role", &["admin user"]),
            cases: vec![
                (claim("role", json!("admin user")), true),
                (claim("role", json!(["admin user", "x"])), true),
                (claim("role", json!(["admin", "user"])), false),
                (claim("role", json!("admin  user")), false),
            ],
        },
        Trial {
            rule: when("scope", &["read"]),
            cases: vec![
                (claim("scope", json!("read")), true),
                (claim("scope", json!("read write")), true),
                (claim("scope", json!("write read")), true),
                (claim("scope", json!("write  read ")), true),
                (claim("scope", json!(["write", "read"])), true),
                (claim("scope", json!("read,write")), false),
                (claim("scope", json!("reader write")), false),
                (claim("scope", json!("READ")), false),
                (claim("scope", json!("")), false),
            ],
        },
        Trial {
            rule: when("scope", &["read write"]),
            cases: vec![
                (claim("scope", json!("read write")), false),
                (claim("scope", json!(["read write"])), true),
            ],
        },
        Trial {
            rule: when("permission", &["w*"]),
            cases: vec![
                (claim("permission", json!("read write")), true),
                (claim("permission", json!("read")), false),
            ],
        },
        Trial {
            rule: when("groups", &["*"]),
            cases: vec![
                (claim("groups", json!("any")), true),
                (claim("groups", json!(["any"])), true),
                (claim("groups", json!([])), false),
                (claim("groups", json!("")), false),
                (claim("group", json!("any")), false),
            ],
        },
    ]
}

#[tokio::test]
async fn claims_are_texts_and_lists_of_texts() {
    let mut arena = Arena::start(Normalization::Base).await;
    let issuer = Issuer::new(NAME);
    let others = [authentication(&issuer)];
    for trial in claims(&issuer) {
        check_both(&mut arena, &trial, &others).await;
    }
}

/// Who shows two tokens gains nothing: all have to be good, and one of them says who it is.
#[tokio::test]
async fn of_several_tokens_none_is_passed_over() {
    let mut arena = Arena::start(Normalization::Base).await;
    let issuer = Issuer::new(NAME);
    let (alice, bob) = (
        issuer.sign(&json!({"sub": "alice"})),
        issuer.sign(&json!({"sub": "bob"})),
    );
    let forged = Issuer::new(NAME).sign(&alice.1);
    let parameter = |(token, _): &(String, Value), http: Http| Http {
        path: format!("/?access_token={token}"),
        ..http
    };
    let twice = |first: &(String, Value), (second, _): &(String, Value)| {
        of(first).with("authorization", &format!("Bearer {second}"))
    };
    let rule = json!({"from": [{"source": {"requestPrincipals": ["issuer.example/alice"]}}]});
    let others = [authentication(&issuer)];
    let trial = Trial {
        rule: rule.clone(),
        cases: vec![
            (front(of(&alice)), true),
            (front(of(&bob)), false),
            // That of the header counts, in whatever order they come.
            (front(parameter(&bob, of(&alice))), true),
            (front(parameter(&alice, of(&bob))), false),
            (front(parameter(&alice, of(&bob))).by_http2(), false),
        ],
    };
    check_both(&mut arena, &trial, &others).await;
    for action in ["DENY", "ALLOW"] {
        let mut objects = others.to_vec();
        objects.push(policy(action, &rule));
        arena.apply(&objects).await;
        for http in [
            of(&forged),
            parameter(&forged, of(&alice)),
            parameter(&alice, of(&forged)),
            parameter(&forged, Http::get("/")),
            // Envoy makes one of two, which is none, whatever they are.
            twice(&alice, &alice),
            twice(&alice, &bob),
            twice(&bob, &alice),
            twice(&alice, &forged),
            twice(&forged, &alice),
        ] {
            let case = front(http).with_bad_token();
            let what = (action, Outcome::Challenged);
            check(&mut arena, &objects, &case, what).await;
            check(&mut arena, &objects, &case.by_http2(), what).await;
        }
    }
}
