//! What the API server asks about. Every field is written out, also where it has a default, so that
//! what others change there is seen.

use std::collections::BTreeSet;

use ferromesh_injector::Settings;
use ferromesh_webhook::probe::LABEL;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// The Service of the control plane.
const SERVICE: &str = "ferromesh";

/// The Service that has this replica, too, before it is ready.
const PROBED: &str = "ferromesh-probe";

/// The revision of those that ask for none in particular.
const DEFAULT: &str = "default";

/// What an author says about a pod: the label first, then the annotation, which alone never asks
/// for a proxy.
const SAID: &str = r#"object.metadata.?labels[?"sidecar.istio.io/inject"].orValue(object.metadata.?annotations[?"sidecar.istio.io/inject"].orValue(""))"#;

/// Whether a pod asks, and for no revision.
const ASKS: &str = r#"object.metadata.?labels[?"sidecar.istio.io/inject"].orValue("") == "true""#;

/// By which names the revision of this control plane is asked for: its own and its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(BTreeSet<String>);

impl Revision {
    /// As injection has it.
    pub fn of(settings: &Settings) -> Self {
        let names = std::iter::once(&settings.revision).chain(&settings.tags);
        Self(names.cloned().collect())
    }

    /// Whether an object that names this revision, or none, is meant for this control plane.
    pub fn judges(&self, named: Option<&str>) -> bool {
        named.map_or_else(|| self.is_default(), |name| self.0.contains(name))
    }

    fn is_default(&self) -> bool {
        self.0.contains(DEFAULT)
    }
}

/// Who gets a proxy: pods that ask, in namespaces that ask.
pub fn injecting(namespace: &str, revision: &Revision, bundle: &ByteString) -> Value {
    let entry = |name: &str, selector: Vec<Value>, further: Vec<Value>| {
        injecting_entry(namespace, bundle, (name, selector, further))
    };
    let of_namespace = entry(
        "namespace",
        vec![json!({"key": "istio-injection", "operator": "In", "values": ["enabled"]})],
        Vec::new(),
    );
    let of_revision = entry(
        "revision",
        vec![
            json!({"key": "istio.io/rev", "operator": "In", "values": revision.0}),
            json!({"key": "istio-injection", "operator": "DoesNotExist"}),
        ],
        Vec::new(),
    );
    let of_pod = entry(
        "pod",
        vec![
            json!({"key": "istio-injection", "operator": "DoesNotExist"}),
            json!({"key": "istio.io/rev", "operator": "DoesNotExist"}),
        ],
        vec![json!({"name": "opted-in", "expression": opted_in(revision)})],
    );
    if revision.is_default() {
        json!([of_namespace, of_revision, of_pod])
    } else {
        json!([of_revision, of_pod])
    }
}

/// Whether a pod asks for this revision, in a namespace that says nothing.
fn opted_in(revision: &Revision) -> String {
    let names = json!(revision.0);
    let otherwise = if revision.is_default() { ASKS } else { "false" };
    format!(
        r#""istio.io/rev" in object.metadata.?labels.orValue({{}}) ? object.metadata.labels["istio.io/rev"] in {names} : {otherwise}"#
    )
}

