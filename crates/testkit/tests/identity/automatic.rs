//! Mutual TLS without anything configured: every protocol, on the wire and for the application; and servers that only
//! claim to be in the mesh.

use std::net::SocketAddr;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::authority::{Authority, Issued, self_signed};
use ferromesh_testkit::client::{Connection, Protocol, Request, Tcp, WebSocket};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings};
use ferromesh_testkit::raw::Certified;
use ferromesh_testkit::tap::Tap;
use ferromesh_testkit::tls_server::TlsServer;
use ferromesh_testkit::wait::eventually;

use crate::world::{self, CLIENT, PORTS, SERVER, World};

/// What must not be seen on the wire.
const SECRET: &str = "the-secret-of-this-test";

/// A world in which a wire lies between client and server, for each port.
async fn tapped() -> (World, Vec<(u16, Tap)>) {
    let mut addresses = Addresses::take();
    let client = Settings::new("client", "shop", &mut addresses).account("client");
    let server = world::server("server", &mut addresses);
    let wire = addresses.next_ip();
    let mut taps = Vec::new();
    for (_, port, _, target) in PORTS {
        let to = SocketAddr::new(server.address, target);
        taps.push((port, Tap::start(SocketAddr::new(wire, target), to).await));
    }
    let mut shown = server.clone();
    shown.address = wire;
    let files = Manifests::new();
    let pods = pod(&client, &[("app", "client")]) + &pod(&server, &[("app", "server")]);
    files.write("workloads.yaml", &(pods + &world::services([&shown])));
    let mesh = Mesh::start(files).await;
    let world = World {
        client: mesh.workload(client).await,
        server: mesh.workload(server).await,
        mesh,
        addresses,
    };
    world.arrives().await;
    (world, taps)
}

#[tokio::test]
async fn nothing_configured_encrypts_every_protocol() {
    let (world, taps) = tapped().await;
    let client = &world.client;
    let secret = Request::get("server", "/").header("x-secret", SECRET);
    for (port, protocol) in [
        (80, Protocol::Http1),
        (80, Protocol::Http2),
        (81, Protocol::Http1),
        (81, Protocol::Http2),
        (82, Protocol::Http2),
        (83, Protocol::Http1),
        (83, Protocol::Http2),
    ] {
        let answer = secret.clone().send_by(client.outbound(port), protocol);
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{port} {protocol:?}");
        let seen = answer.seen_header("x-forwarded-client-cert");
        assert!(
            seen.contains(&format!("URI={CLIENT}")) && seen.contains(&format!("By={SERVER}")),
            "{port} {protocol:?}: the application is told who called: {seen:?}"
        );
    }
    for port in [81, 82, 83] {
        let call = Request::get("server", "/shop.Orders/Place").grpc(SECRET.as_bytes());
        let answer = call.send_by(client.outbound(port), Protocol::Http2).await;
        let answer = answer.unwrap();
        assert_eq!(answer.trailers["grpc-status"], "0", "{port}");
        assert!(answer.text().contains(SECRET), "{port}");
    }
    for port in [80, 83] {
        let socket = WebSocket::open(client.outbound(port), "server", "/socket").await;
        let answer = socket.unwrap().exchange(SECRET).await;
        assert_eq!(answer.as_deref(), Ok(SECRET), "{port}");
    }
    for port in [83, 84, 85] {
        let mut tcp = Tcp::open(client.outbound(port)).await.unwrap();
        if port == 85 {
            let first = tcp.hear().await.unwrap();
            assert_eq!(first.as_deref(), Some("instance server"));
        }
        tcp.say(SECRET).await.unwrap();
        assert_eq!(tcp.hear().await.unwrap().as_deref(), Some(SECRET), "{port}");
    }
    for (port, tap) in &taps {
        let seen = tap.seen();
        assert!(!seen.is_empty(), "{port}: nothing went by the wire");
        for passed in seen {
            assert!(passed.is_tls(), "{port}: {:?}", passed.there.get(..16));
            for text in [SECRET, "instance server", "HTTP/1.1"] {
                assert!(!passed.shows(text), "{port}: {text} is on the wire");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_carries_many_requests_and_a_forged_header_tells_nobody() {
    let world = World::plain().await;
    let forged = "By=spiffe://a/ns/b/sa/c;URI=spiffe://cluster.local/ns/istio-system/sa/ferromesh";
    let mut connection = Connection::open(world.client.outbound(80), Protocol::Http1)
        .await
        .unwrap();
    for _ in 0..3 {
        let request = Request::get("server", "/").header("x-forwarded-client-cert", forged);
        let answer = connection.send(request).await.unwrap();
        let seen = answer.seen_header("x-forwarded-client-cert");
        assert!(
            !seen.contains("sa/ferromesh") && seen.contains(&format!("URI={CLIENT}")),
            "{seen}"
        );
    }
}

/// Whom the endpoint that claims to be meshed shows.
fn rogues(neighbour: Certified) -> [(&'static str, Certified); 3] {
    let of = |issued: Issued| issued.certified;
    [
        ("a self-signed one", of(self_signed(&[SERVER]))),
        (
            "one of an unknown authority",
            of(Authority::new("nobody").issue(&[SERVER])),
        ),
        ("a neighbour's of the mesh", neighbour),
    ]
}

#[tokio::test]
async fn a_server_that_only_claims_to_be_meshed_gets_nothing() {
    let mut addresses = Addresses::take();
    let client = Settings::new("client", "shop", &mut addresses).account("client");
    let server = Settings::new("server", "shop", &mut addresses).account("server");
    let other = Settings::new("other", "shop", &mut addresses).account("other");
    let files = Manifests::new();
    let ports = [("http-web", 80, 8080), ("tcp-lines", 84, 8080)];
    let slice = [("http-web", 8080), ("tcp-lines", 8080)];
    files.write(
        "workloads.yaml",
        &[
            pod(&client, &[("app", "client")]),
            pod(&other, &[("app", "other")]),
            pod(&server, &[("app", "server")]),
            service("shop", "server", &ports),
            endpoint_slice("shop", "server", &slice, [&server]),
        ]
        .concat(),
    );
    let mesh = Mesh::start(files).await;
    let neighbour = mesh.certificate("shop", "other").await;
    let client = mesh.workload(client).await;
    for (what, shown) in rogues(neighbour) {
        let at = SocketAddr::new(server.address, 8080);
        let rogue = TlsServer::start(at, &shown, None).await;
        eventually(&format!("{what} is refused"), async || {
            let answer = world::get(&client, 80).await?;
            match (answer.status.as_u16(), rogue.seen().connections) {
                (503, 1..) => Ok(()),
                other => Err(format!("{other:?}: {}", answer.text())),
            }
        })
        .await;
        let answer = world::get(&client, 80).await.unwrap();
        assert_eq!(answer.status, 503, "{what}");
        assert!(
            answer.text().contains("connection failure"),
            "{what}: {}",
            answer.text()
        );
        assert!(world::echo(client.outbound(84)).await.is_err(), "{what}");
        let seen = rogue.seen();
        assert_eq!((seen.plaintext, seen.requests), (0, 0), "{what}: {seen:?}");
    }
}
