//! A diagnostic with the place where its author finds it.

use std::cmp::Ordering;
use std::fmt;

use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};

/// A diagnostic with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The file as its reader was told it; empty if there is none.
    pub file: String,
    /// The line, from 1; 0 if it is not known.
    pub line: usize,
    /// What is wrong.
    pub diagnostic: Diagnostic,
    /// The `apiVersion` that the author of the object wrote; empty without an object.
    pub api_version: String,
}

impl Record {
    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }

    /// The JSON form:
    /// `{object: {apiVersion, kind, namespace, name} | null, file, line, path, severity, code, message, hint}`.
    /// What is not known is null.
    pub fn to_json(&self) -> Value {
        let Self {
            file,
            line,
            diagnostic,
            api_version,
        } = self;
        let Diagnostic {
            severity,
            code,
            object,
            path,
            message,
            hint,
        } = diagnostic;
        let object = object.as_ref().map(|object| {
            json!({
                "apiVersion": api_version,
                "kind": &*object.kind,
                "namespace": &*object.namespace,
                "name": &*object.name,
            })
        });
        json!({
            "object": object,
            "file": (!file.is_empty()).then_some(file),
            "line": (*line > 0).then_some(line),
            "path": &**path,
            "severity": word(*severity),
            "code": code,
            "message": message,
            "hint": hint,
        })
    }
}

/// One line: `FILE:LINE: severity[code] Kind namespace/name: path: message (hint)`.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            diagnostic,
            api_version: _,
        } = self;
        let Diagnostic {
            severity,
            code,
            object,
            path,
            message,
            hint,
        } = diagnostic;
        match (file.as_str(), line) {
            ("", _) => {}
            (file, 0) => write!(f, "{file}: ")?,
            (file, line) => write!(f, "{file}:{line}: ")?,
        }
        write!(f, "{}[{code}]", word(*severity))?;
        if let Some(object) = object {
            write!(f, " {object}")?;
        }
        if !path.is_empty() {
            write!(f, ": {path}")?;
        }
        write!(f, ": {message}")?;
        match hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// By place, then by path and code, so that the same input gives the same report.
impl Ord for Record {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |record: &Self| (record.file.clone(), record.line);
        let order = key(self).cmp(&key(other));
        order
            .then_with(|| self.diagnostic.path.cmp(&other.diagnostic.path))
            .then_with(|| self.diagnostic.code.cmp(other.diagnostic.code))
            .then_with(|| self.diagnostic.cmp(&other.diagnostic))
            .then_with(|| self.api_version.cmp(&other.api_version))
    }
}

impl PartialOrd for Record {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The word for a severity in reports.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
    use ferromesh_mesh::origin::ObjectRef;

    use super::Record;

    fn record(object: Option<ObjectRef>, line: usize, hint: Option<&str>) -> Record {
        Record {
            file: "shop.yaml".to_owned(),
            line,
            diagnostic: Diagnostic {
                severity: Severity::Error,
                code: "unknown-field",
                object: object.map(Arc::new),
                path: Arc::from("spec.https"),
                message: "unknown field".to_owned(),
                hint: hint.map(str::to_owned),
            },
            api_version: "networking.istio.io/v1".to_owned(),
        }
    }

    fn object() -> ObjectRef {
        ObjectRef {
            group: Arc::from("networking.istio.io"),
            kind: Arc::from("VirtualService"),
            namespace: Arc::from("shop"),
            name: Arc::from("web"),
        }
    }

    #[test]
    fn text_names_place_object_field_and_way_out() {
        assert_eq!(
            record(Some(object()), 7, Some("did you mean \"http\"?")).to_string(),
            "shop.yaml:7: error[unknown-field] VirtualService shop/web: spec.https: unknown field (did you mean \"http\"?)"
        );
        assert_eq!(
            record(None, 0, None).to_string(),
            "shop.yaml: error[unknown-field]: spec.https: unknown field"
        );
    }

    #[test]
    fn json_has_every_key_and_null_for_what_is_not_known() {
        assert_eq!(
            record(Some(object()), 7, None).to_json().to_string(),
            r#"{"object":{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","namespace":"shop","name":"web"},"file":"shop.yaml","line":7,"path":"spec.https","severity":"error","code":"unknown-field","message":"unknown field","hint":null}"#
        );
        let text = record(None, 0, None).to_json().to_string();
        assert!(
            text.starts_with(r#"{"object":null,"file":"shop.yaml","line":null"#),
            "{text}"
        );
    }
}
