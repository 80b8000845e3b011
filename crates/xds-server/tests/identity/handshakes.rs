//! Handshakes that come to nothing.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_xds_server::{Credentials, Limits, Reason};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::calls::Echo;
use crate::certificates::{Authority, Leaf};
use crate::client::Client;
use crate::server::Server;

#[tokio::test]
async fn certificates_that_are_not_of_the_mesh() {
    let server = Server::shop().await;
    let own = || Leaf::account("shop", "first");
    let issue = |leaf: Leaf| server.authority.issue(&leaf);
    let of = |uri: &str| issue(Leaf::of(uri));
    let cases: Vec<(&str, Credentials, Reason)> = vec![
        (
            "expired",
            issue(own().valid(600, -60)),
            Reason::CertificateExpired,
        ),
        (
            "not yet valid",
            issue(own().valid(-600, 3600)),
            Reason::CertificateNotYetValid,
        ),
        (
            "another authority",
            Authority::named("another").issue(&own()),
            Reason::CertificateUntrusted,
        ),
        (
            "another authority of the same name",
            Authority::new().issue(&own()),
            Reason::CertificateUntrusted,
        ),
        (
            "another trust domain",
            of("spiffe://other.example/ns/shop/sa/first"),
            Reason::CertificateOfOtherDomain,
        ),
        (
            "no identity of a workload",
            of("spiffe://cluster.local/first"),
            Reason::CertificateNamesNoWorkload,
        ),
        (
            "two identities",
            issue(own().and_uri("spiffe://cluster.local/ns/shop/sa/second")),
            Reason::CertificateNamesNoWorkload,
        ),
        (
            "no identity",
            issue(own().without_uris()),
            Reason::CertificateNamesNoWorkload,
        ),
    ];
    for (what, credentials, reason) in cases {
        let before = server.denied(reason);
        let client = Client::connect(server.address, Some(&credentials)).await;
        assert!(client.is_err(), "{what}");
        server.until_denied(reason, before + 1).await;
    }
}

#[tokio::test]
async fn who_is_slow_or_many_keeps_nobody_else_out() {
    let limits = Limits {
        handshakes: 4,
        nameless_per_address: 3,
        patience: Duration::from_millis(500),
        ..Limits::default()
    };
    let server = Server::with(limits, Arc::new(Echo::default())).await;
    let mut crowd = Vec::new();
    for _ in 0..20 {
        crowd.push(
            TcpStream::connect(server.address)
                .await
                .expect("a connection"),
        );
    }
    server.until_denied(Reason::HandshakeCrowded, 17).await;
    let own = server.authority.issue(&Leaf::account("shop", "first"));
    let other = Client::connect_from("127.0.0.2", server.address, Some(&own)).await;
    let mut other = other.expect("the neighbour is served");
    assert!(other.call("/echo", None, b"x").await.is_ok());
    for socket in &mut crowd {
        // The server has closed it or will.
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    }
    server.until_denied(Reason::HandshakeLate, 3).await;
    let own = Client::connect(server.address, Some(&own)).await;
    assert!(own.is_ok(), "there is room again");
}

#[tokio::test]
async fn nonsense_is_no_handshake() {
    let server = Server::shop().await;
    // HTTP/2 without TLS.
    let client = ferromesh_testkit::ads_client::AdsClient::connect(
        server.address,
        ferromesh_testkit::ads_client::Variant::Delta,
    );
    assert!(client.await.is_err());
    server.until_denied(Reason::HandshakeBroken, 1).await;
}

#[tokio::test]
async fn connections_with_a_certificate_do_not_count_as_nameless() {
    let limits = Limits {
        nameless_per_address: 2,
        ..Limits::default()
    };
    let server = Server::with(limits, Arc::new(Echo::default())).await;
    let own = server.authority.issue(&Leaf::account("shop", "first"));
    let mut clients = Vec::new();
    for _ in 0..5 {
        let client = Client::connect(server.address, Some(&own)).await;
        clients.push(client.expect("a connection"));
    }
    let mut nameless = Vec::new();
    for _ in 0..2 {
        let client = Client::connect(server.address, None).await;
        nameless.push(client.expect("a connection"));
    }
    assert!(Client::connect(server.address, None).await.is_err());
    server.until_denied(Reason::HandshakeCrowded, 1).await;
}
