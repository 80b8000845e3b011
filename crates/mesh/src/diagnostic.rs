//! Remarks on a field of an object, addressed to its author.

use std::sync::Arc;

use crate::origin::{ObjectRef, Origin};
use crate::path::Path;

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

/// The code of what proxies refused. The message ends with `: ` and the proxy's own words.
pub const REFUSED_BY_PROXY: &str = "refused-by-proxy";

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

    /// Adds a way out to a remark that has just been made.
    pub fn advise(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

/// Collects the remarks on one object while it is lowered.
#[derive(Debug)]
pub struct Remarks {
    object: Arc<ObjectRef>,
    list: Vec<Diagnostic>,
    errors: usize,
}

impl Remarks {
    /// No remarks yet.
    pub fn new(object: Arc<ObjectRef>) -> Self {
        Self {
            object,
            list: Vec::new(),
            errors: 0,
        }
    }

    /// The object that is being lowered.
    pub fn object(&self) -> &Arc<ObjectRef> {
        &self.object
    }

    /// The origin of the field at `path`.
    pub fn origin(&self, path: &Path<'_>) -> Origin {
        Origin {
            object: self.object.clone(),
            path: Arc::from(path.to_string()),
        }
    }

    /// Admission would deny the object because of this field.
    pub fn error(
        &mut self,
        path: &Path<'_>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Error, path, code, message.into())
    }

    /// The object is accepted, but its author should know this.
    pub fn warning(
        &mut self,
        path: &Path<'_>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Warning, path, code, message.into())
    }

    /// Nothing is wrong, but its author may not know this.
    pub fn info(
        &mut self,
        path: &Path<'_>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Info, path, code, message.into())
    }

    fn add(
        &mut self,
        severity: Severity,
        path: &Path<'_>,
        code: &'static str,
        message: String,
    ) -> &mut Diagnostic {
        if severity == Severity::Error {
            self.errors += 1;
        }
        self.list.push_mut(Diagnostic {
            severity,
            code,
            object: Some(self.object.clone()),
            path: Arc::from(path.to_string()),
            message,
            hint: None,
        })
    }

    /// Whether admission would deny the object so far.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors there are so far: whoever lowers a part of an object compares before and
    /// after to know whether that part is sound.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All remarks, in the order in which they were made.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}
