//! Makes policies smaller as long as they are still bad, for a person who has to understand why.

use serde_json::Value;

/// What makes an object what it is.
const KEPT: [&str; 12] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "spec",
    "rules",
    "source",
    "operation",
    "key",
    "values",
    "notValues",
];

/// Leaves out whatever the badness doesn't need.
pub fn shrink(objects: &[Value], is_bad: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut smallest = Value::from(objects.to_vec());
    while let Some(smaller) = places(&smallest)
        .iter()
        .map(|place| without(&smallest, place))
        .find(|smaller| smaller.as_array().is_some_and(|objects| is_bad(objects)))
    {
        smallest = smaller;
    }
    smallest.as_array().cloned().unwrap_or_default()
}

/// JSON pointers to everything that may be left out.
fn places(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(index, child)| (index.to_string(), child))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, child)| (escaped(key), child))
            .collect(),
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(name, child)| {
            let kept = KEPT.contains(&name.as_str());
            let below = places(child);
            let below = below.into_iter().map(|place| format!("/{name}{place}"));
            (!kept)
                .then(|| format!("/{name}"))
                .into_iter()
                .chain(below)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn without(value: &Value, place: &str) -> Value {
    let mut copy = value.clone();
    let (parent, name) = place.rsplit_once('/').expect("a pointer");
    match copy.pointer_mut(parent) {
        Some(Value::Array(list)) => {
            list.remove(name.parse().expect("an index"));
        }
        Some(Value::Object(map)) => {
            map.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        _ => {}
    }
    copy
}
