//! Clients that do not behave.

use std::time::Duration;

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::wait::eventually;
use ferromesh_xds::ResourceType;

use super::{World, first, names, opaque};
use crate::server::Limits;

fn framed(compressed: u8, length: u32, body: &[u8]) -> Vec<u8> {
    [&[compressed], length.to_be_bytes().as_slice(), body].concat()
}

async fn status(client: &mut AdsClient) -> String {
    while client.receive_raw().await.expect("a connection").is_some() {}
    client
        .status()
        .await
        .expect("trailers")
        .expect("a status")
        .0
}

#[tokio::test]
async fn nonsense_ends_a_stream_with_a_reason() {
    let world = World::start(Limits {
        patience: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let many = |prefix: &str| {
        let names: Vec<_> = (0..9000).map(|n| format!("{prefix}{n}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        prost_bytes(&first("pod", ResourceType::Endpoints, &names))
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("garbage", framed(0, 3, b"\xff\xff\xff"), "3"),
        ("no node", framed(0, 0, b""), "3"),
        ("too long", framed(0, 5 << 20, b""), "8"),
        ("compressed", framed(1, 3, b"abc"), "12"),
        ("nothing", Vec::new(), "4"),
        (
            "half of a large message",
            framed(0, 1 << 20, &[0; 100_000]),
            "8",
        ),
        ("endless names", many("nobody"), "8"),
    ];
    for (what, bytes, expected) in cases {
        let mut client = world.connect(Variant::Delta).await;
        if !bytes.is_empty() {
            client.send_raw(bytes.into()).expect("a stream");
        }
        assert_eq!(status(&mut client).await, expected, "{what}");
    }
    let counts = world.hub.counts();
    assert_eq!((counts.offences, world.hub.open_streams()), (7, 0));
}

fn prost_bytes(request: &DeltaDiscoveryRequest) -> Vec<u8> {
    use ferromesh_envoy::Message;
    let body = request.encode_to_vec();
    framed(0, u32::try_from(body.len()).expect("a length"), &body)
}

#[tokio::test]
async fn who_does_not_read_costs_the_others_nothing_and_is_closed() {
    let mut world = World::start(Limits {
        stall: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let value = "x".repeat(100_000);
    let clusters = (0..200).map(|n| opaque(ResourceType::Cluster, &format!("c{n}"), &value));
    world.put(clusters.collect());
    world.put(vec![opaque(ResourceType::Endpoints, "e", "0")]);
    // Twenty megabytes are more than its window and all buffers take.
    let lazy = world.watch("lazy", ResourceType::Cluster).await;
    let mut diligent = world.connect(Variant::Delta).await;
    diligent
        .send(&first("diligent", ResourceType::Endpoints, &["e"]))
        .expect("a stream");
    assert_eq!(names(&mut diligent).await, ["e"]);
    for n in 1..=50 {
        world.put(vec![
            opaque(ResourceType::Endpoints, "e", &n.to_string()),
            opaque(ResourceType::Cluster, "c0", &format!("{value}{n}")),
        ]);
        assert_eq!(names(&mut diligent).await, ["e"]);
        let nonce = (n + 1).to_string();
        let type_url = ResourceType::Endpoints.type_url().to_owned();
        let accept = DeltaDiscoveryRequest {
            type_url,
            response_nonce: nonce,
            ..DeltaDiscoveryRequest::default()
        };
        diligent.send(&accept).expect("a stream");
    }
    eventually("the lazy one is closed", async || {
        match world.hub.open_streams() {
            1 => Ok(()),
            open => Err(format!("{open} streams")),
        }
    })
    .await;
    assert_eq!(world.hub.counts().stalled, 1);
    drop(lazy);
}

#[tokio::test]
async fn there_is_an_end_to_connections() {
    let world = World::start(Limits {
        connections: 2,
        ..Limits::default()
    })
    .await;
    let one = world.watch("one", ResourceType::Cluster).await;
    let two = world.watch("two", ResourceType::Cluster).await;
    assert!(
        AdsClient::connect(world.address, Variant::Delta)
            .await
            .is_err()
    );
    drop(one);
    eventually("there is room again", async || {
        AdsClient::connect(world.address, Variant::Delta)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .await;
    drop(two);
}

#[tokio::test]
async fn a_method_that_does_not_exist() {
    let world = World::start(Limits::default()).await;
    let socket = tokio::net::TcpStream::connect(world.address)
        .await
        .expect("a connection");
    let (mut client, connection) = h2::client::handshake(socket).await.expect("a handshake");
    tokio::spawn(connection);
    for (content_type, expected) in [("application/grpc", (200, "12")), ("text/plain", (415, ""))] {
        let request = http::Request::post(format!("http://{}/other.Service/Method", world.address))
            .header("content-type", content_type)
            .body(())
            .expect("a request");
        let (response, _) = client.send_request(request, true).expect("a stream");
        let response = response.await.expect("a response");
        let status = response
            .headers()
            .get("grpc-status")
            .map_or(b"".as_slice(), |value| value.as_bytes());
        assert_eq!(
            (response.status().as_u16(), status),
            (expected.0, expected.1.as_bytes())
        );
    }
}
