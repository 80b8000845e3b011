//! What an API server does with a schema, without rules in CEL.

use regex::Regex;
use serde_json::Value;

/// Where an object is wrong, and by which word of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub path: String,
    pub word: String,
}

/// What is wrong with a value; `unknown` for a field that the schema doesn't know.
pub fn validate(schema: &Value, value: &Value, path: &str) -> Vec<Fault> {
    if schema["nullable"] == true && value.is_null() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let own = |word: &str| Fault {
        path: path.to_owned(),
        word: word.to_owned(),
    };
    if !has_type(schema, value) {
        return vec![own("type")];
    }
    faults.extend(broken_bounds(schema, value).into_iter().map(own));
    faults.extend(broken_combinations(schema, value).into_iter().map(own));
    faults.extend(in_object(schema, value, path));
    faults.extend(in_list(schema, value, path));
    faults
}

fn has_type(schema: &Value, value: &Value) -> bool {
    match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some(other) => panic!("no such type: {other}"),
    }
}

/// Bounds, words and patterns.
fn broken_bounds(schema: &Value, value: &Value) -> Vec<&'static str> {
    let (least, most): (_, [&str; 2]) = match value {
        Value::String(_) => ("minLength", ["maxLength", ""]),
        Value::Array(_) => ("minItems", ["maxItems", ""]),
        Value::Object(_) => ("minProperties", ["maxProperties", ""]),
        Value::Number(_) => ("minimum", ["maximum", "int32"]),
        Value::Null | Value::Bool(_) => return Vec::new(),
    };
    let size = match value {
        Value::String(text) => text.chars().count() as f64,
        Value::Array(items) => items.len() as f64,
        Value::Object(fields) => fields.len() as f64,
        _ => value.as_f64().expect("a number"),
    };
    let mut broken = Vec::new();
    if schema[least].as_f64().is_some_and(|bound| size < bound) {
        broken.push(least);
    }
    if schema[most[0]].as_f64().is_some_and(|bound| size > bound) {
        broken.push(most[0]);
    }
    if schema["format"] == most[1] && (size as i32) as f64 != size {
        broken.push("format");
    }
    if let (Some(words), true) = (schema["enum"].as_array(), value.is_string())
        && !words.contains(value)
    {
        broken.push("enum");
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !Regex::new(pattern).expect("a pattern").is_match(text)
    {
        broken.push("pattern");
    }
    broken
}

fn broken_combinations(schema: &Value, value: &Value) -> Vec<&'static str> {
    let holding = |word: &str| {
        let all = schema[word].as_array()?;
        let holding = all.iter().filter(|one| holds(one, value)).count();
        Some((holding, all.len()))
    };
    let mut broken = Vec::new();
    if holding("oneOf").is_some_and(|(some, _)| some != 1) {
        broken.push("oneOf");
    }
    if holding("anyOf").is_some_and(|(some, _)| some == 0) {
        broken.push("anyOf");
    }
    if holding("allOf").is_some_and(|(some, all)| some != all) {
        broken.push("allOf");
    }
    if schema.get("not").is_some_and(|not| holds(not, value)) {
        broken.push("not");
    }
    broken
}

/// Whether a schema within a combination holds; it has no fields of its own.
fn holds(schema: &Value, value: &Value) -> bool {
    let required = schema["required"].as_array().into_iter().flatten();
    has_type(schema, value)
        && broken_combinations(schema, value).is_empty()
        && required.into_iter().all(|name| is_there(value, name))
}

/// An API server drops `null` where it is not nullable.
fn is_there(value: &Value, name: &Value) -> bool {
    name.as_str()
        .is_some_and(|name| value.get(name).is_some_and(|field| !field.is_null()))
}

fn in_object(schema: &Value, value: &Value, path: &str) -> Vec<Fault> {
    let Some(fields) = value.as_object() else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for name in schema["required"].as_array().into_iter().flatten() {
        if !is_there(value, name) {
            let path = below(path, name.as_str().expect("a name"));
            let word = "required".to_owned();
            faults.push(Fault { path, word });
        }
    }
    let free = schema.get("x-kubernetes-preserve-unknown-fields").is_some();
    for (name, field) in fields {
        let path = below(path, name);
        let known = schema["properties"].get(name);
        match known.or(schema.get("additionalProperties")) {
            Some(_) if field.is_null() => {}
            Some(schema) => faults.extend(validate(schema, field, &path)),
            None if free => {}
            None => faults.push(Fault {
                path,
                word: "unknown".to_owned(),
            }),
        }
    }
    faults
}

fn in_list(schema: &Value, value: &Value, path: &str) -> Vec<Fault> {
    let Some(items) = value.as_array() else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    let key = schema["x-kubernetes-list-map-keys"][0].as_str();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        faults.extend(validate(&schema["items"], item, &path));
        if let Some(key) = key
            && items[..index].iter().any(|other| other[key] == item[key])
        {
            let word = "x-kubernetes-list-map-keys".to_owned();
            faults.push(Fault { path, word });
        }
    }
    faults
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
