//! The leaves of the schemas, against `istio-fields.tsv`: path by path, in both directions, with
//! their types.

use std::collections::BTreeMap;

use ferromesh_api::crd::definitions;
use serde_json::Value;

use super::walk;

const FIELDS: &str = include_str!("../../../dialects/src/istio-fields.tsv");

#[test]
fn the_leaves_are_those_of_istio() {
    let mut theirs = BTreeMap::new();
    for row in FIELDS.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let cells: Vec<_> = row.split('\t').collect();
        theirs.insert((cells[0].to_owned(), cells[1].to_owned()), cells[2]);
    }
    assert_eq!(theirs.len(), 730, "the table is whole");
    let ours = leaves();
    for (leaf, value) in &ours {
        assert_eq!(theirs.get(leaf), Some(&&**value), "Istio has {leaf:?}");
    }
    for leaf in theirs.keys() {
        assert!(ours.contains_key(leaf), "we have {leaf:?}");
    }
}

/// The type of each leaf by version, kind and path.
fn leaves() -> BTreeMap<(String, String), String> {
    let mut leaves = BTreeMap::new();
    for definition in definitions() {
        let version = definition.versions.served[0];
        let kind = format!("{}/{version} {}", definition.group, definition.kind);
        let spec = Value::from(definition.spec);
        walk(&spec, "", &mut |path, schema| {
            let free = schema.get("x-kubernetes-preserve-unknown-fields").is_some();
            let inner = ["properties", "items", "additionalProperties"];
            if inner.iter().all(|word| schema.get(word).is_none()) {
                let path = format!("{path}{}", if free { "*" } else { "" });
                leaves.insert((kind.clone(), path), describe(schema));
            }
        });
    }
    leaves
}

/// The type, as the table has it.
fn describe(schema: &Value) -> String {
    let kind = schema["type"].as_str().expect("a type");
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
        return format!("{kind}{{{}}}", words.join("|"));
    }
    match schema["format"].as_str() {
        Some(format) => format!("{kind}/{format}"),
        None => kind.to_owned(),
    }
}
