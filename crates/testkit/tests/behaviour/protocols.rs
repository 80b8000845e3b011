//! What may be spoken on a port, from the client's application through both proxies to the
//! server's: every protocol by the name of the port, and by itself where the port has none.

use std::time::{Duration, Instant};

use ferromesh_testkit::client::{Connection, Protocol, Request, Tcp, WebSocket};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::wait::eventually;
use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pair::{Pair, Port};

/// One port for each protocol that its name declares, and one whose name declares none.
const PORTS: [Port<'_>; 6] = [
    ("http-web", 80, (Kind::Http, 8080)),
    ("http2-web", 81, (Kind::Http, 8081)),
    ("grpc-calls", 82, (Kind::Http, 8082)),
    ("anything", 83, (Kind::Mixed, 8083)),
    ("tcp-lines", 84, (Kind::Tcp, 8084)),
    ("mysql", 85, (Kind::Banner, 8085)),
];

/// Longer than anything takes that waits for nobody.
const DETECTION: Duration = Duration::from_secs(2);

fn get(path: &str) -> Request {
    Request::get("server", path)
}

/// A mesh that waits for a client's first bytes until [`DETECTION`] has passed.
async fn open() -> Pair {
    let pair = Pair::open(&PORTS, "protocolDetectionTimeout: 2s\n", "").await;
    for port in [80, 81, 82, 83] {
        pair.until("HTTP arrives", port, get("/"), |answer| {
            answer.status == 200
        })
        .await;
    }
    pair
}

#[tokio::test]
async fn http1_http2_and_grpc_pass_both_proxies() {
    let pair = open().await;
    // The name of the port decides what the server's side speaks; without, the client does.
    for (port, client, server) in [
        (80, Protocol::Http1, "HTTP/1.1"),
        (80, Protocol::Http2, "HTTP/1.1"),
        (81, Protocol::Http1, "HTTP/2.0"),
        (81, Protocol::Http2, "HTTP/2.0"),
        (82, Protocol::Http2, "HTTP/2.0"),
        (83, Protocol::Http1, "HTTP/1.1"),
        (83, Protocol::Http2, "HTTP/2.0"),
    ] {
        let mut connection = Connection::open(pair.client.outbound(port), client)
            .await
            .unwrap();
        for number in 0..3 {
            let body = vec![b'x'; number * 100_000];
            let request = get("/echo?a=b")
                .method(Method::POST)
                .header("x-own", "1")
                .body(body);
            let answer = connection.send(request).await.unwrap();
            assert_eq!(
                answer.status,
                200,
                "{client:?} to {port}: {}",
                answer.text()
            );
            let seen = answer.json();
            assert_eq!(seen["protocol"], server, "{client:?} to {port}");
            assert_eq!(seen["instance"], "server");
            assert_eq!(
                (&seen["method"], &seen["path"], &seen["query"]),
                (&"POST".into(), &"/echo".into(), &"a=b".into())
            );
            assert_eq!(seen["headers"]["x-own"], "1");
            assert_eq!(seen["bodyLength"], number * 100_000, "{client:?} to {port}");
        }
        assert!(connection.is_open());
    }
    for port in [81, 82, 83] {
        let mut connection = Connection::open(pair.client.outbound(port), Protocol::Http2)
            .await
            .unwrap();
        for (status, header) in [("0", "0"), ("7", "7")] {
            let call = Request::get("server", "/shop.Orders/Place")
                .grpc(b"an order")
                .header("x-echo-grpc-status", header);
            let answer = connection.send(call).await.unwrap();
            assert_eq!(
                (answer.status.as_u16(), answer.instance()),
                (200, "server"),
                "{port}"
            );
            assert_eq!(answer.body.as_ref(), b"\0\0\0\0\x08an order", "{port}");
            assert_eq!(answer.trailers["grpc-status"], status, "{port}");
        }
    }
}

#[tokio::test]
async fn websockets_carry_frames_both_ways() {
    let pair = open().await;
    for port in [80, 83] {
        let mut socket = WebSocket::open(pair.client.outbound(port), "server", "/socket")
            .await
            .unwrap_or_else(|error| panic!("port {port}: {error}"));
        for length in [1, 100, 70_000] {
            let text = "x".repeat(length);
            assert_eq!(
                socket.exchange(&text).await.as_deref(),
                Ok(text.as_str()),
                "port {port}"
            );
        }
    }
}

