//! A pod that comes again: after another webhook has changed it, after other settings, after another choice.

mod support;

use ferromesh_injector::{NamespaceFacts, Settings, inject};
use serde_json::{Value, json};
use support::{at, container, names, variable};

fn injected(pod: &Value, settings: Value) -> Value {
    let settings = Settings::read(&settings).unwrap();
    let injected = inject(pod, &settings, &NamespaceFacts::default());
    injected.unwrap().pod
}

fn pod() -> Value {
    json!({"metadata": {"name": "web", "annotations": {"prometheus.io/port": "9090"}}, "spec": {
        "initContainers": [{"name": "setup", "image": "s"}],
        "containers": [
            {"name": "web", "image": "w", "livenessProbe": {"httpGet": {"path": "/", "port": 443, "scheme": "HTTPS"}}},
            {"name": "istio-proxy", "image": "auto", "env": [{"name": "MINE", "value": "1"}]},
        ],
    }})
}

fn push(pod: &mut Value, list: &str, place: usize, item: Value) {
    let items = pod["spec"][list].as_array_mut().unwrap();
    items.insert(place.min(items.len()), item);
}

#[test]
fn what_another_webhook_adds_is_in_the_mesh_and_stays() {
    let mut pod = injected(&pod(), json!({}));
    push(
        &mut pod,
        "initContainers",
        0,
        json!({"name": "vault", "image": "v"}),
    );
    push(
        &mut pod,
        "containers",
        9,
        json!({"name": "log", "image": "l", "readinessProbe": {"tcpSocket": {"port": 24224}}}),
    );
    push(
        &mut pod,
        "volumes",
        9,
        json!({"name": "api-access", "projected": {}}),
    );
    let mount =
        json!({"name": "api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    for container in pod["spec"]["initContainers"].as_array_mut().unwrap() {
        if container["name"] == "istio-proxy" {
            container["volumeMounts"]
                .as_array_mut()
                .unwrap()
                .push(mount.clone());
            container["resources"]["requests"]["ephemeral-storage"] = json!("1Gi");
            container["terminationMessagePath"] = json!("/dev/termination-log");
        }
    }
    let again = injected(&pod, json!({}));
    assert_eq!(
        names(&again, "initContainers"),
        ["istio-init", "istio-proxy", "vault", "setup"]
    );
    assert_eq!(names(&again, "containers"), ["web", "log"]);
    let proxy = container(&again, "istio-proxy").unwrap();
    assert_eq!(at(proxy, "volumeMounts[api-access]"), Some(&mount));
    assert_eq!(
        at(proxy, "resources.requests.ephemeral-storage"),
        Some(&json!("1Gi"))
    );
    assert_eq!(at(proxy, "resources.requests.cpu"), Some(&json!("100m")));
    assert_eq!(proxy["terminationMessagePath"], "/dev/termination-log");
    assert_eq!(variable(proxy, "MINE"), Some("1"));
    let asked: Value =
        serde_json::from_str(variable(proxy, "ISTIO_KUBE_APP_PROBERS").unwrap()).unwrap();
    assert_eq!(
        asked,
        json!({
            "/app-health/web/livez": {"httpGet": {"path": "/", "port": 443, "scheme": "HTTPS"}},
            "/app-health/log/readyz": {"tcpSocket": {"port": 24224}},
        })
    );
    assert_eq!(injected(&again, json!({})), again);
}

#[test]
fn new_settings_count() {
    let before = injected(
        &pod(),
        json!({"image": "r.test/proxy:1", "imagePullSecrets": ["old"]}),
    );
    let after = injected(
        &before,
        json!({"image": "r.test/proxy:2", "revision": "b", "imagePullSecrets": ["new"]}),
    );
    assert_eq!(
        after,
        injected(
            &pod(),
            json!({"image": "r.test/proxy:2", "revision": "b", "imagePullSecrets": ["new"]})
        )
    );
}

#[test]
fn another_choice_leaves_nothing_of_the_first() {
    let before = injected(&pod(), json!({}));
    for (annotation, value) in [
        ("sidecar.istio.io/nativeSidecar", "false"),
        ("sidecar.istio.io/interceptionMode", "NONE"),
        ("sidecar.istio.io/rewriteAppHTTPProbers", "false"),
        ("prometheus.istio.io/merge-metrics", "false"),
        ("status.sidecar.istio.io/port", "15999"),
        ("inject.istio.io/templates", "gateway"),
    ] {
        let choose = |mut pod: Value| {
            pod["metadata"]["annotations"][annotation] = json!(value);
            pod
        };
        let mut after = injected(&choose(before.clone()), json!({}));
        let mut expected = injected(&choose(pod()), json!({}));
        // A label is the author's as soon as it is there.
        for pod in [&mut after, &mut expected] {
            pod["metadata"]["labels"]["security.istio.io/tlsMode"] = Value::Null;
        }
        assert_eq!(after, expected, "{annotation}");
    }
}
