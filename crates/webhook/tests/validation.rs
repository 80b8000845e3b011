//! The mesh's own kinds: what denies them, and what their authors are told.

#[path = "support/review.rs"]
mod support;

use ferromesh_webhook::validate;
use serde_json::{Value, json};
use support::{response, review, warnings};

fn service(spec: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "shop", "namespace": "shop", "labels": {"a": "b"}},
        "spec": spec,
    })
}

fn sound() -> Value {
    service(json!({"hosts": ["shop"], "http": [{"route": [{"destination": {"host": "shop"}}]}]}))
}

fn broken() -> Value {
    service(
        json!({"hosts": ["shop"], "http": [{"timeout": "soon", "route": [{"destination": {"host": "shop"}}]}]}),
    )
}

fn judge(operation: &str, object: &Value, old: &Value) -> Value {
    let body = review(operation, object.clone(), old.clone());
    response(&validate(&body).expect("an answer"))
}

fn message(response: &Value) -> &str {
    response["status"]["message"].as_str().unwrap_or_default()
}

#[test]
fn a_sound_object_is_stored_as_it_is() {
    let said = judge("CREATE", &sound(), &Value::Null);
    assert_eq!(said, json!({"uid": "u-1", "allowed": true}));
}

#[test]
fn an_error_denies_with_the_path_of_its_field() {
    for operation in ["CREATE", "UPDATE"] {
        let said = judge(operation, &broken(), &sound());
        assert_eq!(said["allowed"], false, "{said}");
        assert_eq!(said["status"]["code"], 422);
        assert_eq!(said["status"]["reason"], "Invalid");
        let message = message(&said);
        assert!(message.starts_with("spec.http[0].timeout: "), "{message}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let object = service(json!({"hosts": ["shop"], "http": [
        {"timeout": "soon", "route": [{"destination": {"host": "shop"}}]},
        {"route": [{"destination": {"host": "shop"}, "weight": -1}]},
    ]}));
    let said = judge("CREATE", &object, &Value::Null);
    let message = message(&said);
    for path in ["spec.http[0].timeout: ", "spec.http[1].route[0].weight: "] {
        assert!(message.contains(path), "{path} in {message}");
    }
}

#[test]
fn what_is_only_odd_comes_back_as_a_warning() {
    let mut object = sound();
    object["spec"]["http"]
        .as_array_mut()
        .expect("a list")
        .push(json!({
            "match": [{"uri": {"prefix": "/never"}}],
            "route": [{"destination": {"host": "shop"}}],
        }));
    let said = judge("CREATE", &object, &Value::Null);
    assert_eq!(said["allowed"], true, "{said}");
    let warnings = warnings(&said);
    assert!(
        warnings
            .iter()
            .any(|warning| warning.starts_with("spec.http[1]")),
        "{said}"
    );
}

#[test]
fn whoever_is_as_before_may_be_touched() {
    // A finalizer goes, a label comes.
    let mut touched = broken();
    touched["metadata"]["labels"] = json!({"c": "d"});
    touched["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let said = judge("UPDATE", &touched, &broken());
    assert_eq!(said["allowed"], true, "{said}");
    let warnings = warnings(&said);
    assert!(
        warnings
            .iter()
            .any(|warning| warning.starts_with("spec.http[0].timeout: ")),
        "it is still told: {said}"
    );
    // As wrong as before, but otherwise.
    let mut worse = broken();
    worse["spec"]["http"][0]["timeout"] = json!("later");
    assert_eq!(judge("UPDATE", &worse, &broken())["allowed"], false);
    // A new object is nobody's old one, whatever the review says.
    assert_eq!(judge("CREATE", &broken(), &broken())["allowed"], false);
}

#[test]
fn whatever_goes_may_go() {
    for object in [Value::Null, broken(), json!([])] {
        let said = judge("DELETE", &object, &broken());
        assert_eq!(said, json!({"uid": "u-1", "allowed": true}));
    }
}

#[test]
fn an_object_is_in_the_namespace_of_the_request() {
    // A short host is completed by the namespace; without one there would be nothing to complete it by.
    let mut object = sound();
    object["metadata"] = json!({"name": "shop"});
    let said = judge("CREATE", &object, &Value::Null);
    assert_eq!(said, json!({"uid": "u-1", "allowed": true}));
}
