//! Calls beside the streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ferromesh_testkit::wait::eventually;
use ferromesh_xds_server::{Answer, Call, Calls, Limits, Proof, Reason, Status};

use crate::certificates::Leaf;
use crate::client::Client;
use crate::server::Server;

/// Says again what it is told, and by whom.
#[derive(Default)]
pub struct Echo {
    waiting: Arc<AtomicUsize>,
}

/// Counts as long as it lives.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Calls for Echo {
    fn call(&self, call: Call) -> Option<Answer> {
        let debug = format!("{call:?}");
        match call.path.as_str() {
            "/echo" => {
                let who = match &call.peer.proof {
                    Proof::Loopback => "loopback".to_owned(),
                    Proof::Anonymous => "nobody".to_owned(),
                    Proof::Certificate(verified) => {
                        format!("{} {}", verified.identity, verified.chain.len())
                    }
                };
                let token = call.authorization.unwrap_or_default();
                assert!(token.is_empty() || !debug.contains(&token), "{debug}");
                let body = [who.as_bytes(), b" ", token.as_bytes(), b" ", &call.body].concat();
                Some(Box::pin(async move { Ok(Bytes::from(body)) }))
            }
            "/fail" => Some(Box::pin(async {
                let message = "100 % wrong:\n\"ä\"".to_owned();
                Err(Status { code: 7, message })
            })),
            "/large" => Some(Box::pin(async { Ok(Bytes::from(vec![7; 1 << 20])) })),
            "/wait" => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let waiting = Waiting(Arc::clone(&self.waiting));
                Some(Box::pin(async move {
                    let _waiting = waiting;
                    std::future::pending().await
                }))
            }
            _ => None,
        }
    }
}

async fn server(limits: Limits) -> (Server, Arc<Echo>) {
    let echo = Arc::new(Echo::default());
    let server = Server::with(limits, Arc::clone(&echo) as Arc<dyn Calls>).await;
    (server, echo)
}

#[tokio::test]
async fn one_message_in_and_one_out() {
    let (server, _) = server(Limits::default()).await;
    let mut client = Client::connect(server.address, None)
        .await
        .expect("a connection");
    let answer = client.call("/echo", Some("Bearer secret"), b"body").await;
    assert_eq!(answer.as_deref(), Ok(&b"nobody Bearer secret body"[..]));
    let own = server.authority.issue(&Leaf::account("shop", "first"));
    let mut known = Client::connect(server.address, Some(&own))
        .await
        .expect("a connection");
    let answer = known.call("/echo", None, b"body").await;
    let expected = &b"spiffe://cluster.local/ns/shop/sa/first 1  body"[..];
    assert_eq!(answer.as_deref(), Ok(expected));
    let large = client.call("/large", None, b"").await.expect("an answer");
    assert_eq!(large.len(), 1 << 20);
    assert_eq!(server.plane.hub().counts().calls, 3);
}

#[tokio::test]
async fn what_is_refused_has_a_code_and_a_reason() {
    let (server, _) = server(Limits {
        call: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let mut client = Client::connect(server.address, None)
        .await
        .expect("a connection");
    let large = vec![0; (32 << 10) + 1];
    for (path, body, code, message) in [
        ("/fail", &b""[..], "7", "100 %25 wrong:%0A\"%C3%A4\""),
        ("/nothing", b"", "12", "no such method"),
        ("/echo", &large, "8", "the message is longer than allowed"),
        ("/wait", b"", "4", "the call took too long"),
    ] {
        let answer = client.call(path, None, body).await;
        assert_eq!(answer, Err((code.to_owned(), message.to_owned())), "{path}");
    }
}

#[tokio::test]
async fn there_is_an_end_to_calls() {
    let (server, echo) = server(Limits {
        calls: 1,
        ..Limits::default()
    })
    .await;
    let mut first = Client::connect(server.address, None)
        .await
        .expect("a connection");
    let mut second = Client::connect(server.address, None)
        .await
        .expect("a connection");
    let waiting = tokio::spawn(async move { first.call("/wait", None, b"").await });
    let count = |expected| {
        let waiting = Arc::clone(&echo.waiting);
        eventually("calls that wait", async move || {
            match waiting.load(Ordering::SeqCst) {
                found if found == expected => Ok(()),
                found => Err(format!("{found}")),
            }
        })
    };
    count(1).await;
    let (code, _) = second.call("/echo", None, b"").await.expect_err("refused");
    assert_eq!(
        (code.as_str(), server.denied(Reason::CallsCrowded)),
        ("8", 1)
    );
    waiting.abort();
    count(0).await;
    assert!(second.call("/echo", None, b"").await.is_ok());
}
