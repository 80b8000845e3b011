//! Tokens that prove nothing: each is refused, and the application never hears of it.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use super::{World, authentication, now, only_principals};

const ISSUER: &str = "https://issuer.example";

/// A world that believes this issuer.
async fn believing(issuer: &Issuer) -> World {
    let rule = json!({
        "issuer": ISSUER, "jwks": issuer.key_set(), "audiences": ["shop", "warehouse"],
    });
    World::start(&[authentication(&[rule])]).await
}

fn encoded(value: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(value)
}

/// A token with any header, any claims, and a signature by anything.
fn joined(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let text = format!(
        "{}.{}",
        encoded(header.to_string()),
        encoded(claims.to_string())
    );
    let signature = encoded(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

/// What a valid token says.
fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "alice", "aud": "shop", "exp": now() + 3600})
}

/// Those with something else.
fn claims_with(changed: &Value) -> Value {
    let mut all = claims();
    let changed = changed.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(changed);
    all
}

/// What the issuer says in the header.
fn header(issuer: &Issuer) -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": issuer.key_id()})
}

async fn refuse(world: &World, cases: impl IntoIterator<Item = (&str, String)>) {
    for (what, token) in cases {
        let reply = world.with_token(what, 401, &token).await;
        let challenge = reply.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer realm="),
            "{what}: {challenge}"
        );
    }
}

#[tokio::test]
async fn what_the_issuer_says_must_be_meant_for_here_and_now() {
    let issuer = Issuer::new(ISSUER);
    let world = believing(&issuer).await;
    let says = |changed: Value| issuer.sign_as(&header(&issuer), &claims_with(&changed));
    let endless = json!({"iss": ISSUER, "sub": "alice", "aud": "shop"});
    for (what, token) in [
        ("valid", says(json!({}))),
        (
            "one of two audiences",
            says(json!({"aud": ["x", "warehouse"]})),
        ),
        // Clocks differ.
        ("just expired", says(json!({"exp": now() - 5}))),
        ("almost valid", says(json!({"nbf": now() + 20}))),
        ("without an end", issuer.sign_as(&header(&issuer), &endless)),
    ] {
        world.with_token(what, 200, &token).await;
    }
    let cases = [
        ("expired", json!({"exp": now() - 3600})),
        ("expired long ago", json!({"exp": 1})),
        ("not yet valid", json!({"nbf": now() + 3600})),
        ("another issuer", json!({"iss": "https://other.example"})),
        ("a longer issuer", json!({"iss": "https://issuer.example/"})),
        ("no issuer", json!({"iss": null})),
        ("an expiry that is no number", json!({"exp": "never"})),
    ];
    refuse(&world, cases.map(|(what, changed)| (what, says(changed)))).await;
    // Who has a valid token for somebody else is known, and not welcome.
    for audience in [
        json!("other"),
        json!("shop-2"),
        json!(["a", "b"]),
        json!([]),
    ] {
        let token = says(json!({"aud": audience}));
        world.with_token("for somebody else", 403, &token).await;
    }
}

#[tokio::test]
async fn what_the_issuer_has_not_signed_is_refused() {
    let issuer = Issuer::new(ISSUER);
    let world = believing(&issuer).await;
    let valid = issuer.sign_as(&header(&issuer), &claims());
    world.with_token("valid", 200, &valid).await;
    let (head, signature) = valid.rsplit_once('.').expect("a signature");
    let (first, payload) = head.split_once('.').expect("a payload");
    let other = encoded(claims_with(&json!({"sub": "mallory"})).to_string());
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    flipped[7] ^= 1;
    let flipped = encoded(flipped);
    let zeroes = encoded([0; 64]);
    let cases = [
        ("a flipped bit", format!("{head}.{flipped}")),
        ("another payload", format!("{first}.{other}.{signature}")),
        ("no signature", format!("{head}.")),
        ("zeroes for a signature", format!("{head}.{zeroes}")),
        ("an empty payload", format!("{first}..{signature}")),
        ("two parts", head.to_owned()),
        ("four parts", format!("{valid}.{payload}")),
        ("nonsense", "nonsense".to_owned()),
        ("dots", "..".to_owned()),
    ];
    refuse(&world, cases).await;
    let unsigned = ["none", "None", "NONE", ""].map(|algorithm| {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": issuer.key_id()});
        ("unsigned", joined(&header, &claims(), |_| Vec::new()))
    });
    refuse(&world, unsigned).await;
}

