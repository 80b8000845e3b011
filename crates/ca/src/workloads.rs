//! What the control plane's own source knows of workloads.

use ferromesh_identity::{SpiffeId, WorkloadLabels};

/// Answers from the control plane's own source; supplied by the program.
pub trait Workloads: Send + Sync + 'static {
    /// The pod of this name.
    fn pod(&self, namespace: &str, name: &str) -> Option<Pod>;

    /// The workload of this name that has a token in the state directory: a pod or a
    /// WorkloadEntry of the directory source.
    fn workload(&self, namespace: &str, name: &str) -> Option<Workload>;

    /// All WorkloadEntries of an identity.
    fn entries(&self, identity: &SpiffeId) -> Vec<Workload>;
}

/// A pod as the API server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its uid, which no other pod ever has.
    pub uid: String,
    /// Its node; empty before it is scheduled.
    pub node: String,
    /// The rest.
    pub workload: Workload,
}

/// What can be identified: a pod or a WorkloadEntry. Its namespace is that by which it was asked
/// for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is.
    pub kind: Kind,
    /// Its service account.
    pub account: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// What the certificate says of it, for metrics.
    pub labels: WorkloadLabels,
}

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A pod.
    Pod,
    /// A WorkloadEntry.
    Entry,
}

/// Where a workload is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It runs, or will.
    Alive,
    /// It has been told to stop and still serves: it may renew.
    Terminating,
    /// Its containers have ended (`Succeeded` or `Failed`).
    Finished,
}
