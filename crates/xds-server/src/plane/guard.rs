//! Who may have the configuration of a workload: who has proven to be it.
//!
//! The node id says for which workload a proxy wants configuration; the certificate says whose
//! account it has. Both must be of the same Pod or WorkloadEntry as our own source knows it.
//! Nothing else that a client says counts. What was true when a stream began is looked at again
//! whenever the workload changes.

use std::collections::{BTreeMap, BTreeSet};

use ferromesh_compiler::Compiler;
use ferromesh_identity::SpiffeId;
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_mesh::origin::ObjectRef;

use super::Standing;
use crate::denial::Denial;
use crate::hub::StreamId;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Guard {
    workloads: BTreeMap<WorkloadName, BTreeMap<StreamId, SpiffeId>>,
    streams: BTreeMap<StreamId, WorkloadName>,
    /// Workloads with streams that may have changed.
    changed: BTreeSet<WorkloadName>,
}

impl Guard {
    /// Whether a stream may have the configuration of the workload.
    pub(super) fn admit(
        &mut self,
        stream: StreamId,
        workload: &WorkloadName,
        standing: Standing,
        compiler: &Compiler,
    ) -> Result<(), Denial> {
        let Standing::Identity(identity) = standing else {
            return Ok(());
        };
        match compare(workload, &identity, compiler) {
            Known::Same => {}
            Known::Different => return Err(Denial::OtherIdentity(identity)),
            Known::Not => return Err(Denial::UnknownWorkload(workload.clone())),
        }
        let streams = self.workloads.entry(workload.clone()).or_default();
        streams.insert(stream, identity);
        self.streams.insert(stream, workload.clone());
        Ok(())
    }

    /// A stream has ended.
    pub(super) fn leave(&mut self, stream: StreamId) {
        let Some(workload) = self.streams.remove(&stream) else {
            return;
        };
        if let Some(streams) = self.workloads.get_mut(&workload) {
            streams.remove(&stream);
            if streams.is_empty() {
                self.workloads.remove(&workload);
            }
        }
    }

    /// An object has changed, which may be a workload.
    pub(super) fn changed(&mut self, object: &ObjectRef) {
        let workload = WorkloadName {
            namespace: Namespace::from(&*object.namespace),
            name: object.name.clone(),
        };
        if self.workloads.contains_key(&workload) {
            self.changed.insert(workload);
        }
    }

    /// The streams that may not go on.
    pub(super) fn review(&mut self, compiler: &Compiler) -> Vec<(StreamId, Denial)> {
        let mut denied = Vec::new();
        for workload in std::mem::take(&mut self.changed) {
            let streams = self.workloads.get(&workload).into_iter().flatten();
            for (stream, identity) in streams {
                match compare(&workload, identity, compiler) {
                    Known::Same => {}
                    Known::Different => {
                        denied.push((*stream, Denial::IdentityChanged(identity.clone())));
                    }
                    Known::Not => denied.push((*stream, Denial::WorkloadGone(workload.clone()))),
                }
            }
        }
        for (stream, _) in &denied {
            self.leave(*stream);
        }
        denied
    }
}

/// How a workload relates to an identity.
enum Known {
    Same,
    Different,
    Not,
}

/// The trust domain has been compared by the TLS handshake.
fn compare(name: &WorkloadName, identity: &SpiffeId, compiler: &Compiler) -> Known {
    match compiler.workload(name) {
        Some(workload)
            if identity.namespace() == name.namespace.as_str()
                && identity.account() == workload.service_account.as_str() =>
        {
            Known::Same
        }
        Some(_) => Known::Different,
        None => Known::Not,
    }
}
