//! What is not injected, by whom, and what its author is told.

use std::process::Output;

use serde_json::{Value, json};

use super::ground::{Ground, pod};

/// Tries to create a pod, and says what kubectl says.
fn tried(ground: &Ground, pod: &Value) -> (bool, String) {
    ground.room.try_apply(&pod.to_string())
}

#[test]
fn kubernetes_refuses_capture_where_pod_security_does_and_we_say_what_to_do() {
    for profile in ["baseline", "restricted"] {
        let enforce = format!("pod-security.kubernetes.io/enforce={profile}");
        let ground = Ground::labelled(profile, &["istio-injection=enabled", &enforce]);
        let (accepted, said) = tried(&ground, &pod("captured"));
        assert!(!accepted, "{said}");
        for part in [
            format!("violates PodSecurity \"{profile}"),
            "NET_ADMIN".to_owned(),
            "sidecar.istio.io/interceptionMode: NONE".to_owned(),
        ] {
            assert!(said.contains(&part), "{part} in {said}");
        }
    }
}

#[test]
fn what_an_annotation_says_wrongly_is_refused_with_its_place() {
    let ground = Ground::new("wrong");
    for (name, value, parts) in [
        (
            "inject.istio.io/templates",
            "waypoint",
            &["\"waypoint\"", "sidecar"][..],
        ),
        (
            "traffic.sidecar.istio.io/excludeInboundPorts",
            "8080 } chain x {",
            &["8080 } chain x {"],
        ),
        (
            "traffic.sidecar.istio.io/includeOutboundIPRanges",
            "include \"/etc/passwd\"",
            &["/etc/passwd"],
        ),
        (
            "proxy.istio.io/config",
            "proxyMetadata: {LD_PRELOAD: /tmp/a.so}",
            &["LD_PRELOAD"],
        ),
        ("sidecar.istio.io/proxyCPU", "many", &["many"]),
        (
            "sidecar.istio.io/userVolume",
            r#"{"a": {"hostPath": {"path": "/"}}}"#,
            &["path of the node"],
        ),
    ] {
        let mut wrong = pod("wrong");
        wrong["metadata"]["annotations"] = json!({name: value});
        let (accepted, said) = tried(&ground, &wrong);
        assert!(!accepted, "{name}: {said}");
        let path = format!("metadata.annotations[\"{name}\"]");
        for part in parts.iter().copied().chain([path.as_str()]) {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}

#[test]
fn pods_on_the_network_of_their_node_are_left_alone() {
    let ground = Ground::new("node");
    let mut pod = pod("node");
    pod["spec"]["hostNetwork"] = json!(true);
    pod["spec"]["containers"][0]["args"] = json!(["--instance=$(POD)", "--http=127.0.0.1:18080"]);
    ground.run(&[pod]);
    let containers = &ground.get("pod/node")["spec"]["initContainers"];
    assert_eq!(containers, &Value::Null);
}

#[test]
fn a_manifest_that_was_injected_offline_is_the_webhooks() {
    let ground = Ground::new("offline");
    let settings = tempfile::NamedTempFile::new().expect("a file");
    let cluster = ground.room.cluster();
    let get = [
        "get",
        "configmap",
        "ferromesh-injector",
        "--output=json",
        "--namespace",
        ferromesh_testkit::cluster::installation::NAMESPACE,
    ];
    let text = ferromesh_testkit::cluster::room::check(cluster.kubectl().args(get));
    std::fs::write(settings.path(), text).expect("a file");

    let mut pod = pod("same");
    pod["metadata"]["annotations"] = json!({"prometheus.io/port": "8080"});
    let container = &mut pod["spec"]["containers"][0];
    container["livenessProbe"] = json!({"grpc": {"port": 8080}, "timeoutSeconds": 2});
    container["startupProbe"] = json!({
        "httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"}, "timeoutSeconds": 1,
    });
    let manifest = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(manifest.path(), pod.to_string()).expect("a file");
    let mut inject = std::process::Command::new(ferromesh_testkit::programs::program("ferromesh"));
    inject.args(["inject", "-f"]).arg(manifest.path());
    inject.arg("--settings").arg(settings.path());
    let Output {
        stdout,
        stderr,
        status,
    } = inject.output().expect("the command line");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let offline: Value = serde_json::from_slice(&stdout).expect("JSON");
    assert!(offline["spec"]["initContainers"].is_array(), "{offline}");

    // As the API server would store them: ours, theirs, and ours once more.
    let stored = |pod: &Value| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), pod.to_string()).expect("a file");
        let path = file.path().to_str().expect("a path in UTF-8");
        let create = ["create", "--dry-run=server", "--output=json", "-f", path];
        let text = ground.room.kubectl(&create);
        let mut pod: Value = serde_json::from_str(&text).expect("JSON");
        // The API server gives names to volumes, and the time to objects.
        let volume = pod["spec"]["volumes"]
            .as_array()
            .and_then(|volumes| {
                volumes.iter().find_map(|volume| {
                    let name = volume["name"].as_str()?;
                    name.starts_with("kube-api-access-")
                        .then(|| name.to_owned())
                })
            })
            .expect("the token of the account");
        for volatile in ["uid", "creationTimestamp", "managedFields"] {
            pod["metadata"]
                .as_object_mut()
                .expect("metadata")
                .remove(volatile);
        }
        let text = pod.to_string().replace(&volume, "kube-api-access");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let by_webhook = stored(&pod);
    assert!(
        by_webhook["spec"]["initContainers"].is_array(),
        "{by_webhook}"
    );
    assert_eq!(stored(&offline), by_webhook);
}
