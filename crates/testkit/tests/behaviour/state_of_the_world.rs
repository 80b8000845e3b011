//! Proxies that ask for the state of the world get the same mesh as those that ask for changes,
//! on the same port.

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Protocol, Request, Tally, many};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;

use crate::app::{App, steady};
use crate::control::{connected, sent, syncz};

const HTTP: [(&str, u16, u16); 1] = [("http", 80, 8080)];

/// A client and a server of each variant, in front of the same applications.
struct Sides {
    /// Their clients: state of the world, and delta.
    clients: [Workload; 2],
    /// `server`, behind a proxy that asks for the state of the world.
    server: Workload,
    /// `one` and `two` are `product`.
    apps: [App; 2],
    mesh: Mesh,
}

/// A VirtualService for `product`: premium users get `two`, the rest is split.
fn rules(v1: u32, v2: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: product, namespace: shop}}
spec:
  host: product
  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: product, namespace: shop}}
spec:
  hosts: [product]
  http:
  - match: [{{headers: {{user-type: {{exact: premium}}}}}}]
    route: [{{destination: {{host: product, subset: v2}}}}]
  - route:
    - {{destination: {{host: product, subset: v1}}, weight: {v1}}}
    - {{destination: {{host: product, subset: v2}}, weight: {v2}}}
"
    )
}

fn slice(name: &str, apps: &[&App]) -> String {
    let settings = apps.iter().map(|app| app.settings());
    endpoint_slice("shop", name, &[("http", 8080)], settings)
}

impl Sides {
    async fn open() -> Self {
        let mut addresses = Addresses::take();
        let whole = |settings: Settings| settings.argument("--xds-variant=state-of-the-world");
        let mut app =
            async |name: &str| App::start(name, &[(Kind::Http, 8080)], &mut addresses).await;
        let apps = [app("one").await, app("two").await];
        let clients = [
            whole(Settings::new("whole", "shop", &mut addresses)),
            Settings::new("delta", "shop", &mut addresses),
        ];
        let server = whole(Settings::new("server", "shop", &mut addresses).port(Kind::Http, 8080));
        let files = Manifests::new();
        let [one, two] = &apps;
        files.write(
            "workloads.yaml",
            &[
                clients.each_ref().map(|client| pod(client, &[])).concat(),
                pod(one.settings(), &[("version", "v1")]),
                pod(two.settings(), &[("version", "v2")]),
                pod(&server, &[("app", "server")]),
                service("shop", "server", &HTTP),
                endpoint_slice("shop", "server", &[("http", 8080)], [&server]),
                service("shop", "product", &HTTP),
            ]
            .concat(),
        );
        files.write("product.yaml", &slice("product", &[one, two]));
        files.write("policies.yaml", &rules(100, 0));
        let mesh = Mesh::start(files).await;
        let [whole, delta] = clients;
        let sides = Self {
            clients: [mesh.workload(whole).await, mesh.workload(delta).await],
            server: mesh.workload(server).await,
            apps,
            mesh,
        };
        for name in ["whole", "server"] {
            let state = syncz(&sides.mesh, &format!("{name}.shop")).await;
            assert_eq!(state["variant"], "StateOfTheWorld", "{state}");
        }
        let state = syncz(&sides.mesh, "delta.shop").await;
        assert_eq!(state["variant"], "Delta", "{state}");
        sides
    }

    /// Requests of both clients are answered so in the end.
    async fn until(&self, request: Request, port: u16, expected: &str) {
        for client in &self.clients {
            let name = &client.settings().name;
            eventually(
                &format!("{name} gets {expected} from {request:?}"),
                async || {
                    let answer = request.clone().send(client.outbound(port)).await?;
                    let got = format!("{} {}", answer.status.as_u16(), answer.instance());
                    if got.trim() == expected {
                        Ok(())
                    } else {
                        Err(got)
                    }
                },
            )
            .await;
        }
    }

