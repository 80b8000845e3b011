//! Any object, as the API server stores it or as it stands in a file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::read::{Fault, FaultKind, read};

/// The identity of an object: the same in every API version of its group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// API group, empty for Kubernetes' core group.
    pub group: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Namespace, empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// The parts of an object's metadata that a mesh reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// RFC 3339 in UTC; empty if absent.
    pub creation_timestamp: String,
    /// Set as soon as the object is being deleted; empty otherwise.
    pub deletion_timestamp: String,
    /// Counts changes of the spec; 0 if absent.
    pub generation: i64,
    /// Unique id; empty if absent.
    pub uid: String,
}

/// Any object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// `group/version`, or `v1` for the core group.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Metadata.
    pub metadata: Metadata,
    /// The whole document, `metadata` included.
    pub content: Value,
}

impl Object {
    /// Takes a document apart. Objects without a namespace keep an empty one; who knows whether
    /// their kind is namespaced fills in the default.
    ///
    /// # Errors
    /// If the document is not a mapping, or lacks `apiVersion`, `kind` or `metadata.name`.
    pub fn new(content: Value) -> Result<Self, Fault> {
        let text = |field: &str| match content.get(field) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::String(_)) | None => {
                Err(Fault::new(FaultKind::Missing, field, "is required"))
            }
            Some(_) => Err(Fault::new(FaultKind::WrongType, field, "expected a string")),
        };
        if !content.is_object() {
            return Err(Fault::new(
                FaultKind::WrongType,
                "",
                "expected a mapping with apiVersion, kind and metadata",
            ));
        }
        let api_version = text("apiVersion")?;
        let kind = text("kind")?;
        let metadata = match content.get("metadata") {
            None => return Err(Fault::new(FaultKind::Missing, "metadata", "is required")),
            Some(value) => {
                let (metadata, faults) = read::<Metadata>(value, "metadata");
                match metadata {
                    Some(metadata) => metadata,
                    None => {
                        // Fields that are not read here are nobody's fault.
                        let is_reason = |fault: &Fault| fault.kind != FaultKind::UnknownField;
                        return Err(faults.into_iter().find(is_reason).unwrap_or_else(|| {
                            Fault::new(FaultKind::WrongType, "metadata", "is unreadable")
                        }));
                    }
                }
            }
        };
        if metadata.name.is_empty() {
            return Err(Fault::new(
                FaultKind::Missing,
                "metadata.name",
                "is required",
            ));
        }
        Ok(Self {
            api_version,
            kind,
            metadata,
            content,
        })
    }

    /// The identity, with the namespace that the metadata has now.
    pub fn key(&self) -> Key {
        Key {
            group: Arc::from(self.group()),
            kind: Arc::from(&*self.kind),
            namespace: Arc::from(&*self.metadata.namespace),
            name: Arc::from(&*self.metadata.name),
        }
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// The API version without its group.
    pub fn version(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or(&self.api_version, |(_, version)| version)
    }

    /// The `spec`; `null` if there is none.
    pub fn spec(&self) -> &Value {
        self.content.get("spec").unwrap_or(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Object;

    #[test]
    fn the_reason_is_told_and_not_a_field_that_others_read() {
        let fault = Object::new(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"resourceVersion": "7", "name": "web", "labels": {"app": true}},
        }))
        .expect_err("no object");
        assert_eq!(fault.path, "metadata.labels.app");
    }
}
