//! Services that are called by their virtual addresses.

use ferromesh_testkit::client::{Protocol, Request, WebSocket, many};
use ferromesh_testkit::wait::eventually;

use crate::addresses::{Host, Service, Version};
use crate::world::{Variant, World};

/// The name of the service.
const WEB: &str = "web.shop.svc.cluster.local";

/// How an address is written as a host.
fn as_host(version: Version, service: Service) -> String {
    match version {
        Version::V4 => version.service(service).to_string(),
        Version::V6 => format!("[{}]", version.service(service)),
    }
}

/// Every kind of request arrives, at the right service if two have the same port.
pub async fn services_by_virtual_address(variant: Variant) {
    let world = World::open(variant).await;
    for version in world.versions() {
        let web = Service::Web.at(*version, 80);
        for host in [
            "web",
            "web.shop",
            WEB,
            "web:80",
            &as_host(*version, Service::Web),
        ] {
            let answer = world
                .client
                .inside(async || Request::get(host, "/").send(web).await);
            let answer =
                answer.unwrap_or_else(|error| panic!("{host}: {error}\n{}", world.report()));
            assert_eq!(
                answer.status,
                200,
                "{host}: {}\n{}",
                answer.text(),
                world.report()
            );
            assert!(
                ["v1", "v2"].contains(&answer.instance()),
                "{host}: {}",
                answer.text()
            );
            let seen = answer.json()["client"].as_str().unwrap_or("").to_owned();
            assert!(
                world.seen_as_any(Host::Client).contains(&seen),
                "{host}: {seen}"
            );
        }
        for (service, name, instance) in [(Service::One, "one", "v1"), (Service::Two, "two", "v2")]
        {
            for host in [name, &as_host(*version, service)] {
                let request = Request::get(host, "/");
                let answer = world
                    .client
                    .inside(async || request.send(service.at(*version, 80)).await);
                assert_eq!(
                    answer.unwrap().instance(),
                    instance,
                    "{host} over {version:?}"
                );
            }
        }

        // The port decides what the application hears, not the client.
        for (port, heard) in [(80, "HTTP/1.1"), (8090, "HTTP/2.0")] {
            let (request, to) = (Request::get("web", "/"), Service::Web.at(*version, port));
            let answer = world
                .client
                .inside(async || request.send_by(to, Protocol::Http2).await)
                .unwrap();
            assert_eq!(
                (answer.status.as_u16(), &answer.json()["protocol"]),
                (200, &heard.into()),
                "port {port}"
            );
        }

        let call = Request::get(WEB, "/shop.Web/Call").grpc(b"hello");
        let to = Service::Web.at(*version, 8090);
        let answer = world
            .client
            .inside(async || call.send_by(to, Protocol::Http2).await)
            .unwrap();
        assert_eq!(
            answer.body.get(5..),
            Some(&b"hello"[..]),
            "{}",
            answer.status
        );
        assert_eq!(answer.trailers.get("grpc-status").unwrap(), "0");

        let heard = world.client.inside(async || {
            let mut socket = WebSocket::open(web, WEB, "/chat").await?;
            socket.exchange("hello").await
        });
        assert_eq!(heard.as_deref(), Ok("hello"), "{}", world.report());
    }
    world.nothing_was_refused();
}

/// Rules and weights are honoured, and a change of a weight takes effect without a restart.
pub async fn routes_and_weights(variant: Variant) {
    let world = World::open(variant).await;
    for version in world.versions() {
        let web = Service::Web.at(*version, 80);
        let premium = world.client.inside(async || {
            let request = |_| Request::get(WEB, "/").header("user-type", "premium");
            many(web, Protocol::Http1, 4, 200, request).await
        });
        assert_eq!(premium.instance("v2"), 200, "{premium:?}");
        let others = world
            .client
            .inside(async || many(web, Protocol::Http1, 8, 1000, |_| Request::get(WEB, "/")).await);
        assert_eq!(others.status(200), 1000, "{others:?}");
        // 100, and 5 standard deviations of 9.5.
        assert!((52..=148).contains(&others.instance("v2")), "{others:?}");
    }
    world
        .manifests()
        .edit("rules.yaml", "weight: 90", "weight: 0");
    let web = Service::Web.at(world.versions()[0], 80);
    eventually("everything goes to v2", async || {
        let tally = world
            .client
            .inside(async || many(web, Protocol::Http1, 4, 40, |_| Request::get(WEB, "/")).await);
        assert_eq!(tally.status(200), 40, "{tally:?}");
        if tally.instance("v2") == 40 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
}
