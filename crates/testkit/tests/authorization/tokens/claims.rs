//! What policies learn from tokens.

use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use super::{World, authentication, policy};

const ISSUER: &str = "https://issuer.example";

fn when(key: &str, values: &[&str]) -> Value {
    json!({"when": [{"key": key, "values": values}]})
}

fn from(field: &str, values: &[&str]) -> Value {
    let mut source = json!({});
    source[field] = json!(values);
    json!({"from": [{"source": source}]})
}

/// Claims that a rule sees, and those that it doesn't.
struct Case {
    rule: Value,
    seen: Vec<Value>,
    unseen: Vec<Value>,
}

fn principals() -> Vec<Case> {
    let alice = json!({"sub": "alice"});
    let bob = json!({"sub": "bob"});
    vec![
        // Without a subject it is nobody's.
        Case {
            rule: from("requestPrincipals", &["*"]),
            seen: vec![alice.clone()],
            unseen: vec![json!({}), json!({"sub": ""})],
        },
        Case {
            rule: from("requestPrincipals", &["https://issuer.example/alice"]),
            seen: vec![alice.clone()],
            unseen: vec![
                bob.clone(),
                json!({"sub": "alice2"}),
                json!({"sub": "x/alice"}),
                json!({}),
            ],
        },
        Case {
            rule: from(
                "requestPrincipals",
                &["https://issuer.example/*", "*/carol"],
            ),
            seen: vec![alice.clone(), bob.clone()],
            unseen: vec![],
        },
        Case {
            rule: from("requestPrincipals", &["*/alice"]),
            seen: vec![alice.clone(), json!({"sub": "x/alice"})],
            unseen: vec![bob.clone()],
        },
        Case {
            rule: when("request.auth.principal", &["https://issuer.example/alice"]),
            seen: vec![alice],
            unseen: vec![bob],
        },
        Case {
            rule: when("request.auth.audiences", &["shop"]),
            seen: vec![
                json!({"sub": "a", "aud": "shop"}),
                json!({"sub": "a", "aud": ["x", "shop"]}),
            ],
            unseen: vec![json!({"sub": "a", "aud": "shop2"}), json!({"sub": "a"})],
        },
        Case {
            rule: when("request.auth.presenter", &["app"]),
            seen: vec![json!({"sub": "a", "azp": "app"})],
            unseen: vec![json!({"sub": "a", "azp": "other"}), json!({"sub": "a"})],
        },
    ]
}

fn claims() -> Vec<Case> {
    let with = |name: &str, value: Value| {
        let mut all = json!({"sub": "a"});
        all[name] = value;
        all
    };
    vec![
        Case {
            rule: when("request.auth.claims[group]", &["admin"]),
            seen: vec![
                with("group", json!("admin")),
                with("group", json!(["user", "admin"])),
            ],
            unseen: vec![
                with("group", json!("admin user")),
                with("group", json!("Admin")),
                with("group", json!(["administrator"])),
                with("group", json!({"admin": true})),
                with("groups", json!("admin")),
                with("group", json!([])),
            ],
        },
        Case {
            rule: when(
                "request.auth.claims[realm][access][roles]",
                &["cook", "wait*"],
            ),
            seen: vec![
                with("realm", json!({"access": {"roles": ["guest", "cook"]}})),
                with("realm", json!({"access": {"roles": "waiter"}})),
            ],
            unseen: vec![
                with("realm", json!({"access": {"roles": ["guest"]}})),
                with("realm", json!({"access": "cook"})),
                with("realm", json!({"roles": ["cook"]})),
                with("realm.access.roles", json!("cook")),
            ],
        },
        Case {
            rule: when("request.auth.claims[scope]", &["read"]),
            seen: vec![
                with("scope", json!("read")),
                with("scope", json!("write read")),
                with("scope", json!(["write", "read"])),
            ],
            unseen: vec![
                with("scope", json!("reader write")),
                with("scope", json!("write,read")),
            ],
        },
        Case {
            rule: when("request.auth.claims[tags]", &["blue"]),
            seen: vec![with("tags", json!("red blue")), with("tags", json!("blue"))],
            unseen: vec![with("tags", json!("bluest"))],
        },
        Case {
            rule: when("request.auth.claims[title]", &["head of kitchen"]),
            seen: vec![with("title", json!("head of kitchen"))],
            unseen: vec![
                with("title", json!("head")),
                with("title", json!("kitchen")),
            ],
        },
        Case {
            rule: when("request.auth.claims[https://shop.example/role]", &["cook"]),
            seen: vec![with("https://shop.example/role", json!("cook"))],
            unseen: vec![with("https://shop.example/role", json!("guest"))],
        },
        Case {
            rule: when("request.auth.claims[group]", &["*"]),
            seen: vec![with("group", json!("any")), with("group", json!(["any"]))],
            unseen: vec![with("other", json!("any")), json!({"sub": "a"})],
        },
    ]
}

/// What the rule sees is allowed by `ALLOW` and denied by `DENY`; who has no token is never seen.
async fn judge(cases: Vec<Case>) {
    let issuer = Issuer::new(ISSUER);
    let tokens = authentication(&[json!({
        "issuer": ISSUER, "jwks": issuer.key_set(), "spaceDelimitedClaims": ["tags"],
    })]);
    let mut world = World::start(&[]).await;
    for Case { rule, seen, unseen } in cases {
        for (action, hit, miss) in [("ALLOW", 200, 403), ("DENY", 403, 200)] {
            world
                .apply(&[tokens.clone(), policy("it", action, &rule)])
                .await;
            for (claims, status) in seen
                .iter()
                .map(|it| (it, hit))
                .chain(unseen.iter().map(|it| (it, miss)))
            {
                let what = format!("{action} {rule}: {claims}");
                let (token, _) = issuer.sign(claims);
                world.with_token(&what, status, &token).await;
                let bad = Issuer::new(ISSUER).sign(claims).0;
                world.with_token(&what, 401, &bad).await;
            }
            let what = format!("{action} {rule}: no token");
            world.get(&what, miss, "/", &[]).await;
        }
    }
}

#[tokio::test]
async fn policies_know_principals() {
    judge(principals()).await;
}

#[tokio::test]
async fn policies_know_claims() {
    judge(claims()).await;
}
