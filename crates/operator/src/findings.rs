//! The newest report: what is wrong with the manifests.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ferromesh_kube_source::report::Record;
use ferromesh_mesh::origin::ObjectRef;

/// What is wrong.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// All records, sorted.
    pub records: BTreeSet<Record>,
    /// Objects whose newest version is refused, and whether an older one is in force; otherwise
    /// the sound part of the newest is.
    pub refused: Vec<(Arc<ObjectRef>, bool)>,
}

/// Shared by the reporter, who writes it, and the pages that show it.
#[derive(Clone, Debug, Default)]
pub struct Findings(Arc<Mutex<Arc<Found>>>);

impl Findings {
    /// The newest report.
    pub fn get(&self) -> Arc<Found> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&found)
    }

    /// A newer report.
    pub fn set(&self, found: Found) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
    }
}
