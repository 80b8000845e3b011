//! What a proxy refused, as its author wrote it: the field that the proxy's words are about.

use std::sync::Arc;

use ferromesh_mesh::path::Path;
use ferromesh_mesh::quote::quoted;
use serde_json::{Value, json};

use crate::place::{Home, Place, Within};
use crate::yaml::{self, Segment, segments};

/// The field at or below `path` of the object at `place` in a text that `error` quotes best;
/// `None` if it quotes none.
pub fn field(text: &str, place: &Place, path: &str, error: &str) -> Option<Arc<str>> {
    let object = object(text, place)?;
    let root = Path::Root(path);
    let mut best = Best {
        bytes: 0,
        path: None,
    };
    search(at(&object, path)?, &root, error, &mut best);
    best.path.map(Arc::from)
}

/// The object, read again.
fn object(text: &str, place: &Place) -> Option<Value> {
    let document = |text: &str, index: usize| {
        let documents = yaml::read(text).documents.into_iter();
        let mut found = documents.filter(|document| document.index == index);
        Some(found.next()?.content)
    };
    let content = match place.home {
        Home::File {
            path: _,
            document: index,
        } => document(text, index)?,
        Home::ApiServer => return None,
    };
    match &place.within {
        Within::Whole => Some(content),
        Within::Item(path) => at(&content, path).cloned(),
        Within::Spec => Some(json!({ "spec": content })),
        Within::Text(path) => {
            let inner = document(at(&content, path)?.as_str()?, 0)?;
            Some(json!({ "spec": inner }))
        }
    }
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut steps = segments(path).into_iter();
    steps.try_fold(value, |value, step| match step {
        Segment::Field(name) => value.get(name),
        Segment::Item(index) => value.get(index),
    })
}

struct Best {
    bytes: usize,
    path: Option<String>,
}

fn search(value: &Value, path: &Path<'_>, error: &str, best: &mut Best) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                search(value, &path.field(name), error, best);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                search(value, &path.item(index), error, best);
            }
        }
        Value::String(text) => {
            let bytes = quoted(error, text);
            if bytes > best.bytes {
                *best = Best {
                    bytes,
                    path: Some(path.to_string()),
                };
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::field;
    use crate::place::{Home, Place, Within};

    #[test]
    fn the_field_is_found_wherever_its_object_stands() {
        let text = "\
kind: List
items:
- {kind: A, spec: {http: [{name: nope}]}}
- kind: B
  spec:
    http:
    - {headers: {request: {set: {a.b: '%NOPE%', c: d}}}}
    - {name: other}
---
accessLogFormat: '%NOPE%'
---
kind: ConfigMap
data:
  mesh: |-
    accessLogFormat: 'a %NOPE%'
";
        let item = |path: &str| Within::Item(Arc::from(path));
        for (document, within, path, found) in [
            (
                0,
                item("items[1]"),
                "spec",
                Some("spec.http[0].headers.request.set[\"a.b\"]"),
            ),
            (
                0,
                item("items[1]"),
                "spec.http[0].headers",
                Some("spec.http[0].headers.request.set[\"a.b\"]"),
            ),
            (0, item("items[1]"), "spec.http[1]", None),
            (0, item("items[0]"), "spec", None),
            (1, Within::Spec, "spec", Some("spec.accessLogFormat")),
            (
                2,
                Within::Text(Arc::from("data.mesh")),
                "spec",
                Some("spec.accessLogFormat"),
            ),
            (3, Within::Spec, "spec", None),
        ] {
            let place = Place {
                home: Home::File {
                    path: Arc::from(Path::new("x")),
                    document,
                },
                within,
            };
            let field = field(text, &place, path, "Not supported field: NOPE");
            assert_eq!(field.as_deref(), found, "{place:?} {path}");
        }
    }
}
