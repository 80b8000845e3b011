//! What every object says at the moment, and how a new version differs.

use std::collections::HashMap;
use std::sync::Arc;

use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::unit::Unit;

use crate::identity::DeclId;

/// All units, by object.
#[derive(Debug, Default)]
pub(crate) struct Units {
    by_object: HashMap<Arc<ObjectRef>, Arc<Unit>>,
}

/// A statement that differs.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Which.
    pub(crate) id: DeclId,
    /// What it said.
    pub(crate) before: Option<Declaration>,
    /// What it says.
    pub(crate) after: Option<Declaration>,
}

impl Units {
    /// Takes a new version and returns what differs. The new version is kept even if nothing
    /// does, because it knows the newest origins.
    pub(crate) fn replace(&mut self, unit: Arc<Unit>) -> Vec<Difference> {
        let before = self.by_object.insert(unit.object.clone(), unit.clone());
        let old = before
            .as_ref()
            .map_or(&[][..], |unit| unit.declarations.as_slice());
        differences(&unit.object, old, &unit.declarations)
    }

    /// Forgets an object and returns what differs.
    pub(crate) fn remove(&mut self, object: &ObjectRef) -> Vec<Difference> {
        let Some(unit) = self.by_object.remove(object) else {
            return Vec::new();
        };
        differences(&unit.object, &unit.declarations, &[])
    }
}

fn differences(
    object: &Arc<ObjectRef>,
    before: &[Declaration],
    after: &[Declaration],
) -> Vec<Difference> {
    (0..before.len().max(after.len()))
        .zip(0_u32..)
        .filter_map(|(at, part)| {
            let (before, after) = (before.get(at), after.get(at));
            (before != after).then(|| Difference {
                id: DeclId {
                    object: object.clone(),
                    part,
                },
                before: before.cloned(),
                after: after.cloned(),
            })
        })
        .collect()
}
