//! The fetcher against servers on loopback. The rules of these tests let 127.0.0.2 through, and
//! nothing else that is always blocked.

mod follow;
mod server;

use std::time::Duration;

use ferromesh_mesh::policy::jwt::KeySource;

use super::address::Rules;
use super::fetch::Fetcher;
use server::{Reply, Server};

const KEYS: &str = r#"{"keys":[{"kty":"RSA","kid":"a","n":"AQ","e":"AQAB"}]}"#;

fn fetcher(server: &Server) -> Fetcher {
    let rules = Rules {
        blocked: Vec::new(),
        exempt: vec!["127.0.0.2/32".parse().expect("a network")],
    };
    Fetcher::new(rules, server.root())
}

fn uri(text: String) -> KeySource {
    KeySource::Uri(text.into())
}

async fn fault(fetcher: &Fetcher, source: &KeySource) -> String {
    fetcher.keys(source).await.expect_err("no keys").to_string()
}

#[tokio::test]
async fn keys_come_from_their_address_or_from_the_issuers() {
    for server in [Server::plain().await, Server::tls().await] {
        let fetcher = fetcher(&server);
        server.put("/keys", Reply::document(KEYS));
        let direct = fetcher.keys(&uri(server.url("/keys"))).await;
        assert_eq!(direct.expect("keys").as_ref(), KEYS);

        let configuration = format!(r#"{{"jwks_uri":"{}"}}"#, server.url("/keys"));
        server.put(
            "/me/.well-known/openid-configuration",
            Reply::document(&configuration),
        );
        let issuer = KeySource::Issuer(server.url("/me/").into());
        assert_eq!(fetcher.keys(&issuer).await.expect("keys").as_ref(), KEYS);
        server.put(
            "/me/.well-known/openid-configuration",
            Reply::document("{}"),
        );
        assert!(fault(&fetcher, &issuer).await.contains("no jwks_uri"));
    }
}

#[tokio::test]
async fn who_does_not_prove_its_name_is_not_believed() {
    let server = Server::tls().await;
    server.put("/keys", Reply::document(KEYS));
    let other = Server::tls().await;
    let fault = fault(&fetcher(&other), &uri(server.url("/keys"))).await;
    assert!(fault.contains("invalid peer certificate"), "{fault}");
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn this_machine_is_never_asked() {
    let server = Server::plain_on("127.0.0.1").await;
    server.put("/keys", Reply::document(KEYS));
    let port = server.port();
    let strict = Fetcher::new(Rules::new(Vec::new()), Vec::new());
    for host in [
        "127.0.0.1",
        "127.1",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        let fault = fault(&strict, &uri(format!("http://{host}:{port}/keys"))).await;
        assert!(
            fault.contains("it is never connected to"),
            "{host}: {fault}"
        );
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_redirect_is_looked_at_like_an_address() {
    let inner = Server::plain_on("127.0.0.1").await;
    inner.put("/keys", Reply::document(KEYS));
    let server = Server::plain().await;
    let fetcher = fetcher(&server);
    for (to, part) in [
        (
            inner.url("/keys"),
            "127.0.0.1 is 127.0.0.1, a loopback address",
        ),
        (
            "http://169.254.169.254/latest".to_owned(),
            "a link-local address",
        ),
        (
            "http://[fd00:ec2::254]/latest".to_owned(),
            "a metadata service",
        ),
        (
            "file:///etc/passwd".to_owned(),
            "is no address of a document",
        ),
        (String::new(), "leads nowhere"),
    ] {
        server.put("/moved", Reply::redirect(&to));
        let fault = fault(&fetcher, &uri(server.url("/moved"))).await;
        assert!(fault.contains(part), "{to}: {fault}");
        // Discovery leads somewhere as well.
        let configuration = format!(r#"{{"jwks_uri":"{to}"}}"#);
        server.put(
            "/.well-known/openid-configuration",
            Reply::document(&configuration),
        );
        let issuer = KeySource::Issuer(server.url("").into());
        assert!(fetcher.keys(&issuer).await.is_err(), "{to}");
    }
    assert_eq!(inner.asked(), 0);
}

#[tokio::test]
async fn redirects_end_somewhere() {
    let server = Server::plain().await;
    let fetcher = fetcher(&server);
    server.put("/0", Reply::document(KEYS));
    for number in 1..=6 {
        server.put(
            &format!("/{number}"),
            Reply::redirect(&format!("/{}", number - 1)),
        );
    }
    assert!(fetcher.keys(&uri(server.url("/5"))).await.is_ok());
    let fault_6 = fault(&fetcher, &uri(server.url("/6"))).await;
    assert_eq!(fault_6, "more than 5 redirects");
    let secured = Server::tls().await;
    secured.put("/moved", Reply::redirect(&server.url("/0")));
    let downgrade = fault(
        &super::tests::fetcher(&secured),
        &uri(secured.url("/moved")),
    )
    .await;
    assert!(downgrade.contains("from https to http"), "{downgrade}");
}

#[tokio::test]
async fn an_answer_that_is_none() {
    let server = Server::plain().await;
    let fetcher = fetcher(&server);
    for (reply, part) in [
        (Reply::status(500), "status 500"),
        (Reply::document("<html>"), "not a JSON Web Key Set"),
        (
            Reply::document(&" ".repeat((1 << 20) + 1)),
            "longer than 1048576 bytes",
        ),
        (Reply::endless(), "longer than 1048576 bytes"),
        (Reply::raw("nonsense\r\n\r\n"), "127.0.0.2"),
    ] {
        server.put("/keys", reply);
        let fault = fault(&fetcher, &uri(server.url("/keys"))).await;
        assert!(fault.contains(part), "{part}: {fault}");
    }
    let nobody = format!("http://127.0.0.2:{}/", server::closed_port().await);
    let refused = fault(&fetcher, &uri(nobody)).await;
    assert!(refused.contains("refused"), "{refused}");
    server.put("/keys", Reply::silence());
    let silent = uri(server.url("/keys"));
    let waiting = fetcher.keys(&silent);
    let late = tokio::time::timeout(Duration::from_millis(200), waiting).await;
    assert!(late.is_err(), "whoever calls has the time limit");
}
