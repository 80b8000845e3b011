//! A container of the user's over one of ours, as a strategic merge patch of Kubernetes does it: mappings are merged,
//! lists of named things are merged by name, other lists and values are replaced.

use serde_json::Value;

use crate::draft::Fields;

/// What an image says that is only there because Kubernetes wants one.
const AUTO: &str = "auto";

/// What makes a probe or a lifecycle handler what it is; there may be one of them.
const HANDLERS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

/// Merges a container of the user's over ours.
pub(crate) fn merge(ours: &mut Fields, users: &Fields) {
    let is_auto = users.get("image").and_then(Value::as_str) == Some(AUTO);
    for (key, value) in users {
        match key.as_str() {
            "name" => {}
            // Kubernetes has made a policy from the image that is none.
            "image" | "imagePullPolicy" if is_auto => {}
            "env" => merge_list(ours, key, value, &["name"]),
            "ports" => merge_list(ours, key, value, &["containerPort", "protocol"]),
            "volumeMounts" => merge_list(ours, key, value, &["mountPath"]),
            "volumeDevices" => merge_list(ours, key, value, &["devicePath"]),
            _ => merge_field(ours, key, value),
        }
    }
}

fn merge_field(ours: &mut Fields, key: &str, value: &Value) {
    match (ours.get_mut(key), value) {
        (_, Value::Null) => {}
        (Some(Value::Object(ours)), Value::Object(users)) => {
            if users.keys().any(|key| is_handler(key)) {
                ours.retain(|key, _| !is_handler(key) || users.contains_key(key));
            }
            for (key, value) in users {
                merge_field(ours, key, value);
            }
        }
        (Some(slot), value) => *slot = value.clone(),
        (None, value) => {
            ours.insert(key.to_owned(), value.clone());
        }
    }
}

fn is_handler(key: &str) -> bool {
    HANDLERS.contains(&key)
}

/// Merges lists whose items are known by some of their fields: an item of the user's replaces ours.
fn merge_list(ours: &mut Fields, key: &str, value: &Value, by: &[&str]) {
    let Value::Array(users) = value else { return };
    if let Some(Value::Array(ours)) = ours.get_mut(key) {
        add_items(ours, users, by);
    } else if !users.is_empty() {
        ours.insert(key.to_owned(), value.clone());
    }
}

fn add_items(ours: &mut Vec<Value>, users: &[Value], by: &[&str]) {
    for item in users {
        match ours.iter_mut().find(|other| are_same(other, item, by)) {
            Some(other) => *other = item.clone(),
            None => ours.push(item.clone()),
        }
    }
}

fn are_same(one: &Value, other: &Value, by: &[&str]) -> bool {
    by.iter().all(|key| match *key {
        "protocol" => protocol(one) == protocol(other),
        key => one.get(key) == other.get(key),
    })
}

fn protocol(port: &Value) -> &str {
    port.get("protocol")
        .and_then(Value::as_str)
        .unwrap_or("TCP")
}

/// Adds what others have added to a container of ours since it was put there: fields, resources, variables and mounts
/// that it doesn't have.
pub(crate) fn keep(ours: &mut Fields, before: &Fields, has_volume: impl Fn(&str) -> bool) {
    for (key, value) in before {
        match (key.as_str(), value) {
            ("lifecycle" | "livenessProbe" | "startupProbe" | "readinessProbe", _) => {}
            ("restartPolicy" | "securityContext" | "ports", _) => {}
            ("resources", Value::Object(before)) => keep_resources(ours, before),
            ("env", Value::Array(before)) => {
                let others = |item: &&Value| {
                    let name = crate::draft::name_of(item);
                    !crate::proxy::ENVIRONMENT.contains(&name)
                };
                keep_items(ours, key, before.iter().filter(others), "name");
            }
            ("volumeMounts", Value::Array(before)) => {
                let there = |item: &&Value| has_volume(crate::draft::name_of(item));
                keep_items(ours, key, before.iter().filter(there), "mountPath");
            }
            _ if ours.contains_key(key) => {}
            _ => {
                ours.insert(key.clone(), value.clone());
            }
        }
    }
}

