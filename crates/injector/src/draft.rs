//! A pod that is being changed: what the steps change, taken out of its JSON.

use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type Fields = Map<String, Value>;

/// A pod taken apart. What is taken out leaves an empty value behind, so that it goes back to its place.
#[derive(Debug)]
pub(crate) struct Draft {
    rest: Fields,
    metadata: Fields,
    pub labels: Fields,
    pub annotations: Fields,
    /// The spec without the lists below.
    pub spec: Fields,
    pub init_containers: Vec<Value>,
    pub containers: Vec<Value>,
    pub volumes: Vec<Value>,
    pub image_pull_secrets: Vec<Value>,
}

impl Draft {
    /// Takes a pod apart whose shape has been proven.
    pub fn take(pod: Value) -> Self {
        let mut rest = match pod {
            Value::Object(fields) => fields,
            _ => Fields::new(),
        };
        let mut metadata = take_fields(&mut rest, "metadata");
        let mut spec = take_fields(&mut rest, "spec");
        Self {
            labels: take_fields(&mut metadata, "labels"),
            annotations: take_fields(&mut metadata, "annotations"),
            init_containers: take_items(&mut spec, "initContainers"),
            containers: take_items(&mut spec, "containers"),
            volumes: take_items(&mut spec, "volumes"),
            image_pull_secrets: take_items(&mut spec, "imagePullSecrets"),
            rest,
            metadata,
            spec,
        }
    }

    /// The pod again.
    pub fn finish(self) -> Value {
        let Self {
            mut rest,
            mut metadata,
            labels,
            annotations,
            mut spec,
            init_containers,
            containers,
            volumes,
            image_pull_secrets,
        } = self;
        put(&mut metadata, "labels", Value::Object(labels), "");
        put(&mut metadata, "annotations", Value::Object(annotations), "");
        for (key, items) in [
            ("initContainers", init_containers),
            ("containers", containers),
            ("volumes", volumes),
            ("imagePullSecrets", image_pull_secrets),
        ] {
            put(&mut spec, key, Value::Array(items), "containers");
        }
        put(&mut rest, "metadata", Value::Object(metadata), "spec");
        put(&mut rest, "spec", Value::Object(spec), "status");
        Value::Object(rest)
    }

    /// The text of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).and_then(Value::as_str)
    }

    /// Takes a container out of its list.
    pub fn take_container(&mut self, name: &str) -> Option<Value> {
        for list in [&mut self.init_containers, &mut self.containers] {
            if let Some(at) = list.iter().position(|item| name_of(item) == name) {
                return Some(list.remove(at));
            }
        }
        None
    }
}

/// The `name` of an item of a list.
pub(crate) fn name_of(item: &Value) -> &str {
    item.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// The mapping in a field, which is empty then; none is an empty one.
pub(crate) fn take_fields(parent: &mut Fields, key: &str) -> Fields {
    match parent.get_mut(key) {
        Some(Value::Object(fields)) => std::mem::take(fields),
        _ => Fields::new(),
    }
}

/// The list in a field, which is empty then; none is an empty one.
pub(crate) fn take_items(parent: &mut Fields, key: &str) -> Vec<Value> {
    match parent.get_mut(key) {
        Some(Value::Array(items)) => std::mem::take(items),
        _ => Vec::new(),
    }
}

/// Puts a value into a field, which stands before another one if it is new. What is empty makes no field.
pub(crate) fn put(parent: &mut Fields, key: &str, value: Value, before: &str) {
    let is_empty = match &value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match parent.get_mut(key) {
        Some(Value::Null) if is_empty => {}
        Some(slot) => *slot = value,
        None if is_empty => {}
        None => {
            let place = parent.keys().position(|other| other == before);
            let place = place.unwrap_or(parent.len());
            parent.shift_insert(place, key.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Draft;

    #[test]
    fn what_is_not_changed_stays_as_it_is() {
        for pod in [
            json!({}),
            json!({"metadata": null, "spec": {"volumes": null, "containers": [], "x": {"initContainers": 1}}}),
            json!({"kind": "Pod", "spec": {"containers": [{"name": "a"}], "b": 1}, "metadata": {"labels": {}, "c": 2}}),
        ] {
            let again = Draft::take(pod.clone()).finish();
            assert_eq!(again.to_string(), pod.to_string());
        }
    }
}
