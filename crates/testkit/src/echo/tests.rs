//! The echo server against the client: each is the other's proof.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;

use super::{Echo, Kind};
use crate::client::{Connection, Protocol, Request, Tcp, WebSocket, many};

async fn start() -> (Echo, SocketAddr) {
    let mut echo = Echo::new("one");
    let address = echo
        .listen(Kind::Http, "127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    (echo, address)
}

#[tokio::test]
async fn says_what_it_received_over_both_versions() {
    let (_echo, address) = start().await;
    for (protocol, name) in [(Protocol::Http1, "HTTP/1.1"), (Protocol::Http2, "HTTP/2.0")] {
        let request = Request::get("shop:80", "/a?b=c")
            .method(Method::POST)
            .header("x-a", "1")
            .body("four");
        let answer = request
            .header("x-echo-response", "x-b=2")
            .send_by(address, protocol)
            .await
            .unwrap();
        let seen = answer.json();
        assert_eq!(answer.instance(), "one");
        assert_eq!(answer.header("x-b"), "2");
        for (key, expected) in [
            ("method", "POST"),
            ("host", "shop:80"),
            ("path", "/a"),
            ("query", "b=c"),
            ("protocol", name),
        ] {
            assert_eq!(seen[key], expected, "{seen}");
        }
        assert_eq!(
            (answer.seen_header("x-a").as_str(), &seen["bodyLength"]),
            ("1", &4.into())
        );
    }
}

#[tokio::test]
async fn fails_as_ordered_and_counts() {
    let (echo, address) = start().await;
    let flaky = |order: &str| {
        Request::get("shop", "/")
            .header("x-echo-fail", order)
            .header("x-echo-key", order)
    };
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(flaky("503*2").send(address).await.unwrap().status.as_u16());
    }
    assert_eq!(statuses, [503, 503, 200]);
    assert_eq!(echo.requests_of("503*2"), 3);
    assert!(flaky("reset*1").send(address).await.is_err());
    assert_eq!(
        flaky("reset*1")
            .send(address)
            .await
            .unwrap()
            .header("x-echo-attempt"),
        "2"
    );
    assert_eq!(
        Request::get("shop", "/status/418")
            .send(address)
            .await
            .unwrap()
            .status,
        418
    );
    let slow = Request::get("shop", "/?delay=30ms")
        .send(address)
        .await
        .unwrap();
    assert!(slow.elapsed >= Duration::from_millis(30));
    let wrong = Request::get("shop", "/?delay=soon")
        .send(address)
        .await
        .unwrap();
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn is_controlled_over_http() {
    let (echo, address) = start().await;
    let control = async |method: Method, path: &str| {
        Request::get("x", path)
            .method(method)
            .send(address)
            .await
            .unwrap()
            .json()
    };
    control(Method::PUT, "/_echo/fault?fail=500").await;
    assert_eq!(
        Request::get("shop", "/")
            .send(address)
            .await
            .unwrap()
            .status,
        500
    );
    assert_eq!(
        control(Method::DELETE, "/_echo/fault").await["faulty"],
        false
    );
    assert_eq!(
        Request::get("shop", "/")
            .send(address)
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(control(Method::GET, "/_echo/counters").await["requests"], 2);
    assert_eq!(
        control(Method::DELETE, "/_echo/counters").await["requests"],
        0
    );
    assert_eq!(echo.counters().requests, 0);
}

#[tokio::test]
async fn connections_are_kept_and_counted() {
    let (echo, address) = start().await;
    let tally = many(address, Protocol::Http1, 4, 100, |_| {
        Request::get("shop", "/?delay=5ms")
    })
    .await;
    assert_eq!(
        (tally.status(200), tally.instance("one"), tally.total()),
        (100, 100, 100)
    );
    let counters = echo.counters();
    assert_eq!(
        (
            counters.requests,
            counters.connections,
            counters.most_active
        ),
        (100, 4, 4)
    );
    let mut connection = Connection::open(address, Protocol::Http1).await.unwrap();
    connection.send(Request::get("shop", "/")).await.unwrap();
    drop(echo);
    connection.closed().await;
}

#[tokio::test]
async fn speaks_grpc_websocket_and_tcp() {
    let (mut echo, address) = start().await;
    let call = Request::get("shop", "/pkg.Service/Method").grpc(b"hello");
    let answer = call
        .clone()
        .send_by(address, Protocol::Http2)
        .await
        .unwrap();
    assert_eq!(&answer.body[5..], b"hello");
    assert_eq!(answer.trailers.get("grpc-status").unwrap(), "0");
    let failed = call
        .header("x-echo-grpc-status", "14")
        .send_by(address, Protocol::Http2)
        .await
        .unwrap();
    assert_eq!(failed.trailers.get("grpc-status").unwrap(), "14");

    let mut socket = WebSocket::open(address, "shop", "/chat").await.unwrap();
    assert_eq!(socket.exchange("hello").await.as_deref(), Ok("hello"));

    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let (plain, banner) = (
        echo.listen(Kind::Tcp, any).await.unwrap(),
        echo.listen(Kind::Banner, any).await.unwrap(),
    );
    let (mut plain, mut banner) = (
        Tcp::open(plain).await.unwrap(),
        Tcp::open(banner).await.unwrap(),
    );
    plain.say("hello").await.unwrap();
    assert_eq!(plain.hear().await, Ok(Some("hello".to_owned())));
    assert_eq!(banner.hear().await, Ok(Some("instance one".to_owned())));
}

#[tokio::test]
async fn ends_when_what_it_serves_is_answered() {
    let (echo, address) = start().await;
    let slow = Request::get("shop", "/").header("x-echo-delay", "200ms");
    let mut idle = Connection::open(address, Protocol::Http1).await.unwrap();
    idle.send(Request::get("shop", "/")).await.unwrap();
    let served = tokio::spawn(slow.send(address));
    crate::wait::eventually("the request is there", async || {
        (echo.counters().active == 1)
            .then_some(())
            .ok_or_else(String::new)
    })
    .await;
    echo.end().await;
    assert_eq!(served.await.unwrap().unwrap().status, 200);
    idle.closed().await;
    assert!(Connection::open(address, Protocol::Http1).await.is_err());
}

#[tokio::test]
async fn tells_of_its_health_and_its_metrics() {
    let (echo, address) = start().await;
    for (fault, expected) in [(None, 1), (Some(super::control::Fault::default()), 2)] {
        echo.set_fault(fault);
        let request = Request::get("shop", "/grpc.health.v1.Health/Check").grpc(b"");
        let answer = request.send_by(address, Protocol::Http2).await.unwrap();
        assert_eq!(answer.body.as_ref(), [0, 0, 0, 0, 2, 8, expected]);
        assert_eq!(answer.trailers["grpc-status"], "0");
    }
    let metrics = Request::get("shop", "/_echo/metrics").send(address).await;
    let metrics = metrics.unwrap().text();
    assert!(metrics.contains("echo_requests_total 2\n"), "{metrics}");
}
