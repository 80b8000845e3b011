//! Generated worlds are accepted by real Envoys: not one refusal while they change at random,
//! nothing that warms for ever, and in the end Envoy holds what the control plane says it holds.

#[path = "worlds_in_envoy/captured.rs"]
mod captured;
#[path = "worlds_in_envoy/changing.rs"]
mod changing;
#[path = "worlds_in_envoy/dump.rs"]
mod dump;

use ferromesh_testkit::mesh::Workload;
use serde_json::Value;

/// The text of an object. Envoy asks nobody on the network for names that end so.
fn text(object: &Value) -> String {
    object
        .to_string()
        .replace(".example.com", ".example.localhost")
}

/// What Envoy itself has said about configuration that it does not like.
fn complaints(workload: &Workload) -> Vec<String> {
    let is_complaint = |line: &String| line.contains("rejected") || line.contains("duplicate");
    let all = workload.agent().stderr();
    all.into_iter().filter(is_complaint).collect()
}
