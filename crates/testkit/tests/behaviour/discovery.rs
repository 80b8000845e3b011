//! Who is there: services and instances come and go, under every name that they may be called by.

use std::fmt::Write;
use std::time::Duration;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Protocol, Request, Tally, Tcp, many};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::{eventually, within};

use crate::app::{App, steady, until};

const SERVICE: [(&str, u16, u16); 2] = [("http", 80, 8080), ("tcp", 90, 9000)];
const PORTS: [(Kind, u16); 2] = [(Kind::Http, 8080), (Kind::Banner, 9000)];

/// A change is in force within this time.
const SOON: Duration = Duration::from_secs(1);

const READY: &str = "{ready: true, serving: true, terminating: false}";
const UNREADY: &str = "{ready: false, serving: false, terminating: false}";
const TERMINATING: &str = "{ready: false, serving: true, terminating: true}";

fn get(host: &str) -> Request {
    Request::get(host, "/")
}

/// The slice of a service, with the conditions of its instances.
fn slice(name: &str, instances: &[(&App, &str)]) -> String {
    let mut slice = format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {name}\n  namespace: shop\n  \
         labels:\n    kubernetes.io/service-name: {name}\naddressType: IPv4\nports: [{{name: http, port: 8080}}, {{name: tcp, port: 9000}}]\n\
         endpoints:\n"
    );
    for (app, conditions) in instances {
        let Settings {
            name,
            namespace,
            address,
            ..
        } = app.settings();
        writeln!(
            slice,
            "- {{addresses: [\"{address}\"], conditions: {conditions}, \
             targetRef: {{kind: Pod, name: {name}, namespace: {namespace}}}}}"
        )
        .unwrap();
    }
    slice + "---\n"
}

/// A client and two applications `one` and `two`, and a service `product` of these instances.
struct Two {
    client: Workload,
    one: App,
    two: App,
    mesh: Mesh,
}

impl Two {
    async fn open() -> Self {
        let mut addresses = Addresses::take();
        let one = App::start("one", &PORTS, &mut addresses).await;
        let two = App::start("two", &PORTS, &mut addresses).await;
        let client = Settings::new("client", "shop", &mut addresses);
        let files = Manifests::new();
        let pods: String = [&client, one.settings(), two.settings()]
            .map(|workload| pod(workload, &[]))
            .concat();
        files.write("pods.yaml", &pods);
        files.write("service.yaml", &service("shop", "product", &SERVICE));
        files.write(
            "slice.yaml",
            &slice("product", &[(&one, READY), (&two, READY)]),
        );
        let mesh = Mesh::start(files).await;
        let client = mesh.workload(client).await;
        until(&client, "the service", 80, get("product"), |answer| {
            answer.status == 200
        })
        .await;
        Self {
            client,
            one,
            two,
            mesh,
        }
    }

    fn set(&self, instances: &[(&App, &str)]) {
        self.mesh
            .manifests()
            .write("slice.yaml", &slice("product", instances));
    }

    async fn tally(&self, count: usize) -> Tally {
        many(self.client.outbound(80), Protocol::Http1, 4, count, |_| {
            get("product")
        })
        .await
    }

    /// All of some requests meet this instance, soon.
    async fn only(&self, name: &str) {
        within(SOON, &format!("only {name} serves"), async || {
            let tally = self.tally(40).await;
            if tally.instance(name) == 40 {
                Ok(())
            } else {
                Err(format!("{tally:?}"))
            }
        })
        .await;
    }

