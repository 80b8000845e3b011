//! The custom resource definitions, as far as that shows without an API server: what they say is
//! what `istio-fields.tsv` says, they are structural, and they accept and refuse what they shall.
//! What an API server makes of the same tables is tested on a real one.

mod examples;
mod leaves;
mod structure;
mod validate;

use ferromesh_api::crd::{definition::Definition, definitions};
use serde_json::Value;

/// The definition of a kind.
fn definition(group: &str, kind: &str) -> Option<Definition> {
    definitions()
        .into_iter()
        .find(|one| one.kind == kind && (group.is_empty() || one.group == group))
}

/// Every schema below one, itself included, with the path of what it is for, as in
/// `istio-fields.tsv`.
fn walk<'a>(schema: &'a Value, path: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        walk(field, &format!("{path}{dot}{name}"), visit);
    }
    if let Some(items) = schema.get("items") {
        walk(items, &format!("{path}[]"), visit);
    }
    if let Some(values) = schema.get("additionalProperties") {
        walk(values, &format!("{path}{{}}"), visit);
    }
}
