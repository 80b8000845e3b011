//! What is logged of a refusal: the reason and who it was, and nothing of the token.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::world::{CLIENT, NOW, TokenKey, World, claims, csr, csr_naming, uri};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_reason_and_identity_and_without_the_token() {
    let (world, key) = World::new();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let foreign = csr_naming(vec![uri("spiffe://cluster.local/ns/shop/sa/admin")]);
    let mut over = claims();
    over["exp"] = json!(NOW - 600);
    let tokens = [
        key.token(&over),
        TokenKey::new("k1").token(&claims()),
        key.token(&claims()),
        world.directory_token("client-1"),
        "opaque-and-unknown-token".to_owned(),
    ];
    for token in &tokens {
        world.ask_with(token, &foreign).await.expect_err("refused");
    }
    world.ask_with(&tokens[2], &csr()).await.expect("one");
    drop(guard);

    let log = log.0.lock().expect("the log").clone();
    let log = String::from_utf8(log).expect("text");
    for expected in [
        "expired",
        "bad-signature",
        "foreign-san",
        "unknown-token",
        CLIENT,
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    for token in &tokens {
        for part in token.split('.') {
            assert!(!log.contains(part), "{part}: {log}");
        }
    }
}