    /// Both instances serve, soon.
    async fn both(&self) {
        within(SOON, "both serve", async || {
            let tally = self.tally(40).await;
            let both = tally.instance("one") > 0 && tally.instance("two") > 0;
            if both {
                Ok(())
            } else {
                Err(format!("{tally:?}"))
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_service_is_found_within_a_second() {
    let shop = Two::open().await;
    // On a port that others have already, and on one that is new.
    for (name, port) in [("fresh", 80), ("fresher", 8123)] {
        let manifests =
            service("shop", name, &[("http", port, 8080)]) + &slice(name, &[(&shop.two, READY)]);
        shop.mesh
            .manifests()
            .write(&format!("{name}.yaml"), &manifests);
        within(SOON, name, async || {
            let answer = get(name).send(shop.client.outbound(port)).await?;
            match answer.instance() {
                "two" => Ok(()),
                _ => Err(format!("{} {}", answer.status, answer.text())),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_removed_instance_drains_and_no_request_fails() {
    let shop = Two::open().await;
    let outbound = shop.client.outbound(80);
    shop.both().await;
    let slow = tokio::spawn(many(outbound, Protocol::Http1, 10, 10, |_| {
        get("product").header("x-echo-delay", "1500ms")
    }));
    eventually("slow requests are at both", async || {
        match (
            shop.one.echo().counters().active,
            shop.two.echo().counters().active,
        ) {
            (one, two) if one + two == 10 && one > 0 && two > 0 => Ok(()),
            counts => Err(format!("{counts:?}")),
        }
    })
    .await;
    let mut connections = Vec::new();
    for _ in 0..10 {
        let mut tcp = Tcp::open(shop.client.outbound(90)).await.unwrap();
        tcp.hear().await.unwrap();
        connections.push(tcp);
    }
    let (end, load) = steady(outbound, get("product"));
    // Removed at once; then as Kubernetes does it; then one replaced by the other.
    shop.set(&[(&shop.one, READY)]);
    shop.only("one").await;
    shop.set(&[(&shop.one, READY), (&shop.two, READY)]);
    shop.both().await;
    shop.set(&[(&shop.one, TERMINATING), (&shop.two, READY)]);
    shop.only("two").await;
    shop.set(&[(&shop.one, READY)]);
    shop.only("one").await;
    end.send(()).unwrap();
    let tally = load.await.unwrap();
    assert_eq!(tally.status(200), tally.total(), "{tally:?}");
    let slow = slow.await.unwrap();
    assert_eq!(slow.status(200), 10, "{slow:?}");
    assert!(slow.instance("two") > 0, "{slow:?}");
    // Connections that were there stay where they were; new ones don't go there.
    for tcp in &mut connections {
        tcp.say("still here").await.unwrap();
        assert_eq!(tcp.hear().await.unwrap().as_deref(), Some("still here"));
        let mut new = Tcp::open(shop.client.outbound(90)).await.unwrap();
        assert_eq!(new.hear().await.unwrap().as_deref(), Some("instance one"));
    }
}

#[tokio::test]
async fn an_instance_that_is_not_ready_gets_no_traffic() {
    let shop = Two::open().await;
    shop.both().await;
    shop.set(&[(&shop.one, READY), (&shop.two, UNREADY)]);
    shop.only("one").await;
    shop.two.echo().forget();
    let tally = shop.tally(200).await;
    assert_eq!(tally.instance("one"), 200, "{tally:?}");
    assert_eq!(shop.two.echo().counters().requests, 0);
    shop.set(&[(&shop.one, UNREADY), (&shop.two, READY)]);
    shop.only("two").await;
    // A service may publish instances that are not ready.
    shop.set(&[(&shop.one, UNREADY), (&shop.two, UNREADY)]);
    until(
        &shop.client,
        "nobody is ready",
        80,
        get("product"),
        |answer| answer.status == 503,
    )
    .await;
    shop.mesh.manifests().edit(
        "service.yaml",
        "spec:\n",
        "spec:\n  publishNotReadyAddresses: true\n",
    );
    shop.both().await;
}

#[tokio::test]
async fn without_instances_a_service_answers_503_and_never_404() {
    let shop = Two::open().await;
    let (end, load) = steady(shop.client.outbound(80), get("product"));
    for _ in 0..3 {
        shop.set(&[]);
        until(&shop.client, "to zero", 80, get("product"), |answer| {
            answer.status == 503
        })
        .await;
        shop.set(&[(&shop.one, READY)]);
        until(&shop.client, "and back", 80, get("product"), |answer| {
            answer.status == 200
        })
        .await;
    }
    // The slice itself goes and comes.
    shop.mesh.manifests().remove("slice.yaml");
    until(
        &shop.client,
        "without slice",
        80,
        get("product"),
        |answer| answer.status == 503,
    )
    .await;
    shop.set(&[(&shop.two, READY)]);
    until(
        &shop.client,
        "the slice is back",
        80,
        get("product"),
        |answer| answer.status == 200,
    )
    .await;
    end.send(()).unwrap();
    let tally = load.await.unwrap();
    assert!(tally.status(503) > 0 && tally.status(200) > 0, "{tally:?}");
    assert_eq!(
        tally.status(503) + tally.status(200),
        tally.total(),
        "{tally:?}"
    );
}
