//! Keys that are fetched: by the control plane, from a real server, as often as they change.

use std::net::{IpAddr, Ipv4Addr};

use ferromesh_testkit::tokens::Issuer;
use ferromesh_testkit::wait::eventually;
use serde_json::{Value, json};

use super::key_server::{Answer, KeyServer, own_address};
use super::{World, authentication, only_principals};

const ISSUER: &str = "https://issuer.example";

/// The keys of several.
fn sets(issuers: &[&Issuer]) -> Answer {
    let mut keys = Vec::new();
    for issuer in issuers {
        let set: Value = serde_json::from_str(&issuer.key_set()).expect("a key set");
        keys.extend(set["keys"].as_array().expect("a list").iter().cloned());
    }
    Answer::Document(json!({ "keys": keys }).to_string())
}

fn remote(issuer: &str, uri: &str) -> Value {
    json!({"issuer": issuer, "jwksUri": uri, "timeout": "1s"})
}

/// Waits until the control plane says why it has no keys.
async fn said(world: &World, text: &str) {
    world
        .mesh
        .operator()
        .stderr_line(text, |line| line.contains(text))
        .await;
}

#[tokio::test]
async fn new_keys_are_believed_and_old_ones_forgotten() {
    let (server, certificate) = KeyServer::secured(own_address()).await;
    let folder = tempfile::tempdir().expect("a directory");
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, certificate).expect("a file");
    let roots = roots.display().to_string();
    let arguments = ["--jwks-refresh", "1", "--jwks-root-certs", &roots];
    let (old, new) = (Issuer::new(ISSUER), Issuer::new(ISSUER));
    let of = |issuer: &Issuer| issuer.sign(&json!({"sub": "alice"})).0;
    let (by_old, by_new) = (of(&old), of(&new));
    server.put("/keys", sets(&[&old]));
    let objects = [
        authentication(&[remote(ISSUER, &server.url("/keys"))]),
        only_principals(&[&format!("{ISSUER}/alice")]),
    ];
    let mut world = World::start_with(&objects, &arguments).await;
    world.until("the keys have come", 200, &by_old).await;
    world.with_token("not yet one of them", 401, &by_new).await;
    server.put("/keys", sets(&[&old, &new]));
    world.until("the new key is believed", 200, &by_new).await;
    world
        .with_token("and the old one still", 200, &by_old)
        .await;
    server.put("/keys", sets(&[&new]));
    world.until("the old key is forgotten", 401, &by_old).await;
    world.with_token("the new one stays", 200, &by_new).await;
    // An issuer that is away for a while takes nothing away.
    server.put("/keys", Answer::Status(503));
    said(&world, "status 503").await;
    world.with_token("its keys stay", 200, &by_new).await;
    world.with_token("and no others", 401, &by_old).await;
    world.get("no token", 403, "/", &[]).await;
    // Nor does a control plane that has just started and can't ask.
    world.mesh.restart().await;
    world.apply(&objects).await;
    world.with_token("they are kept", 200, &by_new).await;
    world.with_token("others are not", 401, &by_old).await;
}

#[tokio::test]
async fn an_issuer_says_itself_where_its_keys_are() {
    let server = KeyServer::plain(own_address()).await;
    let name = server.url("");
    let issuer = Issuer::new(&name);
    let configuration = json!({"issuer": name, "jwks_uri": server.url("/its/keys")});
    server.put(
        "/.well-known/openid-configuration",
        Answer::Document(configuration.to_string()),
    );
    server.put("/its/keys", sets(&[&issuer]));
    let objects = [authentication(&[json!({ "issuer": name })])];
    let world = World::start(&objects).await;
    let (valid, claims) = issuer.sign(&json!({"sub": "alice"}));
    world.until("the keys have come", 200, &valid).await;
    let forged = Issuer::new(&name).sign(&claims).0;
    world.with_token("another's key", 401, &forged).await;
}

#[tokio::test]
async fn nobody_is_led_to_this_machine_itself() {
    let server = KeyServer::plain(own_address()).await;
    let inside = KeyServer::plain(IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
    let (trusted, other) = (Issuer::new(ISSUER), Issuer::new("https://other.example"));
    for path in ["/keys", "/direct"] {
        inside.put(path, sets(&[&trusted, &other]));
    }
    server.put("/away", Answer::Redirect(inside.url("/keys")));
    server.put("/moved", Answer::Redirect(server.url("/there")));
    server.put("/there", sets(&[&trusted]));
    let rules = [
        remote("https://direct.example", &inside.url("/direct")),
        remote("https://other.example", &server.url("/away")),
        remote(ISSUER, &server.url("/moved")),
    ];
    let world = World::start(&[authentication(&rules)]).await;
    let good = trusted.sign(&json!({"sub": "alice"})).0;
    world
        .until("a redirect elsewhere is followed", 200, &good)
        .await;
    said(&world, "a loopback address: it is never connected to").await;
    eventually("both have been refused", async || {
        let log = world.mesh.operator().stderr().join("\n");
        let refused = [inside.url("/direct"), server.url("/away")];
        let is_refused = |url: &String| {
            log.lines()
                .any(|line| line.contains(url) && line.contains("never connected to"))
        };
        if refused.iter().all(is_refused) {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await;
    assert!(server.asked("/away") > 0, "the redirect was met");
    assert_eq!((inside.asked("/keys"), inside.asked("/direct")), (0, 0));
    let led = other.sign(&json!({"sub": "alice"})).0;
    world.with_token("the key inside", 401, &led).await;
    world.get("no token", 200, "/", &[]).await;
}

#[tokio::test]
async fn without_keys_tokens_are_refused_and_nobody_else_is() {
    let server = KeyServer::plain(own_address()).await;
    let (impostor, _) = KeyServer::secured(own_address()).await;
    let (slow, fine) = (Issuer::new("https://slow.example"), Issuer::new(ISSUER));
    server.put("/slow", Answer::Silence);
    impostor.put("/keys", sets(&[&slow]));
    server.put(
        "/secrets",
        Answer::Document(
            json!({"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]}).to_string(),
        ),
    );
    let rules = [
        remote("https://slow.example", &server.url("/slow")),
        remote("https://gone.example", &server.url("/gone")),
        remote("https://secret.example", &server.url("/secrets")),
        remote("https://nowhere.example", "https://nowhere.invalid/keys"),
        remote("https://impostor.example", &impostor.url("/keys")),
        json!({"issuer": ISSUER, "jwks": fine.key_set()}),
    ];
    let world = World::start_with(&[authentication(&rules)], &["--jwks-refresh", "1"]).await;
    for text in [
        "no answer within 1 s",
        "status 404",
        "symmetric keys are refused",
        "nowhere.invalid",
        "UnknownIssuer",
    ] {
        said(&world, text).await;
    }
    let token = |name: &str, issuer: &Issuer| issuer.sign(&json!({"iss": name, "sub": "a"})).0;
    for name in ["slow", "gone", "secret", "nowhere", "impostor"] {
        let name = format!("https://{name}.example");
        world.with_token(&name, 401, &token(&name, &slow)).await;
        world.with_token(&name, 401, &token(&name, &fine)).await;
    }
    world.get("no token", 200, "/", &[]).await;
    world
        .with_token("others have their keys", 200, &token(ISSUER, &fine))
        .await;
    server.put("/slow", sets(&[&slow]));
    let late = token("https://slow.example", &slow);
    world.until("the keys have come at last", 200, &late).await;
}
