//! Where pods are in the objects that make them.

use ferromesh_chassis::Failure;
use ferromesh_injector::{
    Decision, Injected, NamespaceFacts, Owner, Refusal, decide_asked, inject, inject_template,
};
use serde_json::Value;

use super::Scene;

/// What has been done to an object.
pub enum Done {
    /// It has no pods.
    Nothing,
    /// It has a proxy now, and its author should know this.
    Injected(Vec<String>),
    /// It is left as it is, because of this.
    Left(String),
}

/// The fields that lead to the pods of a kind.
fn way(object: &Value) -> Option<&'static [&'static str]> {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let version = text("apiVersion");
    let group = version.split_once('/').map_or("", |(group, _)| group);
    Some(match (group, text("kind")) {
        ("", "Pod") => &[],
        ("", "PodTemplate") => &["template"],
        ("", "ReplicationController") => &["spec", "template"],
        ("apps" | "extensions", "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet") => {
            &["spec", "template"]
        }
        ("batch", "Job") => &["spec", "template"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template"],
        _ => return None,
    })
}

/// Puts a proxy into an object, if it makes pods.
///
/// # Errors
/// The refusal, with the path from the object's root.
pub fn inject_object(object: &mut Value, scene: &Scene) -> Result<Done, Refusal> {
    let Some(way) = way(object) else {
        return Ok(Done::Nothing);
    };
    let owner = Owner {
        kind: text(object, &["kind"]),
        name: text(object, &["metadata", "name"]),
    };
    let namespace = text(object, &["metadata", "namespace"]);
    let namespace = scene.namespace(&namespace);
    let below = |refusal: Refusal| Refusal {
        path: join(way, &refusal.path),
        ..refusal
    };
    let Some(pod) = find(object, way) else {
        return Err(Refusal {
            path: way.join("."),
            message: "is required".to_owned(),
            hint: "write the template of the pods".to_owned(),
        });
    };
    let done = if way.is_empty() {
        put(pod, scene, &namespace, None)
    } else {
        put(pod, scene, &namespace, Some(&owner))
    };
    done.map_err(below)
}

/// Puts a proxy into a pod or, if it has an owner, a template.
fn put(
    pod: &mut Value,
    scene: &Scene,
    namespace: &NamespaceFacts,
    owner: Option<&Owner>,
) -> Result<Done, Refusal> {
    let settings = &scene.settings;
    match decide_asked(pod, settings, namespace)? {
        Decision::Leave(reason) => Ok(Done::Left(reason.to_string())),
        Decision::Inject => {
            let Injected {
                pod: injected,
                warnings,
            } = match owner {
                Some(owner) => inject_template(pod, owner, settings, namespace)?,
                None => inject(pod, settings, namespace)?,
            };
            // Fields may have another order, which is not worth a change.
            if *pod != injected {
                *pod = injected;
            }
            Ok(Done::Injected(warnings))
        }
    }
}

fn find<'a>(object: &'a mut Value, way: &[&str]) -> Option<&'a mut Value> {
    way.iter()
        .try_fold(object, |value, key| value.get_mut(*key))
}

fn text(object: &Value, way: &[&str]) -> String {
    let found = way.iter().try_fold(object, |value, key| value.get(*key));
    let text = found.and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn join(way: &[&str], path: &str) -> String {
    let parts = way.iter().copied().chain([path]);
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(".")
}

/// An object in a message.
pub fn describe(object: &Value, scene: &Scene) -> String {
    let kind = text(object, &["kind"]);
    let name = text(object, &["metadata", "name"]);
    let namespace = text(object, &["metadata", "namespace"]);
    let namespace = scene.namespace(&namespace).name;
    format!("{kind} {namespace}/{name}")
}

/// A failure to read a manifest.
pub fn unreadable(file: &str, line: usize, message: &str) -> Failure {
    Failure::new(format!("{file}:{line}: {message}"))
}
