//! Ready means that the API server reaches the replica.

use std::path::Path;
use std::time::Duration;

use ferromesh_testkit::client::Request;
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::check;
use ferromesh_testkit::{network, wait};
use serde_json::Value;

/// Names and addresses of the replicas that are not on their way out.
fn replicas(cluster: &Cluster) -> Vec<(String, String)> {
    let get = ["get", "pods", "--namespace", NAMESPACE, "--output", "json"];
    let list: Value = serde_json::from_str(&check(cluster.kubectl().args(get))).expect("JSON");
    let pods = list["items"].as_array().expect("a list").iter();
    pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .filter_map(|pod| {
            let name = pod["metadata"]["name"].as_str()?;
            Some((name.to_owned(), pod["status"]["podIP"].as_str()?.to_owned()))
        })
        .collect()
}

/// What a replica says there; nothing if it says nothing.
fn page(cluster: &Cluster, address: &str, path: &str) -> String {
    let network = format!("/proc/{}/ns/net", cluster.leader());
    let to = format!("{address}:8080").parse().expect("an address");
    network::run_in(Path::new(&network), async || {
        let answer = Request::get("ferromesh", path).send(to).await;
        answer.map_or_else(|_| String::new(), |answer| answer.text())
    })
}

fn is_reached(cluster: &Cluster, address: &str) -> Result<(), String> {
    let metrics = page(cluster, address, "/metrics");
    let line = metrics
        .lines()
        .find(|line| line.starts_with("ferromesh_admission_reached"));
    match line {
        Some("ferromesh_admission_reached 1") => Ok(()),
        other => Err(format!("{address}: {other:?}")),
    }
}

#[tokio::test]
async fn each_of_three_replicas_has_been_asked_before_it_is_ready() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    installation::install(&cluster, &["--set", "replicas=3"]);
    let replicas = replicas(&cluster);
    assert_eq!(replicas.len(), 3, "{replicas:?}");
    for (name, address) in replicas {
        assert_eq!(page(&cluster, &address, "/ready"), "ready\n");
        let reached = is_reached(&cluster, &address);
        reached.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn a_wall_before_the_webhook_holds_a_replica_up_for_a_minute_only() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let kubectl = |arguments: &[&str]| {
        check(
            cluster
                .kubectl()
                .args(["--namespace", NAMESPACE])
                .args(arguments),
        )
    };
    // Nothing that the API server asks arrives.
    kubectl(&["delete", "service", "ferromesh-probe"]);
    let before = replicas(&cluster);
    kubectl(&["rollout", "restart", "deployment/ferromesh"]);
    let (name, address) = wait::eventually("a new replica is not ready", async || {
        let now = replicas(&cluster);
        let new = now.iter().find(|replica| !before.contains(replica));
        let (name, address) = new.cloned().ok_or_else(|| format!("{now:?}"))?;
        let said = page(&cluster, &address, "/ready");
        if said.contains("has not asked this replica yet") {
            Ok((name, address))
        } else {
            Err(said)
        }
    })
    .await;
    kubectl(&[
        "rollout",
        "status",
        "deployment/ferromesh",
        "--timeout=120s",
    ]);
    assert!(is_reached(&cluster, &address).is_err());
    assert_eq!(page(&cluster, &address, "/ready"), "ready\n");
    let log = kubectl(&["logs", &name]);
    assert!(
        log.contains("the API server does not reach this replica, so that pods"),
        "{log}"
    );
    // It goes on looking.
    installation::install(&cluster, &[]);
    wait::within(Duration::from_secs(60), "it is reached", async || {
        is_reached(&cluster, &address)
    })
    .await;
}
