//! The control plane is not there.

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::{programs, wait};
use serde_json::Value;

use super::ground::{caller, is_ready, pod, restarts, service};

fn scale(cluster: &Cluster, replicas: &str) {
    let scale = ["scale", "deployment/ferromesh", "--replicas", replicas];
    check(
        cluster
            .kubectl()
            .args(["--namespace", NAMESPACE])
            .args(scale),
    );
}

/// A pod with its proxy, as `ferromesh inject` makes it with the settings of the cluster.
fn injected(cluster: &Cluster, pod: &Value) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.json");
    let manifest = folder.path().join("pod.json");
    let get = ["get", "configmap", "ferromesh-injector", "--output=json"];
    let text = check(cluster.kubectl().args(["--namespace", NAMESPACE]).args(get));
    std::fs::write(&settings, text).expect("a file");
    std::fs::write(&manifest, pod.to_string()).expect("a file");
    let mut inject = std::process::Command::new(programs::program("ferromesh"));
    inject.args(["inject", "-f"]).arg(&manifest);
    check(inject.arg("--settings").arg(&settings))
}

#[tokio::test]
async fn pods_that_were_admitted_start_when_it_is_back_and_others_at_once() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    // Nobody asks the webhook here: whoever has a proxy has it already.
    let room = Room::new(&cluster, "absent", &[]);
    room.kubectl(&["wait", "--for=create", "serviceaccount/default"]);
    room.kubectl(&[
        "wait",
        "--for=create",
        "configmap/istio-ca-root-cert",
        "--timeout=30s",
    ]);
    let late = injected(&cluster, &pod("late"));
    scale(&cluster, "0");
    let own = [
        "wait",
        "--for=delete",
        "pods",
        "--selector=app.kubernetes.io/name=ferromesh",
    ];
    check(
        cluster
            .kubectl()
            .args(["--namespace", NAMESPACE])
            .args(own)
            .arg("--timeout=60s"),
    );

    room.apply(&late);
    room.apply(&format!("{}\n---\n{}", pod("plain"), service("late")));
    room.kubectl(&[
        "wait",
        "--for=condition=Ready",
        "pod/plain",
        "--timeout=60s",
    ]);
    let get = || -> Value {
        let text = room.kubectl(&["get", "pod/late", "--output=json"]);
        serde_json::from_str(&text).expect("JSON")
    };
    // It waits, says so, and is not started again and again.
    wait::within(3 * wait::DEADLINE, "it says why it waits", async || {
        let of = "--field-selector=involvedObject.name=late,reason=Unhealthy";
        let counts = "jsonpath={.items[*].count}";
        let said = room.kubectl(&["get", "events", of, "--output", counts]);
        let most = said
            .split(' ')
            .filter_map(|count| count.parse::<u32>().ok());
        if most.max().unwrap_or(0) >= 10 {
            Ok(())
        } else {
            Err(format!("{said}: {}", get()["status"]))
        }
    })
    .await;
    assert!(!is_ready(&get()));
    scale(&cluster, "1");
    room.kubectl(&["wait", "--for=condition=Ready", "pod/late", "--timeout=90s"]);
    let pod = get();
    assert_eq!(
        (restarts(&pod, "istio-proxy"), restarts(&pod, "app")),
        (0, 0)
    );
    let answers = room.ask("pod/plain", &["http://late/"]);
    assert_eq!(answers[0]["status"], 200, "{answers:?}");
    assert_eq!(caller(&answers[0]), "", "nobody proves who that is");
}
