//! What the application is told of a token, and that nobody else tells it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use super::{World, authentication, header, seen};

const ISSUER: &str = "https://issuer.example";

#[tokio::test]
async fn the_payload_is_told_and_can_not_be_forged() {
    let issuer = Issuer::new(ISSUER);
    let rule = json!({
        "issuer": ISSUER, "jwks": issuer.key_set(), "outputPayloadToHeader": "X-Payload",
    });
    let world = World::start(&[authentication(&[rule])]).await;
    let (valid, claims) = issuer.sign(&json!({"sub": "alice", "name": "Ålice ?>~"}));
    let forged = URL_SAFE_NO_PAD.encode(json!({"iss": ISSUER, "sub": "root"}).to_string());
    let bearer = format!("Bearer {valid}");
    let token = ("authorization", bearer.as_str());
    for (what, forgeries) in [
        ("nobody forges", vec![]),
        (
            "before the token",
            vec![("x-payload", forged.as_str()), token],
        ),
        (
            "after the token",
            vec![token, ("X-PAYLOAD", forged.as_str())],
        ),
        (
            "twice",
            vec![("x-payload", forged.as_str()), token, ("x-payload", "")],
        ),
    ] {
        let headers = if forgeries.is_empty() {
            vec![token]
        } else {
            forgeries
        };
        let reply = world.get(what, 200, "/", &headers).await;
        let told = header(&reply, "x-payload");
        let told = told
            .as_str()
            .unwrap_or_else(|| panic!("{what}: nothing is told"));
        let payload = URL_SAFE_NO_PAD
            .decode(told)
            .expect("base64url without padding");
        let payload: Value = serde_json::from_slice(&payload).expect("JSON");
        assert_eq!(payload, claims, "{what}");
    }
    let reply = world
        .get("no token", 200, "/", &[("x-payload", &forged)])
        .await;
    assert_eq!(header(&reply, "x-payload"), Value::Null, "without a token");
    assert!(!seen(&reply).to_string().contains(&forged));
}

/// A rule that tells claims.
fn telling(issuer: &Issuer, name: &str, pairs: &[(&str, &str)]) -> Value {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(header, claim)| json!({"header": header, "claim": claim}))
        .collect();
    json!({"issuer": name, "jwks": issuer.key_set(), "outputClaimToHeaders": pairs})
}

const TOLD: [(&str, &str); 6] = [
    ("x-sub", "sub"),
    ("x-level", "level"),
    ("x-staff", "staff"),
    ("x-team", "org.team"),
    ("X-Missing", "missing"),
    ("x_under", "under"),
];

#[tokio::test]
async fn claims_are_told_and_can_not_be_forged() {
    let issuer = Issuer::new(ISSUER);
    let world = World::start(&[authentication(&[telling(&issuer, ISSUER, &TOLD)])]).await;
    let claims = json!({
        "sub": "alice", "level": 7, "staff": true, "org": {"team": "red"}, "under": "line",
    });
    let (valid, _) = issuer.sign(&claims);
    let bearer = format!("Bearer {valid}");
    let token = ("authorization", bearer.as_str());
    let forged: Vec<(&str, &str)> = TOLD.iter().map(|(name, _)| (*name, "forged")).collect();
    for (what, headers) in [
        ("nobody forges", vec![token]),
        ("before", [forged.clone(), vec![token]].concat()),
        ("after", [vec![token], forged.clone()].concat()),
        (
            "both",
            [forged.clone(), vec![token], forged.clone()].concat(),
        ),
    ] {
        let reply = world.get(what, 200, "/", &headers).await;
        for (name, expected) in [
            ("x-sub", json!("alice")),
            ("x-level", json!("7")),
            ("x-staff", json!("true")),
            ("x-team", json!("red")),
            ("x-missing", Value::Null),
            ("x_under", json!("line")),
        ] {
            assert_eq!(header(&reply, name), expected, "{what}: {name}");
        }
    }
    // Who asks that a header be dropped on the way can't drop what is told.
    let connection = ("connection", "x-sub, x-team");
    let reply = world.get("drop it", 200, "/", &[connection, token]).await;
    assert_eq!(header(&reply, "x-sub"), json!("alice"));
    assert_eq!(header(&reply, "x-team"), json!("red"));
    // Without a token nothing is told, and other spellings are other headers.
    let mut headers = forged;
    headers.push(("x_sub", "other"));
    let reply = world.get("no token", 200, "/", &headers).await;
    for (name, _) in TOLD {
        let name = name.to_ascii_lowercase();
        assert_eq!(header(&reply, &name), Value::Null, "no token: {name}");
    }
    assert_eq!(header(&reply, "x_sub"), json!("other"));
}

#[tokio::test]
async fn a_token_of_one_issuer_is_no_way_to_speak_for_another() {
    let (one, two) = (
        Issuer::new("https://one.example"),
        Issuer::new("https://two.example"),
    );
    let mut first = telling(&one, "https://one.example", &[("x-one", "sub")]);
    first["outputPayloadToHeader"] = json!("x-payload-one");
    let mut second = telling(&two, "https://two.example", &[("x-two", "sub")]);
    second["outputPayloadToHeader"] = json!("x-payload-two");
    let names = ["x-one", "x-two", "x-payload-one", "x-payload-two"];
    let mut world = World::start(&[]).await;
    for apart in [false, true] {
        if apart {
            second["fromHeaders"] = json!([{"name": "x-token"}]);
        }
        world
            .apply(&[authentication(&[first.clone(), second.clone()])])
            .await;
        let tokens = [
            one.sign(&json!({"sub": "a"})).0,
            two.sign(&json!({"sub": "b"})).0,
        ];
        for (index, token) in tokens.iter().enumerate() {
            let bearer = format!("Bearer {token}");
            let mut headers: Vec<_> = names.iter().map(|name| (*name, "forged")).collect();
            headers.push(if apart && index == 1 {
                ("x-token", token)
            } else {
                ("authorization", &bearer)
            });
            let what = format!("issuer {index}, apart: {apart}");
            let reply = world.get(&what, 200, "/", &headers).await;
            let (told, other) = if index == 0 {
                (json!("a"), ["x-two", "x-payload-two"])
            } else {
                (json!("b"), ["x-one", "x-payload-one"])
            };
            assert_eq!(header(&reply, names[index]), told, "{what}");
            assert!(header(&reply, names[index + 2]).is_string(), "{what}");
            for name in other {
                assert_eq!(header(&reply, name), Value::Null, "{what}: {name}");
            }
            assert!(!seen(&reply).to_string().contains("forged"), "{what}");
        }
    }
}
