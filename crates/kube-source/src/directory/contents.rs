//! The contents of one file: objects and faults.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ferromesh_api::advice::advice;
use ferromesh_api::read::Fault;
use ferromesh_api::{Key, Object, Scope, scope};
use serde_json::{Value, json};

use crate::batch::{Located, SourceFault};
use crate::mesh_config;
use crate::object;
use crate::place::{Home, Place, Within};
use crate::yaml::{self, Positions};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// Objects, in order; a key may occur only once.
    pub objects: Vec<Located>,
    /// What is wrong.
    pub faults: Vec<SourceFault>,
    /// Whether there is something in it of which nobody knows which object it is: then what was
    /// last read from this file stays in force.
    pub unreadable: bool,
}

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The namespace of objects that say none.
    pub default_namespace: &'a str,
    /// Whether a document without `apiVersion` and `kind` is mesh configuration.
    pub mesh_config: bool,
}

impl Contents {
    /// A file whose bytes could not be had.
    pub fn unavailable(file: &Arc<Path>, code: &'static str, message: String) -> Self {
        Self {
            objects: Vec::new(),
            faults: vec![SourceFault {
                file: file.clone(),
                line: 0,
                path: String::new(),
                code,
                message,
                hint: None,
                object: None,
                api_version: String::new(),
            }],
            unreadable: true,
        }
    }
}

impl Reader<'_> {
    /// Reads a file's bytes.
    pub fn read(self, file: &Arc<Path>, bytes: Vec<u8>) -> Contents {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = 1 + error
                    .as_bytes()
                    .iter()
                    .take(valid)
                    .filter(|b| **b == b'\n')
                    .count();
                let mut contents =
                    Contents::unavailable(file, "not-text", "the file is not UTF-8".to_owned());
                contents
                    .faults
                    .iter_mut()
                    .for_each(|fault| fault.line = line);
                return contents;
            }
        };
        let is_json = file
            .extension()
            .is_some_and(|extension| extension == "json");
        let documents = if is_json {
            yaml::read_json(&text)
        } else {
            yaml::read(&text)
        };
        let mut reading = Reading {
            reader: self,
            file,
            text: &text,
            positions: None,
            places: HashMap::new(),
            contents: Contents::default(),
        };
        for fault in documents.faults {
            reading.document_fault(fault);
        }
        for document in documents.documents {
            reading.document(document);
        }
        reading.contents
    }
}

struct Reading<'a> {
    reader: Reader<'a>,
    file: &'a Arc<Path>,
    text: &'a str,
    /// Found only if there is a fault.
    positions: Option<Positions>,
    places: HashMap<Key, Place>,
    contents: Contents,
}

impl Reading<'_> {
    fn document_fault(&mut self, fault: yaml::Fault) {
        let yaml::Fault {
            code,
            line,
            path,
            message,
            hint,
            before,
        } = fault;
        let before = if self.reader.mesh_config && is_bare(&before) {
            mesh_config::object(before)
        } else {
            before
        };
        let Identity { key, api_version } = Identity::of(&before, self.reader.default_namespace);
        self.contents.unreadable = true;
        self.contents.faults.push(SourceFault {
            file: self.file.clone(),
            line,
            path,
            code,
            message,
            hint,
            object: key,
            api_version,
        });
    }

    fn document(&mut self, document: yaml::Document) {
        let yaml::Document { index, content } = document;
        let place = Place {
            home: Home::File {
                path: self.file.clone(),
                document: index,
            },
            within: Within::Whole,
        };
        if self.reader.mesh_config {
            if is_bare(&content) {
                let place = Place {
                    within: Within::Spec,
                    ..place
                };
                return self.object(mesh_config::object(content), place);
            }
            if let Some(text) = mesh_config_text(&content) {
                return self.embedded(text, place);
            }
        }
        self.items(content, place);
    }

    /// Mesh configuration in a ConfigMap.
    fn embedded(&mut self, text: &str, place: Place) {
        let (content, faults) = mesh_config::read(text);
        for fault in faults {
            // The text begins on the line below its key.
            let line = self.line(&place, mesh_config::FIELD) + fault.line;
            self.document_fault(yaml::Fault { line, ..fault });
        }
        let within = Within::Text(Arc::from(mesh_config::FIELD));
        if let Some(content) = content {
            self.object(content, Place { within, ..place });
        }
    }

    /// Takes lists apart.
    fn items(&mut self, content: Value, place: Place) {
        let Some((items, item_type)) = list(&content) else {
            return self.object(content, place);
        };
        for (number, item) in items.iter().enumerate() {
            let path = match &place.within {
                Within::Item(outer) => format!("{outer}.items[{number}]"),
                Within::Whole | Within::Spec | Within::Text(_) => format!("items[{number}]"),
            };
            let mut item = item.clone();
            if let (Value::Object(fields), Some((api_version, kind))) = (&mut item, &item_type) {
                fields
                    .entry("apiVersion")
                    .or_insert_with(|| json!(api_version));
                fields.entry("kind").or_insert_with(|| json!(kind));
            }
            let within = Within::Item(Arc::from(path));
            self.items(
                item,
                Place {
                    within,
                    ..place.clone()
                },
            );
        }
    }

    fn object(&mut self, content: Value, place: Place) {
        let identity = Identity::of(&content, self.reader.default_namespace);
        match object::read(content, self.reader.default_namespace) {
            Ok(object) => self.add(object, place),
            Err(fault) => self.object_fault(identity, fault, &place),
        }
    }

    fn add(&mut self, object: Object, place: Place) {
        let key = object.key();
        if let Some(first) = self.places.get(&key) {
            let first = first.clone();
            let line = self.line(&first, "");
            let fault = SourceFault {
                line: self.line(&place, ""),
                ..duplicate(&object, &place, &format!("line {line}"))
            };
            self.contents.faults.push(fault);
            return;
        }
        self.places.insert(key, place.clone());
        self.contents.objects.push(Located {
            object: Arc::new(object),
            place,
        });
    }

    fn object_fault(&mut self, identity: Identity, fault: Fault, place: &Place) {
        let Fault {
            kind,
            path,
            message,
        } = fault;
        let Identity { key, api_version } = identity;
        self.contents.unreadable |= key.is_none();
        let line = self.line(place, &path);
        self.contents.faults.push(SourceFault {
            file: self.file.clone(),
            line,
            path: place.as_written(&path).to_owned(),
            code: object::code(kind),
            hint: advice(&message).map(str::to_owned),
            message,
            object: key,
            api_version,
        });
    }

    fn line(&mut self, place: &Place, path: &str) -> usize {
        let positions = self
            .positions
            .get_or_insert_with(|| Positions::of(self.text));
        place.line(positions, self.text, path).unwrap_or(0)
    }
}

