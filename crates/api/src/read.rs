//! JSON into typed structs, strictly: every unknown field and every type error is a [`Fault`]
//! that names its path.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::advice::plain;
use crate::strict::Strict;

/// What sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A field that the type does not have.
    UnknownField,
    /// A value of another type, or out of the range of the type.
    WrongType,
    /// A field that must be there.
    Missing,
}

/// A fault in the form of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What sort of fault.
    pub kind: FaultKind,
    /// The path from the document's root, such as `spec.http[0].retries`.
    pub path: String,
    /// Short, lower case, without the path.
    pub message: String,
}

impl Fault {
    /// A fault at `path`.
    pub fn new(kind: FaultKind, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            path: path.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Reads a `T` from JSON that stands at the path `at`; `null` reads as an empty mapping, and a
/// field that is `null` as absent: the API server drops it, too.
///
/// Unknown fields are faults, but do not keep the value from being read; a type error does.
/// `T` must not use `#[serde(flatten)]`, which hides unknown fields.
pub fn read<T: DeserializeOwned>(value: &Value, at: &str) -> (Option<T>, Vec<Fault>) {
    let empty = Value::Object(serde_json::Map::new());
    let pruned;
    let value = if value.is_null() {
        &empty
    } else if has_null_fields(value) {
        pruned = without_null_fields(value);
        &pruned
    } else {
        value
    };
    let mut faults = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(Strict(value), &mut track);
    let result = serde_ignored::deserialize(deserializer, |path| {
        faults.push(Fault::new(
            FaultKind::UnknownField,
            render(at, &path),
            "unknown field",
        ));
    });
    match result {
        Ok(value) => (Some(value), faults),
        Err(error) => {
            let inner = track.path().to_string();
            let path = match (at, inner.as_str()) {
                (at, "." | "") => at.to_owned(),
                ("", inner) => inner.to_owned(),
                (at, inner) if inner.starts_with('[') => format!("{at}{inner}"),
                (at, inner) => format!("{at}.{inner}"),
            };
            let message = error.to_string();
            let kind = if message.starts_with("missing field") {
                FaultKind::Missing
            } else {
                FaultKind::WrongType
            };
            faults.push(Fault::new(kind, path, plain(&message)));
            (None, faults)
        }
    }
}

fn has_null_fields(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .values()
            .any(|value| value.is_null() || has_null_fields(value)),
        Value::Array(items) => items.iter().any(has_null_fields),
        _ => false,
    }
}

fn without_null_fields(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_null_fields(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_null_fields).collect(),
        scalar => scalar.clone(),
    }
}

fn render(at: &str, path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => at.to_owned(),
        Path::Seq { parent, index } => format!("{}[{index}]", render(at, parent)),
        Path::Map { parent, key } => match render(at, parent) {
            parent if parent.is_empty() => key.clone(),
            parent if key.contains(['.', '[', '"']) => format!("{parent}[{key:?}]"),
            parent => format!("{parent}.{key}"),
        },
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => render(at, parent),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::{FaultKind, read};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        #[serde(default)]
        number: u16,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Outer {
        list: Vec<Inner>,
    }

    #[test]
    fn an_unknown_field_is_named_and_the_rest_is_read() {
        let (value, faults) =
            read::<Outer>(&json!({"list": [{}, {"number": 1, "numbr": 2}]}), "spec");
        assert_eq!(value.map(|outer| outer.list.len()), Some(2));
        let [fault] = &faults[..] else {
            panic!("{faults:?}")
        };
        assert_eq!(
            (fault.kind, fault.path.as_str()),
            (FaultKind::UnknownField, "spec.list[1].numbr")
        );
    }

    #[test]
    fn a_null_field_is_absent() {
        let (value, faults) = read::<Outer>(&json!({"list": [{"number": null}]}), "spec");
        assert_eq!(faults, []);
        assert_eq!(
            value,
            Some(Outer {
                list: vec![Inner { number: 0 }]
            })
        );
    }

    #[test]
    fn a_wrong_type_names_its_path() {
        let (value, faults) = read::<Outer>(&json!({"list": [{"number": 70000}]}), "spec");
        assert_eq!(value, None);
        let [fault] = &faults[..] else {
            panic!("{faults:?}")
        };
        assert_eq!(
            (fault.kind, fault.path.as_str()),
            (FaultKind::WrongType, "spec.list[0].number")
        );
    }

    #[test]
    fn a_list_is_no_mapping() {
        for (value, path) in [
            (json!([]), "spec"),
            (json!({"list": [[7]]}), "spec.list[0]"),
        ] {
            let (outer, faults) = read::<Outer>(&value, "spec");
            assert_eq!(outer, None);
            let fault = faults
                .first()
                .map(|fault| (fault.kind, fault.path.as_str()));
            assert_eq!(fault, Some((FaultKind::WrongType, path)));
        }
    }

    #[test]
    fn a_null_field_is_an_absent_one() {
        let (value, faults) = read::<Outer>(&json!({"list": [{"number": null}]}), "spec");
        assert_eq!(
            value.map(|outer| outer.list),
            Some(vec![Inner { number: 0 }])
        );
        assert_eq!(faults, []);
        let (_, faults) = read::<Outer>(&json!({"list": null}), "spec");
        assert_eq!(
            faults.first().map(|fault| fault.kind),
            Some(FaultKind::Missing)
        );
    }
}
