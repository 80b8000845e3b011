//! Pods: the patch makes the API server's pod what `ferromesh inject` makes of it.

#[path = "support/review.rs"]
mod support;

use std::collections::BTreeMap;

use ferromesh_injector::{NamespaceFacts, Settings};
use serde_json::{Value, json};
use support::{patched, response, review, warnings};

fn namespace(name: &str) -> NamespaceFacts {
    NamespaceFacts {
        name: name.to_owned(),
        // As if we had not yet heard of its labels.
        labels: BTreeMap::new(),
    }
}

fn ask(operation: &str, pod: &Value) -> Value {
    let body = review(operation, pod.clone(), Value::Null);
    let answer = ferromesh_webhook::inject(&body, &Settings::default(), namespace);
    response(&answer.expect("an answer"))
}

fn pod(change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "shop-", "namespace": "shop", "labels": {"app": "shop"}},
        "spec": {"containers": [{
            "name": "shop", "image": "shop:1", "ports": [{"containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
        }]},
    });
    change(&mut pod);
    pod
}

#[test]
fn the_patch_makes_the_injected_pod() {
    for pod in [
        pod(|_| {}),
        pod(|pod| pod["spec"]["initContainers"] = json!([{"name": "first", "image": "a"}])),
        pod(|pod| {
            pod["metadata"]["annotations"] = json!({"sidecar.istio.io/nativeSidecar": "false"});
        }),
        pod(|pod| {
            pod["metadata"]["annotations"] = json!({
                "sidecar.istio.io/interceptionMode": "NONE", "a/b~c": "~1/~0",
            });
            pod["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
        }),
        pod(|pod| pod["spec"]["unknown/field"] = json!({"ü": [null, {}, 1.5]})),
    ] {
        let response = ask("CREATE", &pod);
        let facts = namespace("shop");
        let expected = ferromesh_injector::inject(&pod, &Settings::default(), &facts);
        let expected = expected.expect("a pod that can be injected");
        assert_eq!(response["allowed"], true);
        assert_eq!(patched(&response, &pod), expected.pod);
        assert_ne!(expected.pod, pod);
        assert_eq!(warnings(&response).len(), expected.warnings.len());
        // The API server may ask again.
        let again = ask("CREATE", &expected.pod);
        assert_eq!(again.get("patch"), None, "{again}");
    }
}

#[test]
fn who_cannot_have_a_proxy_is_left_alone_and_told_so() {
    for (change, reason) in [
        (json!({"hostNetwork": true}), "hostNetwork"),
        (json!({"os": {"name": "windows"}}), "Windows"),
        (
            json!({"nodeSelector": {"kubernetes.io/os": "windows"}}),
            "Windows",
        ),
    ] {
        let pod = pod(|pod| {
            let change = change.as_object().expect("fields").clone();
            pod["spec"].as_object_mut().expect("fields").extend(change);
        });
        let said = ask("CREATE", &pod);
        assert_eq!(said["allowed"], true, "{said}");
        assert_eq!(said.get("patch"), None);
        assert!(warnings(&said)[0].contains(reason), "{said}");
    }
}

#[test]
fn what_cannot_be_is_denied_with_its_path() {
    let pod = pod(|pod| {
        pod["metadata"]["annotations"] =
            json!({"traffic.sidecar.istio.io/excludeInboundPorts": "8080 } chain x {"});
    });
    let said = ask("CREATE", &pod);
    assert_eq!(said["allowed"], false, "{said}");
    let message = said["status"]["message"].as_str().expect("a reason");
    assert!(message.contains("excludeInboundPorts"), "{message}");
}

#[test]
fn a_pod_that_is_there_is_never_changed() {
    for operation in ["UPDATE", "DELETE", "CONNECT"] {
        let said = ask(operation, &pod(|_| {}));
        assert_eq!(said, json!({"uid": "u-1", "allowed": true}));
    }
}
