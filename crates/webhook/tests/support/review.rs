//! Questions and answers.
#![allow(dead_code, reason = "each test uses some of it")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What an API server asks.
pub fn review(operation: &str, object: Value, old: Value) -> Vec<u8> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "", "version": "v1", "kind": "Any"},
            "namespace": "shop",
            "operation": operation,
            "userInfo": {"username": "somebody"},
            "object": object,
            "oldObject": old,
            "dryRun": false,
        },
    });
    serde_json::to_vec(&review).expect("JSON")
}

/// The response of an answer, which has to be one to that question.
pub fn response(answer: &[u8]) -> Value {
    let answer: Value = serde_json::from_slice(answer).expect("JSON");
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let response = answer["response"].clone();
    assert_eq!(response["uid"], "u-1");
    response
}

/// The object as the API server has it afterwards.
pub fn patched(response: &Value, object: &Value) -> Value {
    let mut object = object.clone();
    let Some(patch) = response["patch"].as_str() else {
        return object;
    };
    assert_eq!(response["patchType"], "JSONPatch");
    let patch = STANDARD.decode(patch).expect("base64");
    let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a patch");
    json_patch::patch(&mut object, &patch).expect("the patch applies");
    object
}

/// What the author is told besides.
pub fn warnings(response: &Value) -> Vec<String> {
    let warnings = response["warnings"].as_array().into_iter().flatten();
    warnings
        .map(|warning| warning.as_str().expect("a text").to_owned())
        .collect()
}
