//! Why a pod does not get its proxy.

use std::fmt;

use ferromesh_api::read::Fault;

/// Why a pod that is to have a proxy can't get one: something that its author wrote, and a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The path from the pod's root, such as `metadata.annotations["sidecar.istio.io/logLevel"]`.
    pub path: String,
    /// Short, lower case, without the path.
    pub message: String,
    /// A way out.
    pub hint: String,
}

impl Refusal {
    pub(crate) fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// About an annotation.
    pub(crate) fn annotation(
        name: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(annotation_path(name), message, hint)
    }
}

/// Where an annotation stands.
pub(crate) fn annotation_path(name: &str) -> String {
    format!("metadata.annotations[{name:?}]")
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let hint = ferromesh_api::advice::advice(&fault.message)
            .unwrap_or("see the reference of the Kubernetes API");
        Self::new(fault.path, fault.message, hint)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            message,
            hint,
        } = self;
        if path.is_empty() {
            write!(f, "{message} ({hint})")
        } else {
            write!(f, "{path}: {message} ({hint})")
        }
    }
}

impl std::error::Error for Refusal {}
