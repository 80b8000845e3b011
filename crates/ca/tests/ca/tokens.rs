//! Tokens that are taken and tokens that are not.

use std::sync::atomic::Ordering;

use ferromesh_ca::service::Call;
use ferromesh_ca::{Phase, Reason};
use serde_json::{Value, json};

use crate::world::{CLIENT, ISSUER, NOW, TokenKey, World, claims, csr, unsigned};

fn changed(pointer: &str, value: Value) -> Value {
    let mut claims = claims();
    let (above, name) = pointer.rsplit_once('/').expect("a pointer");
    let object = claims
        .pointer_mut(above)
        .and_then(Value::as_object_mut)
        .expect("an object");
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    claims
}

#[tokio::test]
async fn tokens_that_are_not_for_us_or_not_of_a_living_pod_are_refused() {
    let (world, key) = World::new();
    let both = json!(["istio-ca", ISSUER]);
    for (pointer, value, reason) in [
        ("/exp", json!(NOW - 60), Reason::Expired),
        ("/exp", json!(0), Reason::Expired),
        ("/exp", Value::Null, Reason::MalformedToken),
        ("/exp", json!("tomorrow"), Reason::MalformedToken),
        ("/exp", json!(-1), Reason::MalformedToken),
        ("/nbf", json!(NOW + 61), Reason::NotYetValid),
        ("/nbf", Value::Null, Reason::MalformedToken),
        ("/aud", json!([ISSUER]), Reason::ForeignAudience),
        ("/aud", both, Reason::ForeignAudience),
        ("/aud", json!([]), Reason::ForeignAudience),
        ("/aud", json!("vault"), Reason::ForeignAudience),
        ("/aud", json!("istio-ca.evil"), Reason::ForeignAudience),
        ("/aud", Value::Null, Reason::MalformedToken),
        ("/iss", json!("https://evil.example"), Reason::ForeignIssuer),
        ("/iss", Value::Null, Reason::MalformedToken),
        ("/kubernetes.io", Value::Null, Reason::Unbound),
        ("/kubernetes.io/pod", Value::Null, Reason::Unbound),
        (
            "/sub",
            json!("system:serviceaccount:prod:client"),
            Reason::WrongNamespace,
        ),
        (
            "/sub",
            json!("system:serviceaccount:shop:admin"),
            Reason::WrongNamespace,
        ),
        ("/sub", json!("alice"), Reason::WrongNamespace),
        (
            "/kubernetes.io/namespace",
            json!("prod"),
            Reason::WrongNamespace,
        ),
        (
            "/kubernetes.io/serviceaccount/name",
            json!("admin"),
            Reason::WrongNamespace,
        ),
        (
            "/kubernetes.io/pod/name",
            json!("client-2"),
            Reason::PodGone,
        ),
        ("/kubernetes.io/pod/uid", json!("uid-0"), Reason::PodGone),
        ("/kubernetes.io/pod/uid", json!(""), Reason::PodGone),
        (
            "/kubernetes.io/node/name",
            json!("node-2"),
            Reason::PodDiffers,
        ),
    ] {
        let token = key.token(&changed(pointer, value.clone()));
        eprintln!("{pointer} {value}");
        world.refuses(reason, &token, &csr()).await;
    }
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    let (world, key) = World::new();
    for (pointer, value) in [
        ("/exp", json!(NOW - 59)),
        ("/nbf", json!(NOW + 60)),
        ("/aud", json!("istio-ca")),
        // Before Kubernetes 1.32 tokens didn't name the node.
        ("/kubernetes.io/node", Value::Null),
    ] {
        let token = key.token(&changed(pointer, value.clone()));
        let chain = world.ask_with(&token, &csr()).await;
        let chain = chain.unwrap_or_else(|status| panic!("{pointer} {value}: {status:?}"));
        assert_eq!(chain.leaf().uris(), [CLIENT]);
    }
}

