//! Putting proxies into pods.

use bytes::Bytes;
use ferromesh_injector::{Decision, Injected, NamespaceFacts, Refusal, Settings, decide_asked};
use serde_json::Value;

use crate::review::{Malformed, Operation, Request, Verdict, answer};

/// Answers a review of a pod. `namespace` says what is known of the namespace of that name.
///
/// # Errors
/// If the bytes are no review.
pub fn inject(
    body: &[u8],
    settings: &Settings,
    namespace: impl FnOnce(&str) -> NamespaceFacts,
) -> Result<Bytes, Malformed> {
    answer(body, |request| {
        let Request {
            uid: _,
            operation,
            namespace: name,
            object,
            old_object: _,
        } = request;
        match operation {
            Operation::Create => judge(object, settings, &namespace(&name)),
            // The containers of a pod never change.
            Operation::Update | Operation::Delete | Operation::Connect => {
                Verdict::as_it_is(Vec::new())
            }
        }
    })
}

/// The API server has decided who opts in: it knows the labels of a namespace before we do. What is
/// left is who can't have a proxy at all.
fn judge(pod: Value, settings: &Settings, namespace: &NamespaceFacts) -> Verdict {
    let denied = |refusal: Refusal| Verdict::Denied {
        message: refusal.to_string(),
        warnings: Vec::new(),
    };
    match decide_asked(&pod, settings, namespace) {
        Ok(Decision::Inject) => {}
        Ok(Decision::Leave(reason)) => {
            return Verdict::as_it_is(vec![format!("the pod gets no proxy: {reason}")]);
        }
        Err(refusal) => return denied(refusal),
    }
    match ferromesh_injector::inject(&pod, settings, namespace) {
        Ok(Injected {
            pod: injected,
            warnings,
        }) => Verdict::Allowed {
            patch: json_patch::diff(&pod, &injected),
            warnings,
        },
        Err(refusal) => denied(refusal),
    }
}
