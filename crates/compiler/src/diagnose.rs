//! Faults between objects.

use ferromesh_mesh::diagnostic::Diagnostic;

use crate::compiler::Compiler;
use crate::index::Index;

/// Faults between declarations.
pub(crate) fn declarations(index: &Index) -> Vec<Diagnostic> {
    let _ = index.declarations().count();
    Vec::new()
}

impl Compiler {
    pub(crate) fn diagnose_proxies(&self, _list: &mut Vec<Diagnostic>) {}
}
