//! Aggregated streams.

use envoy_types::pb::envoy::config::core::v3::Node;
use ferromesh_testkit::fake_envoy::node;
use ferromesh_xds_server::Reason;

use crate::certificates::{Authority, Leaf};
use crate::client::{Client, Ended};
use crate::server::{Server, pod};

/// How a stream of this certificate and this node id ends; `Ok` if it is served.
async fn outcome(server: &Server, leaf: &Leaf, node: Node) -> Result<(), Ended> {
    let own = server.authority.issue(leaf);
    let client = Client::connect(server.address, Some(&own)).await;
    let mut client = client.expect("a connection");
    let stream = client.stream(node).await;
    stream.expect("a stream").response().await
}

fn shop(name: &str) -> Node {
    node("shop", name, "10.0.1.1")
}

#[tokio::test]
async fn who_is_the_workload_is_served() {
    let server = Server::shop().await;
    let served = outcome(&server, &Leaf::account("shop", "first"), shop("one")).await;
    assert_eq!(served, Ok(()));
    let early = Server::start().await;
    let first = Leaf::account("shop", "first");
    let waiting = outcome(&early, &first, shop("one"));
    let (served, ()) = tokio::join!(waiting, early.apply(vec![pod("one", "first")]));
    assert_eq!(served, Ok(()), "nobody is judged before the world is known");
}

#[tokio::test]
async fn who_is_another_is_refused() {
    let server = Server::shop().await;
    // A certificate of its own, a neighbour's node id.
    let mut truthful = shop("two");
    let mut forged = shop("two");
    let names = [("NAME", "one"), ("SERVICE_ACCOUNT", "first")];
    for (node, [name, account]) in [
        (
            &mut truthful,
            [("NAME", "two"), ("SERVICE_ACCOUNT", "second")],
        ),
        (&mut forged, names),
    ] {
        let metadata = node.metadata.as_mut().expect("metadata");
        for (key, value) in [name, account] {
            let value = envoy_types::pb::google::protobuf::value::Kind::StringValue(value.into());
            let value = envoy_types::pb::google::protobuf::Value { kind: Some(value) };
            metadata.fields.insert(key.to_owned(), value);
        }
    }
    let own = Leaf::account("shop", "first");
    let elsewhere = Leaf::account("default", "second");
    let control_plane = Leaf::account("istio-system", "ferromesh");
    let cases = [
        (&own, truthful),
        (&own, forged),
        (&elsewhere, shop("two")),
        (&control_plane, shop("two")),
    ];
    for (index, (leaf, node)) in cases.into_iter().enumerate() {
        let (code, message) = outcome(&server, leaf, node).await.expect_err("refused");
        assert_eq!(code, "7", "{index}: {message}");
        assert!(
            message.contains("is not the account of the workload"),
            "{message}"
        );
        assert!(
            !message.contains("shop/sa/second"),
            "it tells whose it is: {message}"
        );
        assert_eq!(server.denied(Reason::OtherIdentity), index as u64 + 1);
    }
    assert_eq!(server.plane.hub().counts().offences, 4);
}

#[tokio::test]
async fn who_shows_nothing_is_refused() {
    let server = Server::shop().await;
    let mut client = Client::connect(server.address, None)
        .await
        .expect("a connection");
    let stream = client.stream(shop("one")).await.expect("a stream");
    let (code, message) = stream.ended().await;
    assert_eq!(code, "16", "{message}");
    assert_eq!(server.denied(Reason::NoCertificate), 1);
}

#[tokio::test]
async fn who_is_unknown_may_come_again() {
    let server = Server::shop().await;
    let leaf = Leaf::account("shop", "first");
    let (code, message) = outcome(&server, &leaf, shop("three"))
        .await
        .expect_err("refused");
    assert_eq!(code, "14", "{message}");
    assert_eq!(server.denied(Reason::UnknownWorkload), 1);
    assert_eq!(server.plane.hub().counts().offences, 0);
    server.apply(vec![pod("three", "first")]).await;
    assert_eq!(outcome(&server, &leaf, shop("three")).await, Ok(()));
}

#[tokio::test]
async fn a_stream_ends_when_its_workload_is_another_or_gone() {
    let server = Server::shop().await;
    let own = server.authority.issue(&Leaf::account("shop", "first"));
    let mut client = Client::connect(server.address, Some(&own))
        .await
        .expect("a connection");
    let mut stream = client.stream(shop("one")).await.expect("a stream");
    assert_eq!(stream.response().await, Ok(()));
    server
        .apply(vec![pod("two", "third"), pod("one", "first")])
        .await;
    server.apply(vec![pod("one", "other")]).await;
    let (code, message) = stream.ended().await;
    assert_eq!(code, "7", "{message}");
    assert_eq!(server.denied(Reason::IdentityChanged), 1);

    server.apply(vec![pod("one", "first")]).await;
    let mut stream = client.stream(shop("one")).await.expect("a stream");
    assert_eq!(stream.response().await, Ok(()));
    server.remove(pod("one", "first")).await;
    let (code, message) = stream.ended().await;
    assert_eq!(code, "14", "{message}");
    assert_eq!(server.denied(Reason::WorkloadGone), 1);
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate() {
    let server = Server::shop().await;
    let own = server
        .authority
        .issue(&Leaf::account("shop", "first").valid(60, 2));
    let mut client = Client::connect(server.address, Some(&own))
        .await
        .expect("a connection");
    let mut stream = client.stream(shop("one")).await.expect("a stream");
    assert_eq!(stream.response().await, Ok(()));
    let (code, message) = stream.ended().await;
    assert_eq!(code, "16", "{message}");
    assert!(message.contains("expired"), "{message}");
    // Another stream on it would have the same certificate.
    client.closed().await;
    assert_eq!(server.plane.hub().counts().offences, 0);
}

#[tokio::test]
async fn a_stream_outlives_a_change_of_roots() {
    let mut server = Server::shop().await;
    let leaf = Leaf::account("shop", "first");
    let old = server.authority.issue(&leaf);
    let mut client = Client::connect(server.address, Some(&old))
        .await
        .expect("a connection");
    let mut stream = client.stream(shop("one")).await.expect("a stream");
    assert_eq!(stream.response().await, Ok(()));
    server.trust(Authority::new());
    let new = server.authority.issue(&leaf);
    let later = Client::connect(server.address, Some(&new)).await;
    assert_ne!(later.expect("a connection").server, client.server);
    assert!(Client::connect(server.address, Some(&old)).await.is_err());
    let mut again = client.stream(shop("one")).await.expect("a stream");
    assert_eq!(again.response().await, Ok(()));
}