#[tokio::test]
async fn tcp_passes_unread_and_a_server_may_speak_first() {
    let pair = open().await;
    // Nobody waits for anything on ports that are declared: neither for a client that begins
    // like HTTP and goes on differently, nor for one that is silent.
    let begin = Instant::now();
    let mut lines = Tcp::open(pair.client.outbound(84)).await.unwrap();
    for line in ["PING", "GET / HTTP/1.1", "", "more"] {
        lines.say(line).await.unwrap();
        assert_eq!(lines.hear().await.unwrap().as_deref(), Some(line));
    }
    let mut banner = Tcp::open(pair.client.outbound(85)).await.unwrap();
    assert_eq!(
        banner.hear().await.unwrap().as_deref(),
        Some("instance server")
    );
    banner.say("hello").await.unwrap();
    assert_eq!(banner.hear().await.unwrap().as_deref(), Some("hello"));
    assert!(begin.elapsed() < DETECTION, "{:?}", begin.elapsed());

    // A client that sends everything and closes its half at once gets all of it back.
    let mut stream = TcpStream::connect(pair.client.outbound(84)).await.unwrap();
    let data: Vec<u8> = (0..1_000_000_u32).map(|at| at.to_be_bytes()[3]).collect();
    let (mut reader, mut writer) = stream.split();
    let mut back = Vec::new();
    let send = async {
        writer.write_all(&data).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let (_, read) = tokio::join!(send, reader.read_to_end(&mut back));
    read.unwrap();
    assert!(
        back == data,
        "{} of {} bytes came back",
        back.len(),
        data.len()
    );
    let mut stream = TcpStream::connect(pair.client.outbound(84)).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).await.unwrap();
    assert_eq!(back, "x");
}

#[tokio::test]
async fn a_port_without_a_declared_protocol_carries_http_and_tcp() {
    let pair = Pair::open(
        &[
            ("anything", 83, (Kind::Mixed, 8083)),
            ("unknown", 86, (Kind::Banner, 8086)),
        ],
        "protocolDetectionTimeout: 2s\n",
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: shop}
spec:
  hosts: [server]
  http:
  - match: [{uri: {prefix: /teapot}}]
    directResponse: {status: 418}
  - route: [{destination: {host: server}}]
",
    )
    .await;
    // HTTP is routed as HTTP.
    pair.until("the rule", 83, get("/teapot"), |answer| {
        answer.status == 418
    })
    .await;
    let answer = pair.send(83, get("/")).await;
    assert_eq!((answer.status.as_u16(), answer.instance()), (200, "server"));
    // The same port, at the same time: bytes that are no HTTP, also such as begin like it.
    let mut lines = Tcp::open(pair.client.outbound(83)).await.unwrap();
    for line in ["hello", "teapot"] {
        lines.say(line).await.unwrap();
        assert_eq!(lines.hear().await.unwrap().as_deref(), Some(line));
    }
    let answer = pair.send(83, get("/teapot")).await;
    assert_eq!(answer.status, 418);
    lines.say("still here").await.unwrap();
    assert_eq!(lines.hear().await.unwrap().as_deref(), Some("still here"));
    // A server that speaks first is heard when the time for detection is over, on both sides.
    let begin = Instant::now();
    let mut banner = Tcp::open(pair.client.outbound(86)).await.unwrap();
    assert_eq!(
        banner.hear().await.unwrap().as_deref(),
        Some("instance server")
    );
    assert!(begin.elapsed() >= DETECTION, "{:?}", begin.elapsed());
    banner.say("hello").await.unwrap();
    assert_eq!(banner.hear().await.unwrap().as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_declared_server_first_port_waits_for_nobody_by_default() {
    // Without a limit for detection an undeclared port would be silent for ever.
    let pair = Pair::open(
        &[
            ("mysql", 3306, (Kind::Banner, 3306)),
            ("tcp", 84, (Kind::Banner, 8084)),
        ],
        "",
        "",
    )
    .await;
    for port in [3306, 84] {
        eventually("the server is heard", async || {
            let mut banner = Tcp::open(pair.client.outbound(port)).await?;
            match banner.hear().await?.as_deref() {
                Some("instance server") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}
