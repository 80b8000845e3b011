//! The memory of the past, in one place: which version of each object is in force.
//!
//! A fold in front of the compiler. The newest version of an object that admission would not
//! deny is in force; while there never was one, the sound part of the newest is.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::unit::Unit;

/// Which version of each object is in force.
#[derive(Clone, Debug, Default)]
pub struct Acceptance {
    objects: BTreeMap<Arc<ObjectRef>, Versions>,
}

/// The versions of an object that count.
#[derive(Clone, Debug)]
struct Versions {
    newest: Arc<Unit>,
    in_force: Arc<Unit>,
}

impl Acceptance {
    /// No objects yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the newest version of an object and returns the version to hand to
    /// [`crate::Compiler::replace`], or `None` if the one in force stays.
    pub fn replace(&mut self, unit: Arc<Unit>) -> Option<Arc<Unit>> {
        let kept = self.objects.get(&unit.object).and_then(|versions| {
            (unit.is_refused() && !versions.in_force.is_refused())
                .then(|| versions.in_force.clone())
        });
        let stays = kept.is_some();
        let in_force = kept.unwrap_or_else(|| unit.clone());
        self.objects.insert(
            unit.object.clone(),
            Versions {
                newest: unit,
                in_force: in_force.clone(),
            },
        );
        (!stays).then_some(in_force)
    }

    /// Forgets an object. Returns whether it was known: then it has to be removed from the
    /// compiler as well.
    pub fn remove(&mut self, object: &ObjectRef) -> bool {
        self.objects.remove(object).is_some()
    }

    /// The versions in force, by object.
    pub fn in_force(&self) -> impl Iterator<Item = &Arc<Unit>> {
        self.objects.values().map(|versions| &versions.in_force)
    }

    /// The newest version of an object, refused or not.
    pub fn newest(&self, object: &ObjectRef) -> Option<&Arc<Unit>> {
        self.objects.get(object).map(|versions| &versions.newest)
    }

    /// Objects whose newest version is refused, and whether an older one is in force.
    pub fn refused(&self) -> impl Iterator<Item = (&Arc<ObjectRef>, bool)> {
        self.objects
            .iter()
            .filter(|(_, versions)| versions.newest.is_refused())
            .map(|(object, versions)| (object, !versions.in_force.is_refused()))
    }

    /// Remarks on the newest version of every object, by object.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.objects
            .values()
            .flat_map(|versions| &versions.newest.diagnostics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferromesh_mesh::diagnostic::Severity;

    fn version(name: &str, refused: bool) -> Arc<Unit> {
        let object = Arc::new(ObjectRef {
            group: Arc::from(""),
            kind: Arc::from("Service"),
            namespace: Arc::from("default"),
            name: Arc::from(name),
        });
        Arc::new(Unit {
            object: object.clone(),
            declarations: Vec::new(),
            diagnostics: refused
                .then(|| Diagnostic {
                    severity: Severity::Error,
                    code: "wrong-type",
                    object: Some(object),
                    path: Arc::from("spec"),
                    message: "not an object".into(),
                    hint: None,
                })
                .into_iter()
                .collect(),
        })
    }

    #[test]
    fn the_last_accepted_version_stays_in_force() {
        let (good, bad) = (version("a", false), version("a", true));
        let mut acceptance = Acceptance::new();
        // While nothing was ever accepted, the sound part of the newest counts.
        assert_eq!(acceptance.replace(bad.clone()), Some(bad.clone()));
        assert_eq!(acceptance.replace(good.clone()), Some(good.clone()));
        assert_eq!(acceptance.replace(bad.clone()), None);
        assert_eq!(acceptance.in_force().collect::<Vec<_>>(), [&good]);
        assert_eq!(acceptance.newest(&good.object), Some(&bad));
        assert_eq!(
            acceptance.refused().collect::<Vec<_>>(),
            [(&good.object, true)]
        );
        assert_eq!(acceptance.diagnostics().count(), 1);
        assert!(acceptance.remove(&good.object));
        assert!(!acceptance.remove(&good.object));
        assert_eq!(acceptance.replace(bad.clone()), Some(bad));
    }
}
