//! TCP.

use std::net::SocketAddr;

use ferromesh_testkit::client::{Request, Tcp};
use ferromesh_testkit::wait::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::addresses::{Host, Service};
use crate::world::{Variant, World};

/// Nobody speaks TLS on a port of v1.
const PLAIN: &str = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: plain, namespace: shop}
spec:
  selector: {matchLabels: {version: v1}}
  portLevelMtls: {9000: {mode: DISABLE}}
";

/// Says something, and hears it.
pub async fn exchange(to: SocketAddr) -> Result<Option<String>, String> {
    let mut tcp = Tcp::open(to).await?;
    tcp.say("hello").await?;
    tcp.hear().await
}

/// Says nothing, and hears what the server says.
pub async fn greeting(from: SocketAddr) -> Result<Option<String>, String> {
    Tcp::open(from).await?.hear().await
}

/// Says something, closes its half at once, and hears everything.
async fn half_closed(to: SocketAddr) -> Result<String, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await?;
        std::io::Result::Ok(heard)
    };
    exchange.await.map_err(|error| error.to_string())
}

/// Connections reach the right service whoever speaks first, and whatever is spoken on a port that doesn't say it.
pub async fn connections_by_virtual_address(variant: Variant) {
    let world = World::open(variant).await;
    let hello = Ok(Some("hello".to_owned()));
    let said = |name: &str| Ok(Some(format!("instance {name}")));
    for version in world.versions() {
        let web = |port| Service::Web.at(*version, port);
        assert_eq!(
            world.client.inside(async || exchange(web(9000)).await),
            hello,
            "{}",
            world.report()
        );
        for (service, name) in [(Service::One, "v1"), (Service::Two, "v2")] {
            let heard = world
                .client
                .inside(async || greeting(service.at(*version, 9001)).await);
            assert_eq!(heard, said(name), "{version:?}\n{}", world.report());
        }

        // A service that has a whole network shares its port with others that have none of it.
        let ranged = SocketAddr::new(version.ranged(), 9001);
        let heard = world.client.inside(async || greeting(ranged).await);
        assert_eq!(heard, said("outside"), "{version:?}\n{}", world.report());

        // The proxies don't look into it, and the application sees whom it may see.
        let answer = world
            .client
            .inside(async || Request::get("any", "/").send(web(9002)).await)
            .unwrap();
        let seen = answer.json()["client"].as_str().unwrap_or("").to_owned();
        assert!(world.seen_as_any(Host::Client).contains(&seen), "{seen}");
        assert_eq!(answer.seen_header("x-request-id"), "");

        // On a port that says nothing, both are told apart, ...
        let answer = world
            .client
            .inside(async || Request::get("web", "/").send(web(9100)).await)
            .unwrap();
        assert_eq!(answer.status, 200);
        assert_ne!(
            answer.seen_header("x-request-id"),
            "",
            "requests are seen as such"
        );
        assert_eq!(
            world.client.inside(async || exchange(web(9100)).await),
            hello
        );
        // ... and who waits for the server is not kept waiting for ever.
        let heard = world.client.inside(async || greeting(web(9101)).await);
        assert!(heard == said("v1") || heard == said("v2"), "{heard:?}");

        // Who has said everything is heard on ports that are TCP by declaration.
        let heard = world.client.inside(async || half_closed(web(9000)).await);
        assert_eq!(heard.as_deref(), Ok("hello"), "through two proxies");
    }

    // Envoy resets a client that does so while it is still found out whether that speaks TLS, which it isn't where a policy
    // says it.
    world.manifests().write("plain.yaml", PLAIN);
    for version in world.versions() {
        for (what, caller, to) in [
            (
                "the server's proxy",
                &world.outside,
                Host::V1.at(*version, 9000),
            ),
            // The clients know the policy, too, though not at the same moment.
            (
                "two proxies",
                &world.client,
                Service::Web.at(*version, 9000),
            ),
        ] {
            eventually(what, async || {
                match caller.inside(async || half_closed(to).await)? {
                    heard if heard == "hello" => Ok(()),
                    other => Err(other),
                }
            })
            .await;
        }
    }
    world.nothing_was_refused();
}
