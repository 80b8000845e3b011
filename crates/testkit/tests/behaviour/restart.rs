//! The control plane crashes, ends and comes back: traffic goes on, and nothing that has not
//! changed is sent again.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::client::{Request, Tally};
use ferromesh_testkit::fake_envoy::{FakeEnvoy, node};
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::{DEADLINE, eventually};

use crate::app::steady;
use crate::control::{connected, sent};
use crate::shop::Shop;

/// All to one version.
fn all_to(version: &str) -> String {
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
  http: [{{route: [{{destination: {{host: product, subset: {version}}}}}]}}]
"
    )
}

fn get() -> Request {
    Request::get("product", "/")
}

fn faultless(tally: &Tally) {
    assert!(tally.total() > 0);
    assert_eq!(tally.status(200), tally.total(), "{tally:?}");
}

/// How often a proxy's clusters and listeners were touched.
async fn touched(workload: &Workload) -> BTreeMap<String, u64> {
    let mut stats = workload.stats().await;
    let kept = [
        "cluster_manager.cluster_added",
        "cluster_manager.cluster_modified",
        "cluster_manager.cluster_removed",
        "cluster_manager.cds.update_success",
        "listener_manager.listener_added",
        "listener_manager.listener_modified",
        "listener_manager.listener_in_place_updated",
        "listener_manager.listener_removed",
        "listener_manager.lds.update_success",
    ];
    stats.retain(|name, _| kept.contains(&name.as_str()));
    stats
}

async fn from(shop: &Shop, instance: &str) {
    shop.until(instance, get(), |answer| answer.instance() == instance)
        .await;
}

fn counts<const N: usize>(list: [(&str, u64); N]) -> BTreeMap<String, u64> {
    list.map(|(ty, count)| (ty.to_owned(), count)).into()
}

/// The host `product` is in two tables, that of port 80 and that of the HTTP proxy; each of four
/// proxies subscribes to clusters, endpoints, listeners, routes, virtual hosts.
const REQUESTS: u64 = 4 * 5;

