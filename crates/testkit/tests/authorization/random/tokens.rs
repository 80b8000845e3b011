//! Tokens, good and bad.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use crate::policies::Pick;

/// The tokens of a world.
pub(super) struct Wallet {
    issuer: Issuer,
    good: Vec<(String, Value)>,
    bad: Vec<String>,
}

const NAME: &str = "issuer.example";

impl Wallet {
    pub(super) fn new() -> Self {
        let issuer = Issuer::new(NAME);
        let good = [
            json!({"sub": "alice", "aud": "web", "azp": "app", "groups": ["dev", "ops"], "realm": {"roles": ["editor"]}}),
            json!({"sub": "bob", "aud": ["web", "mobile"], "groups": "dev", "scope": "read write"}),
            json!({"sub": "carol", "groups": [], "realm": {"roles": "author"}, "title": "head of sales"}),
            json!({"sub": "dora", "groups": ["dev ops"], "scope": ["read all", "write"]}),
        ];
        Self {
            good: good.iter().map(|claims| issuer.sign(claims)).collect(),
            bad: bad(&issuer),
            issuer,
        }
    }

    /// Whose tokens are believed.
    pub(super) fn authentication(&self) -> Value {
        json!({
            "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "tokens", "namespace": "shop"},
            "spec": {"jwtRules": [{"issuer": NAME, "jwks": self.issuer.key_set()}]},
        })
    }

    /// A good one, and what it claims.
    pub(super) fn good(&self, pick: &mut Pick) -> &(String, Value) {
        pick.of(&self.good)
    }

    /// A bad one.
    pub(super) fn bad(&self, pick: &mut Pick) -> &str {
        pick.of::<String>(&self.bad)
    }
}

fn bad(issuer: &Issuer) -> Vec<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let alice = |more: Value| {
        let mut claims = json!({"sub": "alice", "aud": "web", "groups": ["dev"]});
        let more = more.as_object().expect("an object").clone();
        claims.as_object_mut().expect("an object").extend(more);
        claims
    };
    let (good, claims) = issuer.sign(&alice(json!({})));
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let (_, payload) = message.split_once('.').expect("three parts");
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    vec![
        issuer.sign(&alice(json!({"exp": now - 3600}))).0,
        issuer.sign(&alice(json!({"nbf": now + 3600}))).0,
        issuer.sign(&alice(json!({"iss": "stranger.example"}))).0,
        issuer.sign_as(&json!({"alg": "ES256", "kid": "another"}), &claims),
        Issuer::new(NAME).sign(&claims).0,
        format!("{message}.{}", signature.to_ascii_lowercase()),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        message.to_owned(),
        "a.b.c".to_owned(),
    ]
}