/// An object whose key stands already `elsewhere`. Its line is for the caller to find.
pub(super) fn duplicate(object: &Object, place: &Place, elsewhere: &str) -> SourceFault {
    SourceFault {
        file: place.file(),
        line: 0,
        path: String::new(),
        code: "duplicate-object",
        message: format!("the same object stands in {elsewhere} already, which counts"),
        hint: Some("remove one of them, or rename it".to_owned()),
        object: Some(object.key()),
        api_version: object.api_version.clone(),
    }
}

/// The items of a list, with the type of those that don't say theirs.
#[expect(clippy::type_complexity, reason = "used once")]
fn list(content: &Value) -> Option<(&Vec<Value>, Option<(String, String)>)> {
    let kind = content.get("kind")?.as_str()?.strip_suffix("List")?;
    let items = content.get("items")?.as_array()?;
    let api_version = content.get("apiVersion").and_then(Value::as_str);
    let item_type = match api_version {
        Some(api_version) if !kind.is_empty() => Some((api_version.to_owned(), kind.to_owned())),
        _ => None,
    };
    Some((items, item_type))
}

/// Whether a document says no type, as bare mesh configuration does.
fn is_bare(content: &Value) -> bool {
    content.is_object() && content.get("apiVersion").is_none() && content.get("kind").is_none()
}

fn mesh_config_text(content: &Value) -> Option<&str> {
    let is_config_map = content.get("kind")? == "ConfigMap" && content.get("apiVersion")? == "v1";
    if !is_config_map || content.get("metadata")?.get("name")? != "istio" {
        return None;
    }
    content.get("data")?.get("mesh")?.as_str()
}

/// What can be told of an object that is not readable.
struct Identity {
    key: Option<Key>,
    api_version: String,
}

impl Identity {
    fn of(content: &Value, default_namespace: &str) -> Self {
        fn text<'a>(value: Option<&'a Value>, field: &str) -> Option<&'a str> {
            value?.get(field)?.as_str().filter(|text| !text.is_empty())
        }
        let api_version = text(Some(content), "apiVersion").unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let metadata = content.get("metadata");
        let key = match (text(Some(content), "kind"), text(metadata, "name")) {
            (Some(kind), Some(name)) if !api_version.is_empty() => Some(Key {
                group: Arc::from(group),
                kind: Arc::from(kind),
                namespace: match scope(group, kind) {
                    Scope::Cluster => Arc::from(""),
                    Scope::Namespaced => {
                        Arc::from(text(metadata, "namespace").unwrap_or(default_namespace))
                    }
                },
                name: Arc::from(name),
            }),
            _ => None,
        };
        Self {
            key,
            api_version: api_version.to_owned(),
        }
    }
}
