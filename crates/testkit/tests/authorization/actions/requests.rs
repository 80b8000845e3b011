//! Requests one by one: on connections that stay open, and while policies change.

use std::time::Duration;

use ferromesh_testkit::client::{Connection, Protocol, Request};
use ferromesh_testkit::wait::{eventually, within};
use hyper::Method;
use serde_json::{Value, json};

use super::scene::{Scene, TCP, about, policy, refused, request};

/// When connections from before a change have ended at the latest, with some time for slow machines: agents give Envoy 45 s.
const DRAIN: Duration = Duration::from_secs(75);

/// Nobody may do anything.
fn about_all(name: &str) -> Value {
    policy("shop", name, &json!({"action": "DENY", "rules": [{}]}))
}

/// Only reading is allowed.
fn reading() -> Value {
    let rules = json!([{"to": [{"operation": {"methods": ["GET"]}}]}]);
    policy("shop", "reading", &json!({"rules": rules}))
}

#[tokio::test]
async fn each_request_of_a_connection_is_judged() {
    let mut scene = Scene::open(&json!({})).await;
    scene.apply(&[reading()]).await;
    let mut connection = scene.connect("front").await;
    for (method, expected) in [("GET", 200), ("DELETE", 403), ("GET", 200), ("PUT", 403)] {
        let reply = connection.send(&request(method, "/", &[], "")).await;
        assert_eq!(reply.unwrap().status, expected, "{method}");
    }
    assert_eq!(scene.server.echo().counters().requests, 2);

    // The same through the proxy of a client, by both protocols.
    let client = scene.mesh.workload(scene.client.clone()).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let opened = Connection::open(client.outbound(80), protocol).await;
        let mut connection = opened.unwrap();
        for (method, expected) in [
            (Method::GET, 200),
            (Method::DELETE, 403),
            (Method::GET, 200),
        ] {
            let sent = Request::get("server", "/").method(method.clone());
            let answer = connection.send(sent).await.unwrap();
            assert_eq!(answer.status, expected, "{protocol:?} {method}");
        }
    }
    // A call hears of it as calls do.
    let call = Request::get("server", "/shop.Orders/Place").grpc(b"one book");
    let answer = call.send_by(client.outbound(80), Protocol::Http2).await;
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("grpc-status")),
        (200, "7")
    );
    assert_eq!(answer.header("grpc-message"), "RBAC: access denied");
}

#[tokio::test]
async fn a_change_of_policy_reaches_open_connections() {
    let mut scene = Scene::open(&json!({})).await;
    scene.apply(&[]).await;
    let client = scene.mesh.workload(scene.client.clone()).await;
    let mut connections = Vec::new();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let opened = Connection::open(client.outbound(80), protocol).await;
        let mut connection = opened.unwrap();
        let answer = connection.send(Request::get("server", "/")).await.unwrap();
        assert_eq!(answer.status, 200);
        connections.push(connection);
    }
    let mut direct = scene.connect("front").await;
    let get = request("GET", "/", &[], "");
    assert_eq!(direct.send(&get).await.unwrap().status, 200);

    scene.apply(&[about("nothing", "DENY", &["/*"])]).await;
    assert_eq!(scene.get("front", "/").await, refused());
    // Whoever holds on to a connection to the server's proxy is told to leave, and then made to.
    let reply = direct.send(&get).await.unwrap();
    assert_eq!(reply.header("connection"), "close", "{reply:?}");
    eventually("the connection is closed", async || {
        match direct.send(&get).await {
            Err(_) => Ok(()),
            Ok(reply) => Err(format!("{reply:?}")),
        }
    })
    .await;
    // For applications, whose proxy stays, the change is all that they see.
    for connection in &mut connections {
        eventually("the open connection is judged anew", async || {
            let answer = connection.send(Request::get("server", "/")).await.unwrap();
            match answer.status.as_u16() {
                403 => Ok(()),
                other => Err(other.to_string()),
            }
        })
        .await;
    }
    scene.apply(&[]).await;
    for connection in &mut connections {
        eventually("it is allowed again", async || {
            let answer = connection.send(Request::get("server", "/")).await.unwrap();
            match answer.status.as_u16() {
                200 => Ok(()),
                other => Err(other.to_string()),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn connections_that_are_refused_by_now_end_with_the_drain() {
    let mut scene = Scene::open(&json!({})).await;
    scene.apply(&[]).await;
    // Nobody can tell the one to leave, and the other one asks for nothing.
    let mut lines = scene.open_at(TCP, "front").await;
    assert_eq!(lines.echo(b"hello\n").await.unwrap(), b"hello\n");
    let mut idle = scene.connect("front").await;
    scene.apply(&[about_all("nobody")]).await;
    scene.exchange("front").await.unwrap_err();
    within(DRAIN, "the connection is closed", async || {
        match lines.echo(b"hello\n").await {
            Err(_) => Ok(()),
            Ok(_) => Err("it isn't".to_owned()),
        }
    })
    .await;
    let reply = idle.send(&request("GET", "/", &[], "")).await;
    reply.unwrap_err();
}
