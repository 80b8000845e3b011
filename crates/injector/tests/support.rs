//! Looking at pods.
#![allow(dead_code, reason = "each test uses some of it")]

use serde_json::Value;

/// The value at a path such as `spec.containers[web].image`, `metadata.labels["a.b/c"]` or `spec.volumes[0]`: items of
/// lists go by name or number.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = value;
    for segment in ferromesh_yaml::segments(path) {
        value = match segment {
            ferromesh_yaml::Segment::Item(index) => value.get(index)?,
            ferromesh_yaml::Segment::Field(name) => match value {
                Value::Array(items) => items.iter().find(|item| item["name"] == name.as_str())?,
                other => other.get(&name)?,
            },
        };
    }
    Some(value)
}

/// The names of the items of a list of the spec.
pub fn names(pod: &Value, list: &str) -> Vec<String> {
    let items = pod["spec"][list].as_array();
    let items = items.into_iter().flatten();
    items
        .map(|item| item["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// All containers of a pod.
pub fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .filter_map(|list| pod["spec"][list].as_array())
        .flatten()
}

/// A container by name.
pub fn container<'a>(pod: &'a Value, name: &str) -> Option<&'a Value> {
    containers(pod).find(|container| container["name"] == name)
}

/// The value of a flag in the arguments of a container.
pub fn flag<'a>(container: &'a Value, flag: &str) -> Option<&'a str> {
    let mut arguments = container["args"].as_array()?.iter();
    arguments.find(|argument| **argument == flag)?;
    arguments.next()?.as_str()
}

/// The value of an environment variable of a container.
pub fn variable<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    let mut variables = container["env"].as_array()?.iter();
    variables.find(|item| item["name"] == name)?["value"].as_str()
}

/// Whether everything of the author's is still there: all fields and items, but for what injection is there to change.
///
/// # Errors
/// The path of what is lost.
pub fn is_kept(before: &Value, after: &Value) -> Result<(), String> {
    kept(before, after, "")
}

fn kept(before: &Value, after: &Value, path: &str) -> Result<(), String> {
    if is_to_change(path) {
        return Ok(());
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.iter().try_for_each(|(key, value)| {
                let path = format!("{path}/{key}");
                let found = after.get(key).unwrap_or(&Value::Null);
                kept(value, found, &path)
            })
        }
        (Value::Array(before), Value::Array(after)) => {
            before.iter().enumerate().try_for_each(|(index, item)| {
                let name = item.get("name").and_then(Value::as_str);
                // Containers may go to another list; their test is by name.
                if matches!(name, Some("istio-proxy" | "istio-init")) {
                    return Ok(());
                }
                let path = format!("{path}/{}", name.map_or(index.to_string(), str::to_owned));
                let found = match name {
                    Some(name) => after.iter().find(|other| other["name"] == name),
                    None => after.get(index),
                };
                kept(item, found.unwrap_or(&Value::Null), &path)
            })
        }
        (before, after) if before == after => Ok(()),
        // What is empty may be absent.
        (Value::Null, _) => Ok(()),
        _ => Err(path.to_owned()),
    }
}

fn is_to_change(path: &str) -> bool {
    const PARTS: [&str; 12] = [
        "/livenessProbe",
        "/readinessProbe",
        "/startupProbe",
        "/lifecycle",
        "/annotations/prometheus.io/port",
        "/annotations/prometheus.io/path",
        "/annotations/prometheus.io/scrape",
        "/annotations/prometheus.istio.io/scrape-targets",
        "/annotations/prometheus-io/port",
        "/annotations/istio.io/rev",
        "/annotations/sidecar.istio.io/status",
        "/annotations/proxy.istio.io/overrides",
    ];
    PARTS.iter().any(|part| path.ends_with(part))
}