#[tokio::test]
async fn who_is_not_the_issuer_signs_nothing() {
    let issuer = Issuer::new(ISSUER);
    let world = believing(&issuer).await;
    let stranger = Issuer::new(ISSUER);
    let set: Value = serde_json::from_str(&stranger.key_set()).expect("a key set");
    let own_key = json!({"alg": "ES256", "jwk": set["keys"][0]});
    let cases = [
        ("by the issuer's name", header(&issuer)),
        ("by its own name", header(&stranger)),
        ("without a name", json!({"alg": "ES256"})),
        ("its own key within", own_key),
    ];
    let cases = cases.map(|(what, header)| (what, stranger.sign_as(&header, &claims())));
    refuse(&world, cases).await;
    let named = |algorithm: &str| json!({"alg": algorithm, "kid": issuer.key_id()});
    let cases = [
        ("no algorithm", json!({"kid": issuer.key_id()})),
        ("another curve", named("ES384")),
        ("another kind", named("RS256")),
    ];
    let cases = cases.map(|(what, header)| (what, issuer.sign_as(&header, &claims())));
    refuse(&world, cases).await;
    let cases = by_public_key(&issuer).map(|token| ("by the public key", token));
    refuse(&world, cases).await;
    let list = issuer.sign_as(&header(&issuer), &json!(["iss", ISSUER]));
    refuse(&world, [("claims that are no object", list)]).await;
}

/// Tokens whose secret is what everybody knows: the public key, in each form that a careless verifier may have it in.
fn by_public_key(issuer: &Issuer) -> impl Iterator<Item = String> {
    let set: Value = serde_json::from_str(&issuer.key_set()).expect("a key set");
    let key = &set["keys"][0];
    let part = |name: &str| {
        let text = key[name].as_str().expect("a coordinate");
        URL_SAFE_NO_PAD.decode(text).expect("base64")
    };
    let point = [vec![4], part("x"), part("y")].concat();
    let secrets = [
        issuer.key_set().into_bytes(),
        key.to_string().into_bytes(),
        part("x"),
        point,
        Vec::new(),
    ];
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": issuer.key_id()});
    secrets.into_iter().map(move |secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        joined(&header, &claims(), |text| {
            hmac::sign(&key, text).as_ref().to_vec()
        })
    })
}

#[tokio::test]
async fn keys_of_each_kind_verify_and_are_not_mistaken_for_another() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let edwards = Ed25519KeyPair::generate().expect("a key");
    let elliptic = Issuer::new(ISSUER);
    let mut set: Value = serde_json::from_str(&elliptic.key_set()).expect("a key set");
    let public = rsa.public_key();
    let keys = set["keys"].as_array_mut().expect("a list");
    keys.push(json!({
        "kty": "RSA", "kid": "rsa",
        "n": encoded(public.modulus().big_endian_without_leading_zero()),
        "e": encoded(public.exponent().big_endian_without_leading_zero()),
    }));
    keys.push(json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "edwards",
        "x": encoded(edwards.public_key().as_ref()),
    }));
    let rule = json!({"issuer": ISSUER, "jwks": set.to_string()});
    let world = World::start(&[authentication(&[rule]), only_principals(&["*"])]).await;
    let by_rsa = |text: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text,
            &mut signature,
        )
        .expect("a signature");
        signature
    };
    let by_edwards = |text: &[u8]| edwards.sign(text).as_ref().to_vec();
    let named = |algorithm: &str, kid: &str| json!({"alg": algorithm, "kid": kid});
    let good = [
        joined(&named("RS256", "rsa"), &claims(), by_rsa),
        // Without a name each key is tried.
        joined(&json!({"alg": "RS256"}), &claims(), by_rsa),
        joined(&named("EdDSA", "edwards"), &claims(), by_edwards),
        elliptic.sign_as(&named("ES256", elliptic.key_id()), &claims()),
    ];
    for token in &good {
        world.with_token("a key of the set", 200, token).await;
    }
    let secret = hmac::Key::new(hmac::HMAC_SHA256, public.as_ref());
    let bad = [
        joined(&named("RS256", "edwards"), &claims(), by_rsa),
        joined(&named("RS512", "rsa"), &claims(), by_rsa),
        joined(&named("PS256", "rsa"), &claims(), by_rsa),
        joined(&named("EdDSA", "rsa"), &claims(), by_edwards),
        joined(&named("HS256", "rsa"), &claims(), |text| {
            hmac::sign(&secret, text).as_ref().to_vec()
        }),
    ];
    for token in &bad {
        world.with_token("a key of another kind", 401, token).await;
    }
}
