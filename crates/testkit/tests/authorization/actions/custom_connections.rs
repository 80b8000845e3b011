//! CUSTOM on connections: by gRPC only.

use std::net::IpAddr;

use serde_json::json;

use super::authorizer::Speech;
use super::custom_grpc::said;
use super::scene::{DETECT, Scene, by_grpc, by_http, policy, providers};

#[tokio::test]
async fn connections_are_put_to_an_authorizer_by_grpc() {
    let open = json!({"failOpen": true, "timeout": "0.2s"});
    let mut scene = Scene::open(&providers(&[
        by_grpc("guard", &json!({"timeout": "0.2s"})),
        by_grpc("open", &open),
    ]))
    .await;
    let asking = |provider: &str| {
        let rules = json!([{
            "from": [{"source": {"ipBlocks": ["127.0.0.0/24"]}}],
            "to": [{"operation": {"ports": ["9090"]}}],
        }]);
        let provider = json!({"name": provider});
        let spec = json!({"action": "CUSTOM", "provider": provider, "rules": rules});
        policy("shop", "connections", &spec)
    };
    scene.apply(&[asking("guard")]).await;
    scene.by_grpc.say(said(0, None));
    scene.exchange("front").await.unwrap();
    let check = scene.by_grpc.asked_once().check();
    let source = check.attributes.unwrap().source.unwrap();
    assert_eq!(source.principal, "spiffe://cluster.local/ns/shop/sa/front");
    // Those that the rules don't match are nobody's business.
    let there = IpAddr::from([127, 0, 9, 1]);
    scene.exchange_from(there, "front").await.unwrap();
    assert_eq!(scene.get("front", "/").await.0, 200);
    assert_eq!(scene.by_grpc.asked().len(), 0);

    scene.by_grpc.say(said(7, None));
    scene.exchange("front").await.unwrap_err();
    assert_eq!(scene.by_grpc.asked().len(), 1);
    scene.exchange_from(there, "front").await.unwrap();

    for (speech, what) in [
        (Speech::Silence, "never answers"),
        (Speech::Failure(14), "fails"),
    ] {
        scene.by_grpc.say(speech);
        scene.apply(&[asking("guard")]).await;
        assert!(scene.exchange("front").await.is_err(), "{what}");
        scene.apply(&[asking("open")]).await;
        assert!(scene.exchange("front").await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn an_authorizer_by_http_has_nothing_to_say_on_connections_and_that_is_told() {
    let mut scene = Scene::open(&providers(&[by_http("guard", &json!({}))])).await;
    let spec = json!({"action": "CUSTOM", "provider": {"name": "guard"}, "rules": [{}]});
    scene.apply(&[policy("shop", "everything", &spec)]).await;
    scene.exchange("front").await.unwrap();
    assert_eq!(scene.by_http.asked().len(), 0);
    assert_eq!(scene.get("front", "/").await.0, 200);
    assert_eq!(scene.by_http.asked().len(), 1);
    // Where both are expected, what nobody can be asked about is refused.
    let mut connection = scene.open_at(DETECT, "front").await;
    connection.echo(b"hello\n").await.unwrap_err();
    let told = scene
        .mesh
        .debug_json("/debug/diagnostics")
        .await
        .to_string();
    for part in [
        "spec.provider.name",
        "requests-only",
        "speaks TCP: nobody is asked there",
        "use an authorizer by gRPC, or write an ALLOW policy for that port",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
