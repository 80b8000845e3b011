//! The server, as an API server speaks to it.

#[path = "server/client.rs"]
mod client;
#[path = "server/shown.rs"]
mod shown;
#[path = "support/review.rs"]
mod support;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use client::{Client, Protocol};
use ferromesh_webhook::review::Malformed;
use ferromesh_webhook::{Admission, probe, serve, validate};
use http::StatusCode;
use rustls::ServerConfig;
use serde_json::{Value, json};
use shown::shown;
use support::{response, review};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

struct Server {
    address: std::net::SocketAddr,
    config: watch::Sender<Arc<ServerConfig>>,
    probed: Arc<Mutex<Vec<String>>>,
    end: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

async fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let config = watch::Sender::new(shown("first"));
    let probed = Arc::new(Mutex::new(Vec::new()));
    let (end, ended) = oneshot::channel::<()>();
    let arrived = Arc::clone(&probed);
    let admission = Admission {
        inject: Arc::new(|body| {
            let length = Bytes::from(body.len().to_string());
            if body.is_empty() {
                Err(Malformed("empty".to_owned()))
            } else {
                Ok(length)
            }
        }),
        validate: Arc::new(validate),
        probe: Arc::new(move |body| {
            probe(body, |said| {
                arrived.lock().expect("a lock").push(said.to_owned())
            })
        }),
    };
    let serving = tokio::spawn(serve(listener, config.subscribe(), admission, async {
        let _ = ended.await;
    }));
    Server {
        address,
        config,
        probed,
        end,
        serving,
    }
}

fn question() -> Vec<u8> {
    let object = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": "a", "namespace": "shop"}, "spec": {"hosts": ["a.example"], "ports": [
            {"number": 80, "name": "http", "protocol": "HTTP"},
        ], "resolution": "DNS"},
    });
    review("CREATE", object, Value::Null)
}

#[tokio::test]
async fn both_protocols_are_spoken_and_connections_are_kept() {
    let server = start().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut client = Client::connect(server.address, protocol).await;
        for _ in 0..3 {
            let answer = client.post("/validate", question()).await;
            assert_eq!(answer.status, StatusCode::OK, "{protocol:?}");
            assert_eq!(answer.content_type, "application/json");
            assert_eq!(
                response(&answer.body),
                json!({"uid": "u-1", "allowed": true})
            );
        }
        // As large as a pair of objects can be.
        let answer = client.post("/inject", vec![b' '; 4 << 20]).await;
        assert_eq!(answer.body, (4 << 20).to_string().as_bytes());
    }
}

#[tokio::test]
async fn what_is_no_question_is_refused_and_the_next_is_answered() {
    let server = start().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for (path, body, status) in [
            ("/validate", b"{".to_vec(), StatusCode::BAD_REQUEST),
            ("/inject", Vec::new(), StatusCode::BAD_REQUEST),
            ("/nothing", Vec::new(), StatusCode::NOT_FOUND),
            (
                "/validate",
                vec![b' '; 9 << 20],
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
        ] {
            let mut client = Client::connect(server.address, protocol).await;
            let answer = client.post(path, body).await;
            assert_eq!(answer.status, status, "{path} by {protocol:?}");
        }
        let mut client = Client::connect(server.address, protocol).await;
        let answer = client.post("/validate", question()).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn whoever_speaks_no_tls_keeps_nobody_away() {
    let server = start().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(client::plain(server.address, b"POST /inject HTTP/1.1\r\n\r\n").await);
    }
    let mut client = Client::connect(server.address, Protocol::Http1).await;
    assert_eq!(
        client.post("/validate", question()).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn new_connections_get_the_new_certificate_and_old_ones_go_on() {
    let server = start().await;
    let mut before = Client::connect(server.address, Protocol::Http1).await;
    server.config.send_replace(shown("second"));
    let mut after = Client::connect(server.address, Protocol::Http2).await;
    assert_eq!(before.server, "first");
    assert_eq!(after.server, "second");
    for client in [&mut before, &mut after] {
        assert_eq!(
            client.post("/validate", question()).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn a_probe_is_told_and_the_next_comes_by_another_connection() {
    let server = start().await;
    let ask = |nonce: &str| {
        let lease = json!({"metadata": {"name": "a", "labels": {"ferromesh.io/probe": nonce}}});
        review("CREATE", lease, Value::Null)
    };
    let mut client = Client::connect(server.address, Protocol::Http1).await;
    let answer = client.post("/probe", ask("n-1")).await;
    assert_eq!(response(&answer.body)["allowed"], true);
    assert!(answer.closes);
    let answer = Client::connect(server.address, Protocol::Http2).await;
    let answer = { answer }.post("/probe", ask("n-2")).await;
    assert_eq!(response(&answer.body)["allowed"], true);
    let unlabelled = review("CREATE", json!({"metadata": {"name": "a"}}), Value::Null);
    let mut client = Client::connect(server.address, Protocol::Http1).await;
    assert_eq!(
        client.post("/probe", unlabelled).await.status,
        StatusCode::OK
    );
    assert_eq!(*server.probed.lock().expect("a lock"), ["n-1", "n-2"]);
}

#[tokio::test]
async fn whoever_goes_still_answers_and_says_so() {
    let server = start().await;
    let mut kept = Client::connect(server.address, Protocol::Http1).await;
    let mut streams = Client::connect(server.address, Protocol::Http2).await;
    let answer = kept.post("/validate", question()).await;
    assert!(!answer.closes);
    server.end.send(()).expect("it serves");
    // Whoever has not heard of it yet comes and is answered.
    loop {
        let mut late = Client::connect(server.address, Protocol::Http1).await;
        let answer = late.post("/validate", question()).await;
        assert_eq!(answer.status, StatusCode::OK);
        if answer.closes {
            break;
        }
    }
    let answer = kept.post("/validate", question()).await;
    assert_eq!((answer.status, answer.closes), (StatusCode::OK, true));
    let answer = streams.post("/validate", question()).await;
    assert_eq!(answer.status, StatusCode::OK);
    server.serving.await.expect("it ends by itself");
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
}
