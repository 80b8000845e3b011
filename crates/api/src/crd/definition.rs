//! A custom resource definition around a schema.

use serde_json::{Value, json};

use super::schema::{Presence, Schema, may, must, object};
use super::status::status;

/// A kind, for the API server.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// API group.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// What the kind is for.
    pub about: &'static str,
    /// Name in URLs.
    pub plural: &'static str,
    /// Further names for `kubectl`.
    pub short_names: &'static [&'static str],
    /// Versions; all have the same schema, so that nothing has to be converted.
    pub versions: Versions,
    /// What `kubectl get` prints; none = name and age.
    pub columns: &'static [Column],
    /// Whether an object may lack its `spec`.
    pub presence: Presence,
    /// What the `spec` must look like.
    pub spec: Schema,
}

/// Versions of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// All, the preferred one first.
    pub served: &'static [&'static str],
    /// The one that objects are stored in. It stays Istio's, as objects that are there already
    /// are in it.
    pub stored: &'static str,
}

/// The one version of a kind.
pub const fn only(version: &'static [&'static str; 1]) -> Versions {
    Versions {
        served: version,
        stored: version[0],
    }
}

/// What `kubectl get` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    name: &'static str,
    about: &'static str,
    path: &'static str,
    kind: &'static str,
}

/// How old an object is.
pub const AGE: Column = Column {
    name: "Age",
    about: "When it was created.",
    path: ".metadata.creationTimestamp",
    kind: "date",
};

/// A text.
pub const fn column(name: &'static str, path: &'static str, about: &'static str) -> Column {
    Column {
        name,
        about,
        path,
        kind: "string",
    }
}

impl Definition {
    /// Its name, which is also that of its file.
    pub fn name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// The object that is applied.
    pub fn document(&self) -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name()},
            "spec": {
                "group": self.group,
                "names": self.names(),
                "scope": "Namespaced",
                "versions": self.versions(),
            },
        })
    }

    fn names(&self) -> Value {
        let family = self.group.replace('.', "-");
        let mut names = json!({
            "kind": self.kind,
            "listKind": format!("{}List", self.kind),
            "plural": self.plural,
            "singular": self.kind.to_lowercase(),
            "categories": ["istio-io", family],
        });
        if let (false, Some(names)) = (self.short_names.is_empty(), names.as_object_mut()) {
            names.insert("shortNames".to_owned(), self.short_names.into());
        }
        names
    }

    fn versions(&self) -> Vec<Value> {
        let schema = Value::from(self.schema());
        let version = |name: &&'static str| {
            let mut version = json!({
                "name": name,
                "served": true,
                "storage": *name == self.versions.stored,
                "subresources": {"status": {}},
            });
            if let Some(version) = version.as_object_mut() {
                if !self.columns.is_empty() {
                    let columns: Vec<_> = self.columns.iter().map(Column::document).collect();
                    version.insert("additionalPrinterColumns".to_owned(), columns.into());
                }
                version.insert("schema".to_owned(), json!({"openAPIV3Schema": schema}));
            }
            version
        };
        self.versions.served.iter().map(version).collect()
    }

    /// What the whole object must look like.
    pub fn schema(&self) -> Schema {
        let field = match self.presence {
            Presence::Optional => may,
            Presence::Required => must,
        };
        object([
            field("spec", self.about, self.spec.clone()),
            may("status", "What became of it.", status()),
        ])
    }
}

impl Column {
    fn document(&self) -> Value {
        let Self {
            name,
            about,
            path,
            kind,
        } = self;
        json!({"name": name, "type": kind, "description": about, "jsonPath": path})
    }
}