#[tokio::test]
async fn a_crash_fails_no_request_and_only_changes_are_sent_afterwards() {
    let mut shop = Shop::open(&all_to("v1")).await;
    from(&shop, "product-v1").await;
    let (end, load) = steady(shop.client.outbound(80), get());
    let before = (touched(&shop.client).await, touched(&shop.v1).await);
    assert!(before.0.len() >= 6, "{before:?}");

    // Nothing has changed.
    shop.mesh.restart().await;
    connected(&shop.mesh, 4, REQUESTS).await;
    shop.apply(&all_to("v2"));
    from(&shop, "product-v2").await;
    eventually(
        "all have the change, and nothing else",
        async || match sent(&shop.mesh).await {
            done if done == counts([("vhds", 8)]) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;
    let after = (touched(&shop.client).await, touched(&shop.v1).await);
    assert_eq!(before, after);

    // A route has changed while nobody was there, and an endpoint.
    shop.mesh.kill();
    shop.apply(&all_to("v1"));
    let services = shop.mesh.manifests().read("services.yaml");
    let slices = endpoint_slice("shop", "other", &[("http", 8080)], [shop.v2.settings()]);
    shop.mesh.manifests().write(
        "services.yaml",
        &(services.clone() + &slices.replacen("name: other\n", "name: more\n", 1)),
    );
    shop.mesh.restart().await;
    connected(&shop.mesh, 4, REQUESTS).await;
    from(&shop, "product-v1").await;
    eventually(
        "all have the changes, and nothing else",
        async || match sent(&shop.mesh).await {
            done if done == counts([("vhds", 8), ("eds", 4)]) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;
    let outbound = shop.client.outbound(80);
    eventually("the new endpoint serves", async || {
        let answer = Request::get("other", "/").send(outbound).await?;
        match answer.instance() {
            "product-v2" => Ok(()),
            other => Err(other.to_owned()),
        }
    })
    .await;

    // A service has gone while nobody was there.
    let clusters = shop.client.stat("cluster_manager.cluster_removed").await;
    shop.mesh.kill();
    let rest = services
        .split_inclusive("---\n")
        .filter(|text| !text.contains("name: other\n"));
    shop.mesh
        .manifests()
        .write("services.yaml", &rest.collect::<String>());
    shop.mesh.restart().await;
    eventually("its cluster is gone", async || {
        let dump = shop.client.config_dump().await.to_string();
        let removed = shop.client.stat("cluster_manager.cluster_removed").await - clusters;
        if removed == 1 && !dump.contains("outbound|80||other.shop.svc.cluster.local") {
            Ok(())
        } else {
            Err(format!("{removed} clusters were removed"))
        }
    })
    .await;
    end.send(()).expect("the load goes on");
    faultless(&load.await.expect("the load"));
}

/// Reads until nothing has come for a while that `marker` is not part of.
async fn until_marked(fake: &mut FakeEnvoy, marker: &str) -> Vec<String> {
    let arrival = async {
        let mut names = Vec::new();
        loop {
            let received = fake
                .next()
                .await
                .expect("a sound stream")
                .expect("an open stream");
            let marked = received.resources.iter().any(|(_, body)| {
                body.windows(marker.len())
                    .any(|window| window == marker.as_bytes())
            });
            names.extend(received.removed);
            names.extend(received.resources.into_iter().map(|(name, _)| name));
            if marked {
                return names;
            }
        }
    };
    let arrived = tokio::time::timeout(DEADLINE, arrival).await;
    arrived.unwrap_or_else(|_| panic!("{marker} does not come"))
}

fn slice(address: &str) -> String {
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: flap, namespace: shop}}
spec: {{clusterIP: 10.96.0.1, ports: [{{name: http, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: flap, namespace: shop, labels: {{kubernetes.io/service-name: flap}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints: [{{addresses: [{address}], conditions: {{ready: true}}}}]
---
"
    )
}

#[tokio::test]
async fn a_proxy_that_comes_back_is_sent_only_what_has_changed_meanwhile() {
    let files = ferromesh_testkit::manifests::Manifests::new();
    let many: String = (0..40)
        .map(|number| slice("10.9.9.9").replace("flap", &format!("svc-{number}")))
        .collect();
    files.write("many.yaml", &many);
    files.write("flap.yaml", &slice("10.9.0.1"));
    files.write("policies.yaml", &all_to("v1"));
    let mut mesh = Mesh::start(files).await;
    let client = || node("shop", "client", "10.1.0.1");
    let mut fake = FakeEnvoy::connect(mesh.xds(), client())
        .await
        .expect("a stream");
    while fake.count("ClusterLoadAssignment") < 41 || fake.count("VirtualHost") < 41 {
        fake.next()
            .await
            .expect("a sound stream")
            .expect("an open stream");
    }
    mesh.manifests().write("flap.yaml", &slice("10.9.0.2"));
    until_marked(&mut fake, "10.9.0.2").await;
    let held = fake.into_held();

    // Nothing has changed; one endpoint changes afterwards.
    mesh.restart().await;
    let mut fake = FakeEnvoy::resume(mesh.xds(), client(), held)
        .await
        .expect("a stream");
    connected(&mesh, 1, 5).await;
    mesh.manifests().write("flap.yaml", &slice("10.9.0.3"));
    let names = until_marked(&mut fake, "10.9.0.3").await;
    assert_eq!(names, ["outbound|80||flap.shop.svc.cluster.local"]);
    assert!(fake.received() < 1024, "{} bytes", fake.received());
    let held = fake.into_held();

    // One endpoint has changed meanwhile; the log and the source's lines do not count.
    mesh.kill();
    mesh.manifests().write(
        "many.yaml",
        &format!("# A comment moves all lines.\n{many}"),
    );
    mesh.manifests().write("flap.yaml", &slice("10.9.0.4"));
    mesh.restart().await;
    let mut fake = FakeEnvoy::resume(mesh.xds(), client(), held)
        .await
        .expect("a stream");
    let names = until_marked(&mut fake, "10.9.0.4").await;
    assert_eq!(names, ["outbound|80||flap.shop.svc.cluster.local"]);
}

#[tokio::test]
async fn sigterm_ends_streams_in_good_order_and_no_request_fails() {
    let mut shop = Shop::open(&all_to("v1")).await;
    from(&shop, "product-v1").await;
    let (end, load) = steady(shop.client.outbound(80), get());
    let mut stream = AdsClient::connect(shop.mesh.xds(), Variant::Delta)
        .await
        .expect("a stream");
    let silent = AdsClient::connect(shop.mesh.xds(), Variant::StateOfTheWorld).await;
    let silent = silent.expect("a stream without a request");
    let begun = std::time::Instant::now();
    shop.mesh.operator().terminate();
    while stream.receive_raw().await.expect("no reset").is_some() {}
    let status = stream.status().await.expect("trailers").expect("a status");
    assert_eq!(status.0, "14", "{status:?}");
    let ended = shop.mesh.ended().await;
    assert!(ended.success() && ended.signal().is_none(), "{ended:?}");
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    drop(silent);
    // And back.
    shop.mesh.restart().await;
    connected(&shop.mesh, 4, REQUESTS).await;
    assert_eq!(sent(&shop.mesh).await, BTreeMap::new());
    end.send(()).expect("the load goes on");
    faultless(&load.await.expect("the load"));
}

#[tokio::test]
async fn a_proxy_that_starts_without_control_plane_is_ready_when_there_is_one() {
    let mut shop = Shop::open(&all_to("v1")).await;
    let late = Settings::new("late", "shop", &mut shop.addresses);
    let pods = shop.mesh.manifests().read("workloads.yaml") + &pod(&late, &[("app", "late")]);
    shop.mesh.manifests().write("workloads.yaml", &pods);
    shop.mesh.kill();
    let late = Workload::start_unready(late, shop.mesh.xds()).await;
    eventually("the agent says what is missing", async || {
        let answer = Request::get("localhost", "/ready")
            .send(late.status())
            .await?;
        assert_eq!(answer.status, 503, "{}", answer.text());
        let tried = late
            .stat("cluster.xds-grpc;.upstream_cx_connect_fail")
            .await
            + late.stat("cluster.xds-grpc.upstream_cx_connect_fail").await;
        if tried > 0 {
            Ok(())
        } else {
            Err(format!("it has not tried yet: {}", answer.text()))
        }
    })
    .await;
    shop.mesh.restart().await;
    late.ready().await;
    eventually("it serves", async || {
        let answer = get().send(late.outbound(80)).await?;
        match answer.instance() {
            "product-v1" => Ok(()),
            _ => Err(answer.text()),
        }
    })
    .await;
}

#[tokio::test]
async fn started_with_a_broken_file_the_sound_rules_are_in_force() {
    let mut shop = Shop::open(&all_to("v1")).await;
    from(&shop, "product-v1").await;
    let (end, load) = steady(shop.client.outbound(80), get());
    shop.mesh.kill();
    // One rule cannot be read; the others of the same object are sound. And one file is no YAML.
    let broken = all_to("v2").replace(
        "http: [",
        "http: [{match: [{uri: {prefix: /bad}}], retries: {attempts: many}, route: [{destination: {host: other}}]}, ",
    );
    shop.apply(&broken);
    shop.mesh
        .manifests()
        .write("rubbish.yaml", "kind: [VirtualService\n  spec: }\n");
    shop.mesh.restart().await;
    from(&shop, "product-v2").await;
    let other = Request::get("other", "/")
        .send(shop.client.outbound(80))
        .await;
    assert_eq!(other.expect("an answer").instance(), "other");
    eventually("both faults are reported", async || {
        let list = shop.mesh.debug_json("/debug/diagnostics").await.to_string();
        let all = ["spec.http[0].retries.attempts", "rubbish.yaml"];
        match all.into_iter().find(|word| !list.contains(word)) {
            None => Ok(()),
            Some(word) => Err(format!("no {word} in {list}")),
        }
    })
    .await;
    end.send(()).expect("the load goes on");
    faultless(&load.await.expect("the load"));
}
