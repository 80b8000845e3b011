//! The proxy is there before its application and after it, and both may die.

use ferromesh_testkit::client::Request;
use serde_json::{Value, json};

use super::ground::{Ground, PORT, caller, is_ready, pod, restarts, service, status};

const ASK: &str = "/usr/local/bin/ferromesh-ask";

/// An application that sends requests as soon as it starts, and ends.
fn asking(name: &str) -> Value {
    let mut pod = pod(name);
    pod["spec"]["restartPolicy"] = json!("Never");
    let container = &mut pod["spec"]["containers"][0];
    container["args"] = json!(["--count=20", "http://echo/"]);
    container["command"] = json!([ASK]);
    json!({"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]})
}

#[tokio::test]
async fn jobs_have_their_proxy_from_the_first_request_on_and_complete() {
    let ground = Ground::new("jobs");
    ground.run(&[pod("echo")]);
    ground.apply(&[service("echo")]);
    let spec = json!({"backoffLimit": 0, "template": asking("job")});
    ground.apply(&[
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": spec,
        }),
        json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "cron"},
            "spec": {"schedule": "0 0 29 2 *", "jobTemplate": {"spec": spec}},
        }),
    ]);
    ground
        .room
        .kubectl(&["create", "job", "of-cron", "--from=cronjob/cron"]);
    for job in ["job", "of-cron"] {
        let complete = ["wait", "--for=condition=Complete", "--timeout=60s"];
        ground
            .room
            .kubectl(&[&complete[..], &[&format!("job/{job}")]].concat());
        let log = ground
            .room
            .kubectl(&["logs", &format!("job/{job}"), "--container=app"]);
        let answers: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect();
        assert_eq!(answers.len(), 20, "{log}");
        for answer in &answers {
            assert_eq!(answer["status"], 200, "{job}: {answer}");
            assert!(!caller(answer).is_empty(), "{job}: {answer}");
        }
        let pods = ground.room.kubectl(&[
            "get",
            "pods",
            &format!("--selector=job-name={job}"),
            "--output=json",
        ]);
        let pods: Value = serde_json::from_str(&pods).expect("JSON");
        let proxy = status(&pods["items"][0], "istio-proxy");
        assert_eq!(proxy["state"]["terminated"]["exitCode"], 0, "{proxy}");
    }
}

#[tokio::test]
async fn the_last_requests_of_an_application_have_their_proxy() {
    let ground = Ground::new("last");
    let mut last = pod("last");
    last["spec"]["containers"][0]["lifecycle"] = json!({
        "preStop": {"exec": {"command": [ASK, "--count=20", "http://echo/"]}},
    });
    ground.run(&[pod("echo"), last]);
    ground.apply(&[service("echo")]);
    let echo = ground.room.network("echo");
    // It knows the service.
    let answers = ground.room.ask("pod/last", &["http://echo/"]);
    assert_eq!(answers[0]["status"], 200, "{answers:?}");
    let before = ground.requests(&echo, PORT);
    ground
        .room
        .kubectl(&["delete", "pod/last", "--timeout=60s"]);
    assert_eq!(ground.requests(&echo, PORT), before + 20);
}

#[tokio::test]
async fn an_application_or_a_proxy_that_dies_comes_back_alone() {
    let ground = Ground::new("deaths");
    let mut mortal = pod("mortal");
    mortal["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "64Mi"}});
    ground.run(&[pod("client"), mortal]);
    ground.apply(&[service("mortal")]);
    let before = ground.get("pod/mortal");

    // Out of memory, a signal, and the proxy's own end.
    let much = format!("http://mortal/?size={}", 500_000_000);
    ground.room.ask("pod/client", &[&much]);
    again(&ground, "app", 1).await;
    let pod = ground.get("pod/mortal");
    let reason = &status(&pod, "app")["lastState"]["terminated"]["reason"];
    assert_eq!(reason, "OOMKilled");
    ground.kill("mortal", "app");
    again(&ground, "app", 2).await;
    assert_eq!(restarts(&ground.get("pod/mortal"), "istio-proxy"), 0);
    ground.kill("mortal", "istio-proxy");
    again(&ground, "istio-proxy", 1).await;

    let after = ground.get("pod/mortal");
    assert_eq!(restarts(&after, "app"), 2);
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    let answers = ground.room.ask("pod/client", &["http://mortal/"]);
    assert_eq!(answers[0]["status"], 200, "{answers:?}");
    assert!(!caller(&answers[0]).is_empty(), "{answers:?}");
}

/// Waits until a container has come back, and the pod is ready.
async fn again(ground: &Ground, container: &str, times: u64) {
    let what = format!("{container} has come back");
    ground
        .until(&what, "pod/mortal", |pod| {
            restarts(pod, container) == times && is_ready(pod)
        })
        .await;
    let to = ground.address("mortal");
    let answer = ground.outside(Request::get("mortal", "/"), to);
    assert_eq!(answer.map(|answer| answer.status.as_u16()), Ok(200));
}
