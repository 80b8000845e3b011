//! Headless services, and workloads that call themselves.

use ferromesh_testkit::client::Request;

use crate::addresses::{Host, Service};
use crate::tcp::greeting;
use crate::world::{Variant, World};

/// Who calls an instance by its own address reaches that instance; who calls itself reaches itself.
pub async fn headless_services_and_self_calls(variant: Variant) {
    let world = World::open(variant).await;
    for version in world.versions() {
        for (host, name) in [(Host::V1, "v1"), (Host::V2, "v2")] {
            let to = host.at(*version, 8080);
            let authorities = [
                format!("{name}.headless.shop.svc.cluster.local:8080"),
                "headless:8080".to_owned(),
                to.to_string(),
            ];
            for authority in authorities {
                // More than once, as a balancer might be right by chance.
                for _ in 0..6 {
                    let request = Request::get(&authority, "/");
                    let answer = world
                        .client
                        .inside(async || request.send(to).await)
                        .unwrap();
                    let got = (answer.status.as_u16(), answer.instance());
                    assert_eq!(got, (200, name), "{authority}\n{}", world.report());
                }
            }
            let heard = world
                .client
                .inside(async || greeting(host.at(*version, 9001)).await);
            assert_eq!(heard, Ok(Some(format!("instance {name}"))));
        }

        let (by_service, by_pod) = (
            Service::Client.at(*version, 80),
            Host::Client.at(*version, 8080),
        );
        for to in [by_service, by_pod] {
            let answer = world
                .client
                .inside(async || Request::get("client", "/").send(to).await);
            let answer = answer.unwrap_or_else(|error| panic!("{to}: {error}\n{}", world.report()));
            assert_eq!(
                (answer.status.as_u16(), answer.instance()),
                (200, "client"),
                "{to}\n{}",
                world.report()
            );
        }
        for to in [
            Service::Client.at(*version, 9001),
            Host::Client.at(*version, 9001),
        ] {
            let heard = world.client.inside(async || greeting(to).await);
            assert_eq!(
                heard,
                Ok(Some("instance client".to_owned())),
                "{to}\n{}",
                world.report()
            );
        }
        // By the headless service that it belongs to.
        let (to, request) = (
            Host::V1.at(*version, 8080),
            Request::get("headless:8080", "/"),
        );
        let answer = world.v1.inside(async || request.send(to).await).unwrap();
        assert_eq!(answer.instance(), "v1");
    }
}
