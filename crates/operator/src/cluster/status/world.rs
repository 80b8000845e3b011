//! What statuses are made of besides the objects.

use std::collections::HashMap;
use std::sync::Arc;

use ferromesh_dialects::report::Progress;
use ferromesh_mesh::diagnostic::{Diagnostic, REFUSED_BY_PROXY, Severity};
use ferromesh_mesh::origin::ObjectRef;
use tokio::time::Instant;

use crate::findings::Found;

/// A version of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// Which object of that name.
    pub uid: Arc<str>,
    /// Which version of it.
    pub generation: i64,
}

/// What statuses are made of besides the objects.
pub struct World<'a> {
    /// Remarks.
    pub found: &'a Found,
    /// The first publication that some proxy has not answered.
    pub debt: Option<u64>,
    /// How often proxies have refused something.
    pub refusals: u64,
    /// How many proxies are connected.
    pub streams: usize,
    /// What the other replicas say.
    pub others: &'a Others,
    /// Now.
    pub now: Instant,
}

/// What the other replicas say.
#[derive(Clone, Debug)]
pub enum Others {
    /// There are none.
    Nobody,
    /// They have not been asked.
    Unasked,
    /// This, of the versions that they were asked about.
    Words(HashMap<Version, Word>),
}

/// What became of a version at replicas: the worst is the greatest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// They have no proxies.
    NoProxies,
    /// Every proxy that it concerns has taken it.
    Taken,
    /// Some proxy has not answered, or the replica.
    Pending,
    /// A proxy has refused it.
    Refused(Refusal),
}

/// What a proxy of another replica said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The field that it is about.
    pub path: Arc<str>,
    /// Its words.
    pub words: String,
}

impl World<'_> {
    /// How far something has come here that was published with this number.
    pub fn progress(&self, serial: u64) -> Progress {
        // What was refused is not told to its author yet.
        let is_open = self.refusals > self.found.refusals;
        if is_open || self.debt.is_some_and(|debt| debt <= serial) {
            Progress::Pending
        } else if self.streams == 0 {
            Progress::NoProxies
        } else {
            Progress::Taken
        }
    }
}

impl Refusal {
    /// As this replica's own remark would be.
    pub fn remark(&self, object: &Arc<ObjectRef>) -> Diagnostic {
        let Self { path, words } = self;
        Diagnostic {
            severity: Severity::Error,
            code: REFUSED_BY_PROXY,
            object: Some(Arc::clone(object)),
            path: Arc::clone(path),
            message: format!("a proxy refused a resource: {words}"),
            hint: None,
        }
    }
}

/// What a proxy said, in a remark on what it refused.
pub fn words(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(_, words)| words)
}
