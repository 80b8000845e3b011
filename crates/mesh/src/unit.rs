//! All that one object says.

use std::sync::Arc;

use crate::decl::Declaration;
use crate::diagnostic::{Diagnostic, Severity};
use crate::origin::ObjectRef;

/// All that one object says, in mesh words. Broken input is data: a unit always exists, with
/// the sound part of the object as declarations and the rest as diagnostics.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The object.
    pub object: Arc<ObjectRef>,
    /// Its statements.
    pub declarations: Vec<Declaration>,
    /// Remarks on it alone (faults between objects are found by linking).
    pub diagnostics: Vec<Diagnostic>,
}

impl Unit {
    /// Whether admission would deny the object: then the last accepted unit of the same object
    /// stays in force.
    pub fn is_refused(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
    }
}
