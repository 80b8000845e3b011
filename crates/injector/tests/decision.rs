//! Who gets a proxy: every combination of labels, against the conditions of the webhook's three entries as they are
//! written there.

use std::collections::BTreeMap;

use ferromesh_injector::{Decision, NamespaceFacts, Settings, decide, decide_asked};
use serde_json::{Map, Value, json};

/// What a combination says; `None` is an absent label.
#[derive(Clone, Copy, Debug)]
struct Case {
    namespace_injection: Option<&'static str>,
    namespace_revision: Option<&'static str>,
    label: Option<&'static str>,
    annotation: Option<&'static str>,
    revision: Option<&'static str>,
    host_network: bool,
}

fn cases() -> Vec<Case> {
    let values = [None, Some(""), Some("true"), Some("false"), Some("yes")];
    let revisions = [None, Some("default"), Some("canary"), Some("other")];
    let mut cases = Vec::new();
    for namespace_injection in [None, Some("enabled"), Some("disabled"), Some("")] {
        for namespace_revision in revisions {
            for label in values {
                for annotation in values {
                    for revision in revisions {
                        for host_network in [false, true] {
                            cases.push(Case {
                                namespace_injection,
                                namespace_revision,
                                label,
                                annotation,
                                revision,
                                host_network,
                            });
                        }
                    }
                }
            }
        }
    }
    cases
}

/// Whether one of the entries of a revision's webhook selects the pod.
fn is_selected(case: Case, revision: &str) -> bool {
    let v = case.label.or(case.annotation).unwrap_or("");
    if case.host_network || !["", "true"].contains(&v) {
        return false;
    }
    let is_default = revision == "default";
    let first = is_default && case.namespace_injection == Some("enabled");
    let second = case.namespace_revision == Some(revision) && case.namespace_injection.is_none();
    let neither = case.namespace_injection.is_none() && case.namespace_revision.is_none();
    let third = neither
        && match case.revision {
            Some(of_pod) => of_pod == revision,
            None => is_default && case.label.unwrap_or("") == "true",
        };
    first || second || third
}

fn labels(pairs: &[(&str, Option<&str>)]) -> Map<String, Value> {
    let said = pairs
        .iter()
        .filter_map(|(name, value)| Some(((*name).to_owned(), json!((*value)?))));
    said.collect()
}

#[test]
fn every_combination_is_decided_as_the_webhooks_entries_select() {
    let mut injected = 0;
    for case in cases() {
        let pod = json!({
            "metadata": {
                "labels": labels(&[("sidecar.istio.io/inject", case.label), ("istio.io/rev", case.revision)]),
                "annotations": labels(&[("sidecar.istio.io/inject", case.annotation)]),
            },
            "spec": {"hostNetwork": case.host_network, "containers": [{"name": "a"}]},
        });
        let of_namespace = labels(&[
            ("istio-injection", case.namespace_injection),
            ("istio.io/rev", case.namespace_revision),
        ]);
        let namespace = NamespaceFacts {
            name: "shop".to_owned(),
            labels: serde_json::from_value(Value::Object(of_namespace)).unwrap(),
        };
        for revision in ["default", "canary"] {
            let settings = Settings::read(&json!({"revision": revision})).unwrap();
            let decision = decide(&pod, &settings, &namespace).unwrap();
            let expected = is_selected(case, revision);
            assert_eq!(
                decision == Decision::Inject,
                expected,
                "{revision}: {case:?}: {decision:?}"
            );
            injected += usize::from(expected);
        }
    }
    assert_eq!(cases().len(), 3200);
    assert!(injected > 100, "{injected}");
}

#[track_caller]
fn check(pod: Value, namespace: &str, expected: &str) {
    let namespace = NamespaceFacts {
        name: namespace.to_owned(),
        labels: BTreeMap::from([("istio-injection".to_owned(), "enabled".to_owned())]),
    };
    let settings = Settings::default();
    for decision in [
        decide(&pod, &settings, &namespace),
        decide_asked(&pod, &settings, &namespace),
    ] {
        let said = match decision.unwrap() {
            Decision::Inject => "injected".to_owned(),
            Decision::Leave(reason) => reason.to_string(),
        };
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn some_are_left_alone_whoever_opts_in() {
    let pod = |spec: Value| json!({"spec": spec});
    check(pod(json!({})), "shop", "injected");
    check(pod(json!({})), "kube-system", "namespace kube-system");
    check(
        pod(json!({})),
        "ferromesh-system",
        "namespace ferromesh-system",
    );
    check(pod(json!({"os": {"name": "windows"}})), "shop", "Windows");
    check(
        pod(json!({"nodeSelector": {"kubernetes.io/os": "windows"}})),
        "shop",
        "Windows",
    );
    check(pod(json!({"os": {"name": "linux"}})), "shop", "injected");
    check(pod(json!({"hostNetwork": true})), "shop", "hostNetwork");
}

#[test]
fn a_tag_is_a_name_of_the_revision() {
    let settings =
        Settings::read(&json!({"revision": "b", "tags": ["stable", "default"]})).unwrap();
    let decided = |labels: Value| {
        let namespace = NamespaceFacts {
            name: "shop".to_owned(),
            labels: serde_json::from_value(labels).unwrap(),
        };
        decide(&json!({}), &settings, &namespace).unwrap()
    };
    for labels in [
        json!({"istio-injection": "enabled"}),
        json!({"istio.io/rev": "b"}),
        json!({"istio.io/rev": "stable"}),
    ] {
        assert_eq!(decided(labels), Decision::Inject);
    }
    assert_ne!(decided(json!({"istio.io/rev": "c"})), Decision::Inject);
}

#[test]
fn what_is_no_pod_is_refused_with_its_path() {
    for (pod, path) in [
        (json!([]), ""),
        (
            json!({"metadata": {"labels": {"a": 1}}}),
            "metadata.labels.a",
        ),
        (json!({"spec": {"hostNetwork": "yes"}}), "spec.hostNetwork"),
        (json!({"spec": {"containers": [[]]}}), "spec.containers[0]"),
    ] {
        let refusal = decide(&pod, &Settings::default(), &NamespaceFacts::default());
        assert_eq!(
            refusal.map_err(|refusal| refusal.path),
            Err(path.to_owned())
        );
    }
}
