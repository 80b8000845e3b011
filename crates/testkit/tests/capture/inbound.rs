//! What comes in from machines that are no part of the mesh, and to the ports of the proxy itself.

use std::net::SocketAddr;

use ferromesh_testkit::client::{Protocol, Request};

use crate::addresses::Host;
use crate::tcp::{exchange, greeting};
use crate::world::{Variant, World};

/// They reach every port of the application, declared or not, and the application sees whom it may see.
pub async fn clients_without_a_proxy(variant: Variant) {
    let world = World::open(variant).await;
    for version in world.versions() {
        let pod = |port| Host::V1.at(*version, port);
        let seen = world.seen_as(*version, Host::Outside).to_string();
        // A port with requests, one with gRPC, one with connections, one that doesn't say it, one of no service.
        for (port, protocol) in [
            (8080, Protocol::Http1),
            (8080, Protocol::Http2),
            (8090, Protocol::Http2),
            (9002, Protocol::Http1),
            (9100, Protocol::Http1),
            (8888, Protocol::Http1),
            (8888, Protocol::Http2),
        ] {
            let request = Request::get("anything", "/");
            let answer = world
                .outside
                .inside(async || request.send_by(pod(port), protocol).await);
            let answer =
                answer.unwrap_or_else(|error| panic!("{port}: {error}\n{}", world.report()));
            assert_eq!(
                (answer.status.as_u16(), answer.instance()),
                (200, "v1"),
                "{port} {protocol:?}"
            );
            assert_eq!(answer.json()["client"], seen, "{port} {protocol:?}");
        }
        // Connections to the application are kept, but never used for another client where it could notice.
        for (caller, host) in [
            (&world.client, Host::Client),
            (&world.outside, Host::Outside),
        ]
        .repeat(3)
        {
            let request = Request::get("v1", "/");
            let answer = caller
                .inside(async || request.send(pod(8080)).await)
                .unwrap();
            assert_eq!(
                answer.json()["client"],
                world.seen_as(*version, host).to_string()
            );
        }
        for port in [9000, 9100] {
            let heard = world.outside.inside(async || exchange(pod(port)).await);
            assert_eq!(
                heard,
                Ok(Some("hello".to_owned())),
                "{port}\n{}",
                world.report()
            );
        }
        for port in [9001, 9101, 9999] {
            let heard = world.outside.inside(async || greeting(pod(port)).await);
            assert_eq!(
                heard,
                Ok(Some("instance v1".to_owned())),
                "{port}\n{}",
                world.report()
            );
        }
    }
}

/// Who connects to the ports of the proxy is turned away; nothing is sent round in circles.
pub async fn the_ports_of_the_proxy_lead_nowhere(variant: Variant) {
    let world = World::open(variant).await;
    let (before, served) = (circles(&world), world.v1.echo.counters().connections);
    let mut attempts = 0;
    for version in world.versions() {
        for port in [15001, 15006] {
            let to = Host::V1.at(*version, port);
            let loopback = SocketAddr::from(([127, 0, 0, 1], port));
            for (from, pod, to) in [
                ("outside", &world.outside, to),
                ("another pod", &world.client, to),
                ("the pod itself", &world.v1, to),
                ("its loopback", &world.v1, loopback),
            ] {
                let answer = pod.inside(async || Request::get("v1", "/").send(to).await);
                // From outside, the proxy itself is the one that is turned away at 15001, and says so.
                let refused = answer
                    .as_ref()
                    .is_ok_and(|a| a.status == 503 && from == "outside");
                assert!(answer.is_err() || refused, "{from} to {to}: {answer:?}");
                let heard = pod.inside(async || greeting(to).await);
                assert!(
                    matches!(heard, Err(_) | Ok(None)),
                    "{from} to {to}: {heard:?}"
                );
                attempts += 2;
            }
        }
    }
    assert_eq!(
        world.v1.echo.counters().connections,
        served,
        "the application noticed nothing"
    );
    let more = circles(&world) - before;
    assert!(
        more <= attempts,
        "{more} connections inside of proxies for {attempts} attempts"
    );
    let answer = world.client.inside(async || {
        Request::get("v1", "/")
            .send(Host::V1.at(world.versions()[0], 8080))
            .await
    });
    assert_eq!(
        answer.unwrap().instance(),
        "v1",
        "the proxies go on working"
    );
}

/// How many connections proxies have opened to destinations that they don't know.
fn circles(world: &World) -> u64 {
    let pods = [&world.client, &world.v1];
    let clusters = ["PassthroughCluster", "InboundPassthroughCluster"];
    let stats = clusters.map(|cluster| format!("cluster.{cluster}.upstream_cx_total"));
    pods.iter()
        .flat_map(|pod| stats.iter().map(|stat| pod.stat(stat)))
        .sum()
}
