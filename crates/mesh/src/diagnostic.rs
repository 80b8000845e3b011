//! Remarks on a field of an object, addressed to its author.

use std::sync::Arc;

use crate::origin::{ObjectRef, Origin};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// What Istio's admission warns about, fields without effect, and faults between objects.
    Warning,
    /// Unreadable, or refused by admission.
    Error,
}

/// A remark on a field of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable machine-readable code in kebab-case, such as `unknown-field`.
    pub code: &'static str,
    /// The object, unless the text could not be read as one.
    pub object: Option<Arc<ObjectRef>>,
    /// The field path as the author wrote it; empty for the object as a whole.
    pub path: Arc<str>,
    /// Short, lower case, without the path.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A diagnostic on the field that `origin` names.
    pub fn at(
        origin: &Origin,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            code,
            object: Some(origin.object.clone()),
            path: origin.path.clone(),
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a way out.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}
