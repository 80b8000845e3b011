//! Reviews of hostile shape: each is answered or refused, and nothing else happens.

#[path = "support/review.rs"]
mod support;

use ferromesh_injector::{NamespaceFacts, Settings};
use ferromesh_webhook::review::Malformed;
use ferromesh_webhook::{inject, probe, validate};
use serde_json::{Value, json};
use support::{response, review, warnings};

fn all(body: &[u8]) -> [Result<Vec<u8>, Malformed>; 3] {
    let settings = Settings::default();
    let injected = inject(body, &settings, |_| NamespaceFacts::default());
    [injected, validate(body), probe(body, |_| {})]
        .map(|answer| answer.map(|answer| answer.to_vec()))
}

#[track_caller]
fn refused(body: &[u8], why: &str) {
    for answer in all(body) {
        let Malformed(text) = answer.expect_err("no review");
        assert!(text.contains(why), "{text}");
        assert!(text.len() < 1000, "it is not repeated: {}", text.len());
    }
}

#[test]
fn what_is_no_review_is_refused_with_the_reason() {
    refused(b"", "EOF");
    refused(b"[]", "no AdmissionReview");
    refused(b"null", "no AdmissionReview");
    refused(b"\"\xff\xfe\"", "no AdmissionReview");
    refused(br#"{"request":{}}"#, "uid");
    refused(
        br#"{"request":{"uid":"a","operation":"CREATE"}}"#,
        "apiVersion",
    );
    refused(
        br#"{"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"a","operation":"CREATE"}}"#,
        "v1beta1",
    );
    refused(br#"{"apiVersion":"admission.k8s.io/v1"}"#, "no request");
    refused(
        br#"{"apiVersion":"admission.k8s.io/v1","request":null}"#,
        "no request",
    );
    refused(
        br#"{"apiVersion":"admission.k8s.io/v1","response":{"uid":"a","allowed":true}}"#,
        "no request",
    );
    refused(
        br#"{"apiVersion":"admission.k8s.io/v1","request":{"operation":"CREATE"}}"#,
        "uid",
    );
    refused(
        br#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":1,"operation":"CREATE"}}"#,
        "no AdmissionReview",
    );
    refused(
        br#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"a","operation":"create"}}"#,
        "create",
    );
    refused(
        br#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"a"}} {"#,
        "no AdmissionReview",
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_wherever_they_stand() {
    let whole = review("CREATE", json!({"metadata": {"name": "MARK"}}), Value::Null);
    let at = whole.windows(4).position(|window| window == b"MARK");
    let mut broken = whole.clone();
    broken[at.expect("the mark")] = 0xc0;
    refused(&broken, "no AdmissionReview");
    // Every review that breaks off is none.
    for end in 0..whole.len() {
        refused(&whole[..end], "no AdmissionReview");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let body = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"u-1","operation":"CREATE","object":{deep}}}}}"#
        );
        refused(body.as_bytes(), "recursion limit");
    }
}

#[test]
fn objects_of_any_shape_get_an_answer() {
    for object in [
        Value::Null,
        json!(true),
        json!([]),
        json!({}),
        json!("pod"),
        json!({"metadata": []}),
        json!({"metadata": {"labels": {"a": 1}}, "spec": 7}),
        json!({"metadata": {"name": "a"}, "spec": {"containers": "none"}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": null}, "spec": null}),
        json!({"apiVersion": "networking.istio.io/v1", "kind": "Nothing", "metadata": {"name": "a"}}),
    ] {
        for operation in ["CREATE", "UPDATE", "DELETE", "CONNECT"] {
            for answer in all(&review(operation, object.clone(), Value::Null)) {
                let response = response(&answer.expect("an answer"));
                let allowed = response["allowed"].as_bool().expect("a verdict");
                let has_reason = response["status"]["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty());
                assert_eq!(has_reason, !allowed, "{operation} {object}: {response}");
                assert_eq!(response.get("patch"), None, "{operation} {object}");
                let touches = matches!(operation, "CREATE" | "UPDATE");
                assert!(allowed || touches, "{operation} {object}: {response}");
            }
        }
    }
}

#[test]
fn a_huge_object_gets_a_short_answer() {
    let routes: Vec<_> = (0..2_000)
        .map(|number| json!({"rout": format!("line\nbreak {number}"), "timeout": "x"}))
        .collect();
    let object = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"hosts": ["a"], "http": routes},
    });
    let answer = validate(&review("CREATE", object, Value::Null)).expect("an answer");
    assert!(answer.len() < 20_000, "{}", answer.len());
    let response = response(&answer);
    assert_eq!(response["allowed"], false);
    let message = response["status"]["message"].as_str().expect("a reason");
    assert!(message.contains("more errors"), "{message}");
    let warnings = warnings(&response);
    let length: usize = warnings.iter().map(String::len).sum();
    assert!(length <= 4096, "as much as API servers hand on: {length}");
    for warning in warnings {
        assert!(warning.len() <= 256, "{warning}");
        assert!(!warning.contains(char::is_control), "{warning:?}");
    }
}
