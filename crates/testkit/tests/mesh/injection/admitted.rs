//! Pods whose authors have wishes, or whose namespaces have limits.

use serde_json::{Value, json};

use super::ground::{Ground, caller, container, pod, service};

fn proxy(pod: &Value) -> Value {
    let containers = pod["spec"]["initContainers"].as_array().expect("a proxy");
    let found = containers.iter().find(|it| it["name"] == "istio-proxy");
    found.cloned().expect("a proxy")
}

#[test]
fn limits_and_quotas_of_a_namespace_admit_injected_pods() {
    let ground = Ground::new("limits");
    ground.room.apply(
        "
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec:
  limits:
  - type: Container
    default: {cpu: 200m, memory: 128Mi}
    defaultRequest: {cpu: 50m, memory: 32Mi}
    max: {cpu: '2', memory: 1Gi}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {pods: '2', requests.cpu: '1', requests.memory: 1Gi, limits.cpu: '5', limits.memory: 4Gi}}
",
    );
    let mut modest = pod("modest");
    modest["metadata"]["annotations"] = json!({
        "sidecar.istio.io/proxyCPU": "20m", "sidecar.istio.io/proxyCPULimit": "300m",
        "sidecar.istio.io/proxyMemory": "64Mi", "sidecar.istio.io/proxyMemoryLimit": "256Mi",
    });
    ground.run(&[pod("usual"), modest]);
    let resources = &proxy(&ground.get("pod/modest"))["resources"];
    let expected = json!({
        "requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "300m", "memory": "256Mi"},
    });
    assert_eq!(resources, &expected);
}

#[test]
fn what_the_author_says_of_the_proxy_holds_and_applications_may_be_anybody() {
    let ground = Ground::new("wishes");
    let mut overlaid = pod("overlaid");
    let own = json!({
        "name": "istio-proxy", "image": "auto",
        "resources": {"requests": {"cpu": "30m", "memory": "80Mi"}},
        "env": [{"name": "MINE", "value": "$(POD_NAME) `id` ; {"}],
    });
    overlaid["spec"]["containers"]
        .as_array_mut()
        .expect("containers")
        .push(own);
    let mut anybody = pod("anybody");
    anybody["spec"]["securityContext"] = json!({
        "runAsNonRoot": true, "runAsUser": 4711, "runAsGroup": 4712, "fsGroup": 4713,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    anybody["spec"]["containers"][0]["securityContext"] = json!({
        "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false,
    });
    let mut classic = pod("classic");
    classic["metadata"]["annotations"] = json!({
        "sidecar.istio.io/nativeSidecar": "false",
        "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true",
    });
    let mut several = pod("several");
    several["spec"]["containers"] = json!([
        container("app", &["--http=0.0.0.0:8080"]),
        container("second", &["--http=0.0.0.0:8081"]),
    ]);
    ground.apply(&[
        service("overlaid"),
        service("anybody"),
        service("classic"),
        service("several"),
    ]);
    ground.run(&[overlaid, anybody, classic, several]);

    let merged = proxy(&ground.get("pod/overlaid"));
    assert_eq!(
        merged["resources"]["requests"]["memory"], "80Mi",
        "{merged}"
    );
    assert_eq!(merged["restartPolicy"], "Always", "{merged}");
    let classic = ground.get("pod/classic");
    assert_eq!(classic["spec"]["containers"][0]["name"], "istio-proxy");
    for (from, to) in [
        ("overlaid", "anybody"),
        ("anybody", "classic"),
        ("classic", "several"),
        ("several", "overlaid"),
    ] {
        let url = format!("http://{to}/");
        let from = format!("pod/{from}");
        let exec = [
            "exec",
            &from,
            "--container=app",
            "--",
            "/usr/local/bin/ferromesh-ask",
            &url,
        ];
        let answer: Value = serde_json::from_str(&ground.room.kubectl(&exec)).expect("JSON");
        assert_eq!(answer["status"], 200, "{from} to {to}: {answer}");
        assert!(!caller(&answer).is_empty(), "{from} to {to}: {answer}");
    }
}
