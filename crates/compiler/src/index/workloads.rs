//! Workloads, by everything that they are looked up by.

use std::sync::Arc;

use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::name::WorkloadName;

use super::{Dirty, Index};
use crate::identity::DeclId;
use crate::question::{Question, pairs};

impl Index {
    pub(super) fn insert_workload(
        &mut self,
        id: &DeclId,
        workload: &Arc<Workload>,
        dirty: &mut Dirty,
    ) {
        self.around_workload(workload, true, |index| index.hold(id, workload));
        concerned(workload, dirty);
    }

    /// Takes a workload whose state alone has changed.
    pub(super) fn set_state(&mut self, id: &DeclId, workload: &Arc<Workload>, dirty: &mut Dirty) {
        self.hold(id, workload);
        selectors(workload, dirty);
    }

    /// What runs under this name: a Pod before an entry.
    pub(crate) fn workload(&self, name: &WorkloadName) -> Option<&Arc<Workload>> {
        self.workloads
            .get(name)
            .map(|(_, workload)| workload)
            .next()
    }

    fn hold(&mut self, id: &DeclId, workload: &Arc<Workload>) {
        let order = (workload.kind, id.clone());
        let namespace = &workload.name.namespace;
        self.workloads
            .insert(workload.name.clone(), order.clone(), workload.clone());
        for address in &workload.addresses {
            let key = (namespace.clone(), address.clone());
            self.addresses.insert(key, order.clone(), workload.clone());
        }
        for pair in pairs(&workload.labels) {
            let key = (namespace.clone(), workload.kind, pair);
            self.labelled.insert(key, id.clone(), workload.clone());
        }
    }

    pub(super) fn remove_workload(
        &mut self,
        id: &DeclId,
        workload: &Arc<Workload>,
        dirty: &mut Dirty,
    ) {
        self.around_workload(workload, false, |index| index.release(id, workload));
        concerned(workload, dirty);
    }

    fn release(&mut self, id: &DeclId, workload: &Workload) {
        let order = (workload.kind, id.clone());
        let namespace = &workload.name.namespace;
        self.workloads.remove(&workload.name, &order);
        for address in &workload.addresses {
            self.addresses
                .remove(&(namespace.clone(), address.clone()), &order);
        }
        for pair in pairs(&workload.labels) {
            self.labelled
                .remove(&(namespace.clone(), workload.kind, pair), id);
        }
    }
}

fn concerned(workload: &Workload, dirty: &mut Dirty) {
    let namespace = &workload.name.namespace;
    dirty.insert(Question::Workload(workload.name.clone()));
    for address in &workload.addresses {
        dirty.insert(Question::Address(namespace.clone(), address.clone()));
    }
    selectors(workload, dirty);
}

fn selectors(workload: &Workload, dirty: &mut Dirty) {
    let namespace = &workload.name.namespace;
    for pair in pairs(&workload.labels) {
        dirty.insert(Question::Labelled(namespace.clone(), workload.kind, pair));
    }
}

/// Whether two versions of a workload are alike but for their states.
pub(super) fn differ_in_state_only(old: &Workload, new: &Workload) -> bool {
    let restated = Workload {
        state: new.state,
        ..old.clone()
    };
    old.state != new.state && restated == *new
}