/// Only syntax that can't fail: the API server refuses a pod for which a condition fails.
fn injecting_entry(
    namespace: &str,
    bundle: &ByteString,
    (name, selector, further): (&str, Vec<Value>, Vec<Value>),
) -> Value {
    let mut conditions = vec![
        json!({"name": "own-network", "expression": "!object.spec.?hostNetwork.orValue(false)"}),
        json!({"name": "not-opted-out", "expression": format!(r#"{SAID} in ["", "true"]"#)}),
    ];
    conditions.extend(further);
    let mut expressions = vec![json!({
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": ["kube-system", "kube-public", "kube-node-lease", namespace],
    })];
    expressions.extend(selector);
    json!({
        "name": format!("{name}.sidecar-injector.ferromesh.io"),
        "clientConfig": client_config(SERVICE, namespace, "/inject", bundle),
        "rules": [{
            "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
            "operations": ["CREATE"], "scope": "Namespaced",
        }],
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": expressions},
        "objectSelector": {},
        "matchConditions": conditions,
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
    })
}

/// What is judged: objects of the mesh that are not meant for another control plane, and probes.
pub fn validating(namespace: &str, revision: &Revision, bundle: &ByteString) -> Value {
    let entry = |name: &str, expression: Value| judging(namespace, bundle, name, expression);
    let unlabelled = entry(
        "any",
        json!({"key": "istio.io/rev", "operator": "DoesNotExist"}),
    );
    let labelled = entry(
        "revision",
        json!({"key": "istio.io/rev", "operator": "In", "values": revision.0}),
    );
    let probe = probing(namespace, bundle);
    if revision.is_default() {
        json!([unlabelled, labelled, probe])
    } else {
        json!([labelled, probe])
    }
}

/// Without us the definitions' own rules and what was accepted before hold.
fn judging(namespace: &str, bundle: &ByteString, name: &str, expression: Value) -> Value {
    json!({
        "name": format!("{name}.validation.ferromesh.io"),
        "clientConfig": client_config(SERVICE, namespace, "/validate", bundle),
        "rules": [{
            "apiGroups": [
                "networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io",
            ],
            "apiVersions": ["*"], "resources": ["*"], "operations": ["CREATE", "UPDATE"], "scope": "*",
        }],
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {"matchExpressions": [expression]},
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "admissionReviewVersions": ["v1"],
    })
}

/// Leases that nobody keeps. A failure is told, and harms nobody.
fn probing(namespace: &str, bundle: &ByteString) -> Value {
    json!({
        "name": "probe.ferromesh.io",
        "clientConfig": client_config(PROBED, namespace, "/probe", bundle),
        "rules": [{
            "apiGroups": ["coordination.k8s.io"], "apiVersions": ["v1"], "resources": ["leases"],
            "operations": ["CREATE"], "scope": "Namespaced",
        }],
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace]},
        ]},
        "objectSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 2,
        "admissionReviewVersions": ["v1"],
    })
}

fn client_config(service: &str, namespace: &str, path: &str, bundle: &ByteString) -> Value {
    json!({
        "service": {"name": service, "namespace": namespace, "path": path, "port": 443},
        "caBundle": bundle,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(webhooks: &Value) -> Vec<String> {
        let webhooks = webhooks.as_array().into_iter().flatten();
        webhooks
            .map(|webhook| webhook["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    fn revision(name: &str, tags: &[&str]) -> Revision {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Revision::of(&Settings {
            revision: name.to_owned(),
            tags,
            ..Settings::default()
        })
    }

    fn both(revision: &Revision) -> (Value, Value) {
        let bundle = ByteString(b"roots".to_vec());
        (
            injecting("mesh", revision, &bundle),
            validating("mesh", revision, &bundle),
        )
    }

    #[test]
    fn only_the_default_revision_has_those_who_name_none() {
        let (injecting, validating) = both(&revision("canary", &[]));
        let suffix = "sidecar-injector.ferromesh.io";
        assert_eq!(
            names(&injecting),
            [format!("revision.{suffix}"), format!("pod.{suffix}")]
        );
        assert_eq!(
            names(&validating),
            ["revision.validation.ferromesh.io", "probe.ferromesh.io"]
        );
        let condition = injecting[1]["matchConditions"][2]["expression"].as_str();
        let condition = condition.expect("a condition");
        assert!(
            condition.ends_with(r#"in ["canary"] : false"#),
            "{condition}"
        );
        for by_name in [revision("default", &[]), revision("canary", &["default"])] {
            let (injecting, validating) = both(&by_name);
            assert_eq!(names(&injecting).len(), 3);
            assert_eq!(names(&validating).len(), 3);
            let condition = injecting[2]["matchConditions"][2]["expression"].as_str();
            let condition = condition.expect("a condition");
            assert!(condition.ends_with(ASKS), "{condition}");
        }
    }

    #[test]
    fn our_own_pods_never_wait_for_us() {
        let (injecting, _) = both(&revision("default", &[]));
        for webhook in injecting.as_array().expect("a list") {
            let selector = &webhook["namespaceSelector"]["matchExpressions"][0];
            assert_eq!(selector["operator"], "NotIn");
            let values = selector["values"].as_array().expect("names");
            for name in ["mesh", "kube-system"] {
                assert!(values.contains(&json!(name)), "{values:?}");
            }
        }
    }
}
