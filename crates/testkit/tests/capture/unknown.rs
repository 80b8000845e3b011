//! Destinations that the mesh doesn't know.

use std::net::SocketAddr;

use ferromesh_testkit::client::Request;
use ferromesh_testkit::wait::eventually;

use crate::addresses::{Host, Service};
use crate::objects::{MESH, entry};
use crate::tcp::{exchange, greeting};
use crate::world::{Variant, World};

/// By default everything passes. With REGISTRY_ONLY, requests get 502, connections are closed, and what is known works.
pub async fn unknown_destinations_pass_or_are_refused(variant: Variant) {
    let world = World::open(variant).await;
    let get = |to: SocketAddr| {
        let request = Request::get("unknown.example.com", "/");
        world.client.inside(async || request.send(to).await)
    };
    for version in world.versions() {
        let external = |port| SocketAddr::new(version.external(), port);
        // The port is one of a service with requests, of one with connections, of none.
        for port in [8080, 9002, 8888] {
            let answer = get(external(port))
                .unwrap_or_else(|error| panic!("{port}: {error}\n{}", world.report()));
            assert_eq!(
                (answer.status.as_u16(), answer.instance()),
                (200, "outside"),
                "port {port}"
            );
        }
        let heard = world.client.inside(async || exchange(external(9000)).await);
        assert_eq!(heard, Ok(Some("hello".to_owned())));
        for port in [9001, 9999] {
            let heard = world.client.inside(async || greeting(external(port)).await);
            assert_eq!(
                heard,
                Ok(Some("instance outside".to_owned())),
                "port {port}\n{}",
                world.report()
            );
        }
        // A pod's own address, on a port of no service.
        let answer = get(Host::V2.at(*version, 8888)).unwrap();
        assert_eq!((answer.status.as_u16(), answer.instance()), (200, "v2"));
        let heard = world
            .client
            .inside(async || greeting(Host::V2.at(*version, 9999)).await);
        assert_eq!(heard, Ok(Some("instance v2".to_owned())));
    }

    world.manifests().write(
        "mesh.yaml",
        &format!("{MESH}outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\n"),
    );
    let first = SocketAddr::new(world.versions()[0].external(), 8080);
    eventually("unknown requests are refused", async || {
        match get(first)?.status.as_u16() {
            502 => Ok(()),
            other => Err(format!("status {other}")),
        }
    })
    .await;
    for version in world.versions() {
        let external = |port| SocketAddr::new(version.external(), port);
        let refused = |what: &str, to: SocketAddr| {
            let heard = world.client.inside(async || greeting(to).await);
            assert!(
                matches!(heard, Err(_) | Ok(None)),
                "{what}: {heard:?}\n{}",
                world.report()
            );
        };
        // Listeners follow one by one.
        eventually("unknown connections are refused", async || {
            match get(external(8888)) {
                Ok(answer) => Err(format!("status {}", answer.status)),
                Err(_) => Ok(()),
            }
        })
        .await;
        assert_eq!(
            get(external(8080)).map(|answer| answer.status.as_u16()),
            Ok(502)
        );
        refused("a port of nobody", external(9999));
        refused(
            "a pod's port that no service has",
            Host::V2.at(*version, 9999),
        );
        let answer = get(Service::One.at(*version, 80)).unwrap();
        assert_eq!(answer.status, 502, "a host that nobody knows");
        let request = Request::get("one", "/");
        let known = world
            .client
            .inside(async || request.send(Service::One.at(*version, 80)).await);
        assert_eq!(known.unwrap().instance(), "v1");
        let heard = world
            .client
            .inside(async || greeting(Service::Two.at(*version, 9001)).await);
        assert_eq!(heard, Ok(Some("instance v2".to_owned())));
    }

    world.manifests().write(
        "known.yaml",
        &entry(variant.families, "unknown", "http", 8080, &[]),
    );
    eventually("a declared host is known", async || {
        match get(first)?.status.as_u16() {
            200 => Ok(()),
            other => Err(format!("status {other}")),
        }
    })
    .await;
    world.nothing_was_refused();
}