fn keep_items<'a>(ours: &mut Fields, key: &str, before: impl Iterator<Item = &'a Value>, by: &str) {
    let mut items = crate::draft::take_items(ours, key);
    for item in before {
        if !items.iter().any(|other| are_same(other, item, &[by])) {
            items.push(item.clone());
        }
    }
    crate::draft::put(ours, key, Value::Array(items), "");
}

fn keep_resources(ours: &mut Fields, before: &Fields) {
    let mut resources = crate::draft::take_fields(ours, "resources");
    for (key, part) in before {
        let Value::Object(part) = part else { continue };
        let mut kept = crate::draft::take_fields(&mut resources, key);
        for (resource, quantity) in part {
            if !kept.contains_key(resource) {
                kept.insert(resource.clone(), quantity.clone());
            }
        }
        crate::draft::put(&mut resources, key, Value::Object(kept), "");
    }
    crate::draft::put(ours, "resources", Value::Object(resources), "");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{keep, merge};
    use crate::draft::Fields;

    fn fields(value: Value) -> Fields {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn the_users_container_wins_field_by_field() {
        for (ours, users, expected) in [
            (
                json!({"image": "a", "imagePullPolicy": "Never"}),
                json!({"name": "x", "image": "auto", "imagePullPolicy": "Always"}),
                json!({"image": "a", "imagePullPolicy": "Never"}),
            ),
            (
                json!({"image": "a"}),
                json!({"image": "b", "x": null}),
                json!({"image": "b"}),
            ),
            (
                json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
                json!({"env": [{"name": "C"}, {"name": "A", "valueFrom": {}}]}),
                json!({"env": [{"name": "A", "valueFrom": {}}, {"name": "B", "value": "2"}, {"name": "C"}]}),
            ),
            (
                json!({"ports": [{"containerPort": 1}]}),
                json!({"ports": [{"containerPort": 1, "protocol": "UDP"}, {"containerPort": 1, "protocol": "TCP"}]}),
                json!({"ports": [{"containerPort": 1, "protocol": "TCP"}, {"containerPort": 1, "protocol": "UDP"}]}),
            ),
            (
                json!({"readinessProbe": {"httpGet": {"port": 1}, "periodSeconds": 1}}),
                json!({"readinessProbe": {"exec": {"command": ["a"]}}}),
                json!({"readinessProbe": {"periodSeconds": 1, "exec": {"command": ["a"]}}}),
            ),
            (
                json!({"securityContext": {"runAsUser": 1, "capabilities": {"drop": ["ALL"]}}}),
                json!({"securityContext": {"capabilities": {"drop": ["X"]}}, "args": ["a"]}),
                json!({"securityContext": {"runAsUser": 1, "capabilities": {"drop": ["X"]}}, "args": ["a"]}),
            ),
        ] {
            let mut merged = fields(ours);
            merge(&mut merged, &fields(users));
            assert_eq!(Value::Object(merged), expected);
        }
    }

    #[test]
    fn what_others_added_is_kept() {
        let mut ours = fields(
            json!({"args": ["new"], "env": [{"name": "A", "value": "new"}],
            "resources": {"requests": {"cpu": "2"}}, "volumeMounts": [{"name": "a", "mountPath": "/a"}]}),
        );
        let before = fields(
            json!({"args": ["old"], "terminationMessagePath": "/x", "env": [{"name": "A", "value": "old"}, {"name": "B"}],
            "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}, "securityContext": {"privileged": true},
            "volumeMounts": [{"name": "b", "mountPath": "/b"}, {"name": "gone", "mountPath": "/c"}]}),
        );
        keep(&mut ours, &before, |name| name == "b");
        let expected = json!({"args": ["new"], "env": [{"name": "A", "value": "new"}, {"name": "B"}],
            "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "3"}}, "terminationMessagePath": "/x",
            "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}]});
        assert_eq!(Value::Object(ours), expected);
    }
}