    /// Waits until the header is reported as what the proxies refused.
    async fn until_refused(&self) {
        eventually("all three refuse", async || {
            let list = self.mesh.debug_json("/debug/diagnostics").await;
            let list = list.as_array().cloned().unwrap_or_default();
            let good = !list.is_empty()
                && list.iter().all(|one| {
                    one["code"] == "refused-by-proxy"
                        && one["path"] == "spec.http[1].headers.request.set.x-a"
                        && one["object"]["name"] == "product"
                });
            let state = syncz(&self.mesh, "whole.shop").await;
            let error = state["route_error"].as_str().unwrap_or_default().to_owned();
            if good && error.contains("NO_SUCH_COMMAND") {
                Ok(())
            } else {
                Err(format!("{list:?} {state}"))
            }
        })
        .await;
    }

    async fn each(&self, count: usize) -> [Tally; 2] {
        let [whole, delta] = &self.clients;
        let one = |client: &Workload| {
            many(client.outbound(80), Protocol::Http1, 4, count, |_| {
                Request::get("product", "/")
            })
        };
        [one(whole).await, one(delta).await]
    }
}

fn premium() -> Request {
    Request::get("product", "/").header("user-type", "premium")
}

#[tokio::test]
async fn both_variants_follow_every_change_and_no_request_fails() {
    let sides = Sides::open().await;
    let [one, two] = &sides.apps;
    sides
        .until(Request::get("product", "/"), 80, "200 one")
        .await;
    sides.until(premium(), 80, "200 two").await;
    sides
        .until(Request::get("server", "/"), 80, "200 server")
        .await;
    assert!(sides.server.echo().counters().requests > 0);
    let loads = sides.clients.each_ref().map(|client| {
        // A route that never changes, while its table does.
        steady(client.outbound(80), premium())
    });

    // A weight.
    sides
        .mesh
        .manifests()
        .write("policies.yaml", &rules(50, 50));
    sides
        .until(Request::get("product", "/"), 80, "200 two")
        .await;
    for tally in sides.each(400).await {
        // 5 σ of 400 throws at 1/2 is 50.
        assert!((150..=250).contains(&tally.instance("two")), "{tally:?}");
        assert_eq!(tally.status(200), 400, "{tally:?}");
    }
    // An endpoint.
    sides
        .mesh
        .manifests()
        .write("product.yaml", &slice("product", &[two]));
    sides
        .mesh
        .manifests()
        .write("policies.yaml", &rules(100, 0));
    sides.until(Request::get("product", "/"), 80, "503").await;
    sides
        .mesh
        .manifests()
        .write("product.yaml", &slice("product", &[one, two]));
    sides
        .until(Request::get("product", "/"), 80, "200 one")
        .await;
    // A service on a port that is new, and one on a port that is not.
    for port in [80, 8123] {
        let text = service("shop", "fresh", &[("http", port, 8080)]) + &slice("fresh", &[two]);
        sides.mesh.manifests().write("fresh.yaml", &text);
        sides
            .until(Request::get("fresh", "/"), port, "200 two")
            .await;
    }
    // It goes, and so does its port.
    sides.mesh.manifests().remove("fresh.yaml");
    for client in &sides.clients {
        eventually("it is gone", async || {
            let clusters = client.ask_admin("/clusters").await;
            let open = Request::get("fresh", "/")
                .send(client.outbound(8123))
                .await
                .is_ok();
            match (clusters.contains("fresh.shop.svc.cluster.local"), open) {
                (false, false) => Ok(()),
                state => Err(format!("{state:?}")),
            }
        })
        .await;
    }
    for (end, load) in loads {
        end.send(()).expect("the load goes on");
        let tally = load.await.expect("the load");
        assert_eq!(tally.instance("two"), tally.total(), "{tally:?}");
    }
    for client in &sides.clients {
        assert_eq!(client.stat("listener_manager.lds.update_rejected").await, 0);
        assert_eq!(client.stat("cluster_manager.cds.update_rejected").await, 0);
    }
}

