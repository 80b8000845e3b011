//! Tokens that can't be decided here go to the API server, and no others.

use std::sync::atomic::Ordering;

use ferromesh_ca::{Phase, Reason, Reviewed};
use serde_json::json;

use crate::world::{CLIENT, NOW, TokenKey, World, claims, csr};

fn review(world: &World, token: &str, uid: &str) {
    let reviewed = Reviewed {
        namespace: "shop".to_owned(),
        account: "client".to_owned(),
        pod: "client-1".to_owned(),
        uid: uid.to_owned(),
    };
    let mut known = world.reviewer.known.lock().expect("reviews");
    known.insert(token.to_owned(), reviewed);
}

fn asked(world: &World) -> usize {
    world.reviewer.asked.swap(0, Ordering::SeqCst)
}

#[tokio::test]
async fn another_key_or_issuer_or_a_pod_that_is_news_is_reviewed_once() {
    let (world, key) = World::new();
    let stranger = TokenKey::new("k9");
    let mut foreign = claims();
    foreign["iss"] = json!("https://former-issuer.example");
    for token in [stranger.token(&claims()), key.token(&foreign)] {
        review(&world, &token, "uid-1");
        let chain = world.ask_with(&token, &csr()).await.expect("a review");
        assert_eq!(chain.leaf().uris(), [CLIENT]);
        assert_eq!(asked(&world), 1);
    }
    // The watch is behind: there is no such pod yet, or still its predecessor.
    let token = key.token(&claims());
    review(&world, &token, "uid-1");
    world
        .source
        .change("client-1", |pod| pod.uid = "uid-0".to_owned());
    let chain = world.ask_with(&token, &csr()).await.expect("a review");
    let names = chain.leaf().dns_names().to_vec();
    assert!(names[0].starts_with("unknown.unknown."), "{names:?}");
    world.source.pods.lock().expect("pods").clear();
    world.ask_with(&token, &csr()).await.expect("a review");
    assert_eq!(asked(&world), 2);
}

#[tokio::test]
async fn what_is_decided_is_not_reviewed() {
    let (world, key) = World::new();
    let with = |name: &str, value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let forged = TokenKey::new("k1");
    for (token, reason) in [
        (key.token(&with("exp", json!(NOW - 100))), Reason::Expired),
        (
            key.token(&with("aud", json!("vault"))),
            Reason::ForeignAudience,
        ),
        (
            key.token(&with("sub", json!("alice"))),
            Reason::WrongNamespace,
        ),
        (forged.token(&claims()), Reason::BadSignature),
    ] {
        review(&world, &token, "uid-1");
        world.refuses(reason, &token, &csr()).await;
    }
    assert_eq!(asked(&world), 0);
}

#[tokio::test]
async fn a_review_does_not_bring_back_a_pod_that_we_know_better() {
    let (world, _) = World::new();
    let token = TokenKey::new("k9").token(&claims());
    review(&world, &token, "uid-1");
    world
        .source
        .change("client-1", |pod| pod.workload.phase = Phase::Finished);
    world.refuses(Reason::PodFinished, &token, &csr()).await;
    world
        .source
        .change("client-1", |pod| pod.workload.account = "other".to_owned());
    world.refuses(Reason::PodDiffers, &token, &csr()).await;
    // Nobody vouches for it: the first refusal stands.
    let other = TokenKey::new("k8").token(&claims());
    world.refuses(Reason::UnknownKey, &other, &csr()).await;
}
