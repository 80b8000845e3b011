//! The session of the README: charts, a label on a namespace, the shop, and the manifests as they stand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ferromesh_testkit::client::{Answer, Protocol, Request, many};
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation;
use ferromesh_testkit::cluster::room::Room;
use ferromesh_testkit::raw::{Handshake, Raw};
use ferromesh_testkit::{network, wait};
use http::Method;

/// The namespace that y05 and y06 name.
const NAMESPACE: &str = "ecommerce";

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/shop");

const SERVICE: &str = "product-service";
const FRONTEND: &str = "frontend";
/// Whom no policy mentions.
const STRANGER: &str = "order-service";

struct Shop {
    room: Room,
    _mesh: installation::Shared,
    /// The networks of a pod of each app.
    networks: BTreeMap<&'static str, PathBuf>,
}

impl Shop {
    fn open() -> Self {
        let cluster = Cluster::of_tests();
        let mesh = installation::shared(&cluster);
        let room = Room::named(&cluster, NAMESPACE, &["istio-injection=enabled"]);
        room.kubectl(&["apply", "-f", &format!("{SAMPLES}/kubernetes")]);
        for app in [
            FRONTEND,
            STRANGER,
            "payment-service",
            "product-v1",
            "product-v2",
        ] {
            room.ready(&format!("deployment/{app}"));
        }
        let networks = [FRONTEND, STRANGER]
            .map(|app| {
                let selector = format!("--selector=app={app}");
                let first = "jsonpath={.items[0].metadata.name}";
                let pod = room.kubectl(&["get", "pods", &selector, "--output", first]);
                (app, room.network(&pod))
            })
            .into();
        Self {
            room,
            _mesh: mesh,
            networks,
        }
    }

    fn apply(&self, name: &str) {
        self.room
            .kubectl(&["apply", "-f", &format!("{SAMPLES}/{name}")]);
    }

    /// Where a service is, for clients.
    fn service(&self, name: &str) -> SocketAddr {
        let path = "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}";
        let text = self
            .room
            .kubectl(&["get", "service", name, "--output", path]);
        text.parse().expect("an address")
    }

    /// Where an instance is, for those who go around the mesh.
    fn pod(&self, app: &str) -> SocketAddr {
        let (selector, path) = (
            format!("--selector=app={app}"),
            "jsonpath={.items[0].status.podIP}",
        );
        let text = self
            .room
            .kubectl(&["get", "pods", &selector, "--output", path]);
        SocketAddr::new(text.parse().expect("an address"), 8080)
    }

    /// Sends a request as an app of the shop does.
    fn ask(&self, from: &str, request: &Request, to: SocketAddr) -> Result<Answer, String> {
        let request = request.clone();
        network::run_in(&self.networks[from], async move || request.send(to).await)
    }

    /// Waits until a request is answered as it should be.
    async fn until(
        &self,
        what: &str,
        from: &str,
        request: &Request,
        holds: impl Fn(&Answer) -> bool,
    ) -> Answer {
        let to = self.service(SERVICE);
        wait::eventually(what, async || {
            let answer = self.ask(from, request, to)?;
            if holds(&answer) {
                Ok(answer)
            } else {
                Err(format!("{}: {}", answer.status, answer.text()))
            }
        })
        .await
    }

    /// How many of many requests each deployment has answered, and how many failed.
    fn split(&self, request: &Request, count: usize) -> (BTreeMap<String, usize>, usize) {
        let (to, request) = (self.service(SERVICE), request.clone());
        let tally = network::run_in(&self.networks[FRONTEND], async move || {
            many(to, Protocol::Http1, 8, count, move |_| request.clone()).await
        });
        let mut deployments = BTreeMap::new();
        for (instance, count) in &tally.instances {
            let name: Vec<_> = instance.rsplitn(3, '-').collect();
            *deployments.entry(name[2].to_owned()).or_default() += count;
        }
        (deployments, count - tally.status(200))
    }
}

fn get() -> Request {
    Request::get(SERVICE, "/")
}

#[tokio::test]
async fn the_shop_works_in_a_cluster_as_on_one_machine() {
    let shop = Shop::open();

    // Nothing is configured, and everybody knows who calls.
    let answer = shop
        .until("the shop answers", FRONTEND, &get(), |it| it.status == 200)
        .await;
    let caller = answer.seen_header("x-forwarded-client-cert");
    let expected = "URI=spiffe://cluster.local/ns/ecommerce/sa/frontend";
    assert!(caller.split(';').any(|part| part == expected), "{caller}");

    // y01: a canary.
    shop.apply("y01-istio-canary-virtualservice-destinationrule.yaml");
    let premium = get().header("user-type", "premium");
    let is_v2 = |answer: &Answer| answer.instance().starts_with("product-v2-");
    for _ in 0..20 {
        shop.until("premium reaches v2", FRONTEND, &premium, is_v2)
            .await;
    }
    let (premium, failed) = shop.split(&premium, 200);
    assert_eq!(
        (
            premium.keys().map(String::as_str).collect::<Vec<_>>(),
            failed
        ),
        (vec!["product-v2"], 0)
    );
    let (others, failed) = shop.split(&get(), 2000);
    let share = others["product-v2"];
    assert!(
        (140..=260).contains(&share) && failed == 0,
        "{others:?}, {failed} failed"
    );

    // y03 and y04: the author of the deprecated field is told, and both are taken.
    for name in [
        "y03-istio-circuit-breaker.yaml",
        "y04-istio-timeout-retry.yaml",
    ] {
        shop.apply(name);
    }

    // y05: whoever goes around the mesh is reset.
    let around = shop.pod(SERVICE);
    let plaintext = async || {
        let mut raw = Raw::open(around, &Handshake::Plaintext).await?;
        raw.send(b"GET / HTTP/1.1\r\nhost: product-service\r\n\r\n")
            .await
    };
    let outside = format!("/proc/{}/ns/net", shop.room.cluster().leader());
    let outside = PathBuf::from(outside);
    let status = network::run_in(&outside, plaintext).map(|reply| reply.status);
    assert_eq!(status.ok(), Some(200), "plaintext is fine before");
    shop.apply("y05-istio-peerauthentication-strict.yaml");
    wait::eventually("plaintext is refused", async || {
        match network::run_in(&outside, plaintext) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(()),
            other => Err(format!("{:?}", other.map(|reply| reply.status))),
        }
    })
    .await;

    // y06: only the frontend, and only GET.
    shop.apply("y06-istio-authorizationpolicy.yaml");
    let is_denied =
        |answer: &Answer| answer.status == 403 && answer.text() == "RBAC: access denied";
    shop.until("strangers are denied", STRANGER, &get(), is_denied)
        .await;
    let post = get().method(Method::POST);
    shop.until("POST is denied", FRONTEND, &post, is_denied)
        .await;
    let (_, failed) = shop.split(&get(), 200);
    assert_eq!(failed, 0, "the frontend may GET");

    // Pods stay ready: probes are not the mesh's business.
    for app in [
        FRONTEND,
        STRANGER,
        "payment-service",
        "product-v1",
        "product-v2",
    ] {
        shop.room.ready(&format!("deployment/{app}"));
    }
}