#[tokio::test]
async fn after_a_restart_nothing_unchanged_is_sent_to_either_variant() {
    let mut sides = Sides::open().await;
    sides
        .until(Request::get("product", "/"), 80, "200 one")
        .await;
    sides
        .until(Request::get("server", "/"), 80, "200 server")
        .await;
    let loads = sides
        .clients
        .each_ref()
        .map(|client| steady(client.outbound(80), premium()));
    sides.mesh.restart().await;
    // Four types from each of two that have no virtual hosts of their own, and five.
    connected(&sides.mesh, 3, 4 + 4 + 5).await;
    assert_eq!(sent(&sides.mesh).await, [].into());
    // Something changed meanwhile.
    sides.mesh.kill();
    sides
        .mesh
        .manifests()
        .write("policies.yaml", &rules(0, 100));
    sides.mesh.restart().await;
    sides
        .until(Request::get("product", "/"), 80, "200 two")
        .await;
    connected(&sides.mesh, 3, 4 + 4 + 5).await;
    eventually("the tables of two, and the hosts of one", async || {
        let sent = sent(&sides.mesh).await;
        // `product` is in the table of its port and in that of the HTTP proxy.
        if sent == [("rds".to_owned(), 4), ("vhds".to_owned(), 2)].into() {
            Ok(())
        } else {
            Err(format!("{sent:?}"))
        }
    })
    .await;
    // A service has gone meanwhile.
    sides.mesh.kill();
    let text = sides.mesh.manifests().read("workloads.yaml");
    let rest = text
        .split_inclusive("---\n")
        .filter(|text| !text.contains("app: server"));
    sides
        .mesh
        .manifests()
        .write("workloads.yaml", &rest.collect::<String>());
    sides.mesh.restart().await;
    for client in &sides.clients {
        eventually("its cluster is gone", async || {
            let clusters = client.ask_admin("/clusters").await;
            match clusters.contains("outbound|80||server.shop.svc.cluster.local") {
                false => Ok(()),
                true => Err("it is there".to_owned()),
            }
        })
        .await;
    }
    for (end, load) in loads {
        end.send(()).expect("the load goes on");
        let tally = load.await.expect("the load");
        assert_eq!(tally.instance("two"), tally.total(), "{tally:?}");
    }
}

#[tokio::test]
async fn what_envoy_refuses_is_reported_and_the_last_accepted_table_stays() {
    let mut sides = Sides::open().await;
    sides
        .until(Request::get("product", "/"), 80, "200 one")
        .await;
    let bad = rules(0, 100).replace(
        "  - route:\n",
        "  - headers: {request: {set: {x-a: '%NO_SUCH_COMMAND%'}}}\n    route:\n",
    );
    assert_ne!(bad, rules(0, 100));
    sides.mesh.manifests().write("policies.yaml", &bad);
    sides.until_refused().await;
    for tally in sides.each(40).await {
        assert_eq!(tally.instance("one"), 40, "{tally:?}");
    }
    // What a new control plane does not know any more, the proxies keep.
    sides.mesh.restart().await;
    sides.until_refused().await;
    for tally in sides.each(40).await {
        assert_eq!(tally.instance("one"), 40, "{tally:?}");
    }
    // Endpoints and clusters go on.
    let [_, two] = &sides.apps;
    let text = service("shop", "fresh", &[("http", 8123, 8080)]) + &slice("fresh", &[two]);
    sides.mesh.manifests().write("fresh.yaml", &text);
    sides
        .until(Request::get("fresh", "/"), 8123, "200 two")
        .await;
    sides
        .mesh
        .manifests()
        .write("policies.yaml", &rules(0, 100));
    sides
        .until(Request::get("product", "/"), 80, "200 two")
        .await;
    eventually("nothing is left to report", async || {
        let list = sides.mesh.debug_json("/debug/diagnostics").await;
        let state = syncz(&sides.mesh, "whole.shop").await;
        if list == serde_json::json!([]) && state.get("route_error").is_none() {
            Ok(())
        } else {
            Err(format!("{list} {state}"))
        }
    })
    .await;
}
