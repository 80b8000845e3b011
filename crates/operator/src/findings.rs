//! The newest report: what is wrong with the manifests.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_kube_source::report::Record;
use ferromesh_mesh::origin::ObjectRef;
use tokio::sync::watch;

use crate::subjects::Epoch;

/// What is wrong.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// All records, sorted.
    pub records: BTreeSet<Record>,
    /// Objects whose newest version is refused, and whether an older one is in force; otherwise
    /// the sound part of the newest is.
    pub refused: Vec<(Arc<ObjectRef>, bool)>,
    /// Which objects the report knows.
    pub epoch: Epoch,
    /// How many refusals of proxies it knows.
    pub refusals: u64,
}

/// Shared by the reporter, who writes it, and whoever shows it.
#[derive(Clone, Debug, Default)]
pub struct Findings(watch::Sender<Arc<Found>>);

impl Findings {
    /// The newest report.
    pub fn get(&self) -> Arc<Found> {
        Arc::clone(&self.0.borrow())
    }

    /// A newer report.
    pub fn set(&self, found: Found) {
        self.0.send_replace(Arc::new(found));
    }

    /// Follows the reports.
    pub fn follow(&self) -> watch::Receiver<Arc<Found>> {
        self.0.subscribe()
    }
}
