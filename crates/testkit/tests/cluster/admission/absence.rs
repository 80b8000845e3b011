//! The control plane is not there.

use std::time::Duration;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::wait;

use super::api::{client, is_injected, tried};
use crate::echo;

/// Stops the control plane, or starts it.
fn scale(cluster: &Cluster, replicas: &str) {
    let scale = [
        "scale",
        "deployment/ferromesh",
        "--namespace",
        NAMESPACE,
        "--replicas",
        replicas,
    ];
    check(cluster.kubectl().args(scale));
}

fn own_pods(cluster: &Cluster) -> String {
    let selector = ["--selector", "app.kubernetes.io/name=ferromesh"];
    let get = ["get", "pods", "--namespace", NAMESPACE, "--output", "name"];
    check(cluster.kubectl().args(get).args(selector))
}

const BARE: &str = "
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec: {containers: [{name: app, image: 'ferromesh.test/echo:dev'}]}
";

#[tokio::test]
async fn only_those_who_opted_in_wait_for_it() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let opted_in = Room::new(&cluster, "opted-in", &["istio-injection=enabled"]);
    let plain = Room::new(&cluster, "plain", &[]);
    scale(&cluster, "0");
    wait::within(
        Duration::from_secs(60),
        "the control plane goes",
        async || {
            let left = own_pods(&cluster);
            if left.is_empty() { Ok(()) } else { Err(left) }
        },
    )
    .await;

    // Whoever did not opt in notices nothing.
    echo::deploy(&plain, 1);
    // A pod without a controller is refused, and why.
    let (accepted, said) = opted_in.try_apply(BARE);
    assert!(!accepted, "{said}");
    for part in ["failed calling webhook", "sidecar-injector.ferromesh.io"] {
        assert!(said.contains(part), "{said}");
    }
    // One that opts out is none of our business there, either.
    opted_in.apply(&BARE.replace(
        "{name: bare}",
        "{name: out, labels: {sidecar.istio.io/inject: 'false'}}",
    ));
    opted_in.kubectl(&["wait", "--for=condition=Ready", "pod/out", "--timeout=60s"]);
    // A controller tries again.
    opted_in.apply(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {name: late}
spec:
  selector: {matchLabels: {app: late}}
  template:
    metadata: {labels: {app: late}}
    spec: {containers: [{name: app, image: 'ferromesh.test/echo:dev'}]}
",
    );
    wait::eventually("its author is told", async || {
        let events =
            opted_in.kubectl(&["get", "events", "--output", "jsonpath={.items[*].message}"]);
        if events.contains("failed calling webhook") {
            Ok(())
        } else {
            Err(events)
        }
    })
    .await;

    scale(&cluster, "1");
    let rollout = ["rollout", "status", "deployment/ferromesh", "--timeout=60s"];
    check(
        cluster
            .kubectl()
            .args(rollout)
            .args(["--namespace", NAMESPACE]),
    );
    wait::within(Duration::from_secs(90), "the pod is created", async || {
        let containers = "jsonpath={.items[*].spec.initContainers[*].name}";
        let late = [
            "get",
            "pods",
            "--selector",
            "app=late",
            "--output",
            containers,
        ];
        let found = opted_in.kubectl(&late);
        if found.contains("istio-proxy") {
            Ok(())
        } else {
            Err(found)
        }
    })
    .await;
    let late = [
        "wait",
        "--for=condition=Available",
        "deployment/late",
        "--timeout=90s",
    ];
    opted_in.kubectl(&late);
}

#[tokio::test]
async fn nobody_is_refused_while_one_replica_takes_the_place_of_another() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let room = Room::new(&cluster, "churn", &["istio-injection=enabled"]);
    room.kubectl(&["wait", "--for=create", "serviceaccount/default"]);
    let client = client(&cluster).await;
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "churn-"},
        "spec": {"containers": [{"name": "app", "image": "ferromesh.test/echo:dev"}]},
    });
    let before = own_pods(&cluster);
    let restart = [
        "rollout",
        "restart",
        "deployment/ferromesh",
        "--namespace",
        NAMESPACE,
    ];
    check(cluster.kubectl().args(restart));
    let mut count = 0;
    loop {
        // Looking takes longer than asking.
        for _ in 0..20 {
            let found = tried(&client, room.name(), &pod).await;
            let found = found.unwrap_or_else(|error| panic!("after {count}: {error}"));
            assert!(is_injected(&found), "after {count}: {found}");
            count += 1;
        }
        let now = own_pods(&cluster);
        if before.lines().all(|pod| !now.contains(pod)) {
            break;
        }
    }
    assert!(count > 50, "{count}");
}