#[tokio::test]
async fn the_pod_that_we_know_decides() {
    let (world, key) = World::new();
    let token = key.token(&claims());
    world
        .source
        .change("client-1", |pod| pod.workload.account = "other".to_owned());
    world.refuses(Reason::PodDiffers, &token, &csr()).await;
    world
        .source
        .change("client-1", |pod| pod.workload.account = "client".to_owned());

    world
        .source
        .change("client-1", |pod| pod.workload.phase = Phase::Terminating);
    world
        .ask_with(&token, &csr())
        .await
        .expect("it still serves");

    world
        .source
        .change("client-1", |pod| pod.workload.phase = Phase::Finished);
    world.refuses(Reason::PodFinished, &token, &csr()).await;

    world.source.pods.lock().expect("pods").clear();
    world.refuses(Reason::PodGone, &token, &csr()).await;
}

#[tokio::test]
async fn the_key_decides_by_which_algorithm() {
    let (world, key) = World::new();
    let none = |alg: &str| {
        let header = json!({"alg": alg, "kid": "k1"});
        format!("{}.", unsigned(&header, &claims()))
    };
    for alg in ["none", "None", "", "HS256", "RS256", "ES384", "EdDSA"] {
        world.refuses(Reason::Algorithm, &none(alg), &csr()).await;
    }
    // The classic: the public key as the secret of HMAC.
    let header = json!({"alg": "HS256", "kid": "k1"});
    let signed = unsigned(&header, &claims());
    let secret = key.public().to_string();
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&secret, signed.as_bytes());
    let tag = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        tag.as_ref(),
    );
    world
        .refuses(Reason::Algorithm, &format!("{signed}.{tag}"), &csr())
        .await;
    // Even a key set that holds a secret doesn't make it one.
    let symmetric = json!({"kty": "oct", "kid": "k2", "k": "c2VjcmV0", "alg": "HS256"});
    let both = json!({"keys": [key.public(), symmetric]}).to_string();
    *world.jwks.document.lock().expect("it") = Ok(both);
    world.clock.forward(11);
    let header = json!({"alg": "HS256", "kid": "k2"});
    let token = format!("{}.{tag}", unsigned(&header, &claims()));
    world.refuses(Reason::UnknownKey, &token, &csr()).await;
}

