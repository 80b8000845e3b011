//! Workloads of every kind.

use ferromesh_testkit::wait;
use serde_json::{Value, json};

use super::ground::{Ground, PORT, caller, pod, service};

/// A workload of a kind that keeps so many pods.
fn workload(kind: &str, name: &str, more: &Value) -> Value {
    let pod = pod(name);
    let mut spec = json!({
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod["spec"]},
    });
    let fields = spec.as_object_mut().expect("a mapping");
    fields.extend(more.as_object().expect("a mapping").clone());
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn each_pod_of_a_stateful_set_is_reached_by_its_name_over_mutual_tls() {
    let ground = Ground::new("stateful");
    let mut headless = service("db");
    headless["spec"]["clusterIP"] = json!("None");
    headless["spec"]["ports"][0] = json!({"name": "http", "port": PORT, "targetPort": PORT});
    ground.apply(&[
        headless,
        service("each"),
        workload(
            "StatefulSet",
            "db",
            &json!({"serviceName": "db", "replicas": 2}),
        ),
        workload("DaemonSet", "each", &json!({})),
        pod("client"),
    ]);
    ground.ready(&["pod/client".to_owned()]);
    for name in ["statefulset/db", "daemonset/each"] {
        ground.room.ready(name);
    }
    for (url, instance) in [
        (format!("http://db-0.db:{PORT}/"), "db-0"),
        (format!("http://db-1.db:{PORT}/"), "db-1"),
        ("http://each/".to_owned(), "each-"),
    ] {
        wait::eventually(&url, async || {
            let answers = ground.room.ask("pod/client", &[&url]);
            let answer = &answers[0];
            let found = answer["instance"].as_str().unwrap_or_default();
            if found.starts_with(instance) && !caller(answer).is_empty() {
                Ok(())
            } else {
                Err(answer.to_string())
            }
        })
        .await;
    }
}