#[tokio::test]
async fn a_signature_counts_and_only_by_the_key_that_is_named() {
    let (world, key) = World::new();
    let stranger = TokenKey::new("k1");
    world
        .refuses(Reason::BadSignature, &stranger.token(&claims()), &csr())
        .await;
    let sound = key.token(&claims());
    let (signed, signature) = sound.rsplit_once('.').expect("a token");
    let (header, _) = signed.split_once('.').expect("a token");
    let forged = unsigned(&json!({}), &changed("/exp", json!(NOW + 9_999_999)));
    let (_, payload) = forged.split_once('.').expect("a token");
    let swapped = format!("{header}.{payload}.{signature}");
    world.refuses(Reason::BadSignature, &swapped, &csr()).await;
    let short = format!("{signed}.{}", &signature[..8]);
    world.refuses(Reason::BadSignature, &short, &csr()).await;
    // A key that comes with the token is nobody's.
    let header = json!({"alg": "ES256", "kid": "k1", "jwk": stranger.public(), "jku": "https://evil.example"});
    let token = stranger.sign(&header, &claims());
    world.refuses(Reason::BadSignature, &token, &csr()).await;
    let header = json!({"alg": "ES256"});
    world
        .refuses(Reason::UnknownKey, &key.sign(&header, &claims()), &csr())
        .await;
    let header = json!({"alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false});
    world
        .refuses(
            Reason::MalformedToken,
            &key.sign(&header, &claims()),
            &csr(),
        )
        .await;
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_anything_else() {
    let (world, key) = World::new();
    let sound = key.token(&claims());
    for token in [
        "a.b",
        "a.b.c.d",
        "..",
        "e30.e30.",
        "bm9wZQ.e30.AA",
        &format!("{sound}="),
        &format!("{sound}\n"),
        &sound.replace('.', ".\u{2024}"),
    ] {
        if token.trim() == sound {
            continue;
        }
        world
            .refuses(Reason::MalformedToken, token, "no request")
            .await;
    }
    // The request isn't parsed for somebody who isn't known.
    let huge = "a".repeat(8193);
    world
        .refuses(Reason::OversizedToken, &huge, &"x".repeat(20_000))
        .await;
    let header = format!("Basic {sound}");
    world
        .refuses_call(Reason::MalformedToken, (Some(&header), &[]), b"")
        .await;
    world
        .refuses_call(Reason::NoCredentials, (None, &[]), b"")
        .await;
}

#[tokio::test]
async fn keys_are_fetched_when_they_are_new_and_seldom_otherwise() {
    let (world, key) = World::new();
    let fetches = || world.jwks.fetches.load(Ordering::SeqCst);
    world
        .ask_with(&key.token(&claims()), &csr())
        .await
        .expect("one");
    assert_eq!(fetches(), 1);
    for index in 0..100 {
        let stranger = TokenKey::new(&format!("stranger-{index}"));
        world
            .refuses(Reason::UnknownKey, &stranger.token(&claims()), &csr())
            .await;
    }
    assert_eq!(fetches(), 1, "within ten seconds of the last time");

    let new = TokenKey::new("k2");
    *world.jwks.document.lock().expect("it") =
        Ok(json!({"keys": [key.public(), new.public()]}).to_string());
    world
        .refuses(Reason::UnknownKey, &new.token(&claims()), &csr())
        .await;
    world.clock.forward(10);
    world
        .ask_with(&new.token(&claims()), &csr())
        .await
        .expect("one");
    assert_eq!(fetches(), 2);

    // A source that fails leaves the keys that are known.
    *world.jwks.document.lock().expect("it") = Err("no route".to_owned());
    world.clock.forward(10);
    world
        .refuses(
            Reason::UnknownKey,
            &TokenKey::new("k3").token(&claims()),
            &csr(),
        )
        .await;
    assert_eq!(fetches(), 3);
    world
        .ask_with(&key.token(&claims()), &csr())
        .await
        .expect("one");

    // A key that is withdrawn ends, though nobody names an unknown one.
    *world.jwks.document.lock().expect("it") = Ok(json!({"keys": [new.public()]}).to_string());
    world.clock.forward(301);
    world
        .ask_with(&key.token(&claims()), &csr())
        .await
        .expect("the last one");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world
        .refuses(Reason::UnknownKey, &key.token(&claims()), &csr())
        .await;
}

#[tokio::test]
async fn those_who_come_while_keys_are_fetched_wait_for_the_same_ones() {
    let (world, key) = World::new();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let service = world.service.clone();
        let header = format!("Bearer {}", key.token(&claims()));
        let body = crate::world::request(&csr(), 0).render();
        calls.spawn(async move {
            let call = Call {
                authorization: Some(&header),
                chain: &[],
                body: &body,
            };
            service.create_certificate(call).await
        });
    }
    for answer in calls.join_all().await {
        answer.expect("a certificate");
    }
    assert_eq!(world.jwks.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_keys_it_is_not_the_callers_fault() {
    let (world, key) = World::new();
    *world.jwks.document.lock().expect("it") = Err("no route".to_owned());
    world
        .refuses(Reason::Unavailable, &key.token(&claims()), &csr())
        .await;
}

#[tokio::test]
async fn a_token_of_the_directory_is_that_of_its_workload() {
    let (world, _) = World::new();
    let token = world.directory_token("client-1");
    let chain = world.ask_with(&token, &csr()).await.expect("one");
    assert_eq!(chain.leaf().uris(), [CLIENT]);
    let guess = format!("{}A", &token[..42]);
    if guess != token {
        world.refuses(Reason::UnknownToken, &guess, &csr()).await;
    }
    world
        .source
        .change("client-1", |pod| pod.workload.phase = Phase::Finished);
    world.refuses(Reason::PodFinished, &token, &csr()).await;
    world.source.pods.lock().expect("pods").clear();
    world.refuses(Reason::PodGone, &token, &csr()).await;
    world.tokens.reconcile(&[]).expect("revoked");
    world.refuses(Reason::UnknownToken, &token, &csr()).await;
}
