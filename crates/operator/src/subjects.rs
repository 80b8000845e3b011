//! The objects that have a status: which version of each was compiled last, and with which
//! publication it went to the proxies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferromesh_api::Object;
use ferromesh_dialects::object_ref;
use ferromesh_dialects::report::is_reported;
use ferromesh_kube_source::batch::Batch;
use ferromesh_mesh::origin::ObjectRef;
use tokio::time::Instant;

/// The label that says which control plane an object is meant for.
const REVISION: &str = "istio.io/rev";

/// Counts publications of objects, so that one can tell which a report knows.
pub type Epoch = u64;

/// An object that has a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The version of the API in which it is read.
    pub api_version: Arc<str>,
    /// Its uid: of a later object of the same name, it is another.
    pub uid: Arc<str>,
    /// Which version of it.
    pub generation: i64,
    /// For which revision of the control plane it is meant; `None` if it does not say.
    pub revision: Option<Arc<str>>,
    /// How far that has come.
    pub stage: Stage,
}

/// How far an object has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is on its way to the compile loop.
    Compiling,
    /// Proxies can have it.
    Published {
        /// By this publication.
        serial: u64,
        /// Reports from here on know it.
        epoch: Epoch,
        /// Since when.
        at: Instant,
    },
}

/// All of them, by object.
pub type Objects = BTreeMap<Arc<ObjectRef>, Subject>;

/// Shared by who follows the source, the reporter, and who writes statuses.
#[derive(Clone, Debug, Default)]
pub struct Subjects(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    epoch: Epoch,
    objects: Objects,
    compiling: Vec<Arc<ObjectRef>>,
}

impl Subjects {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch is going to be compiled.
    pub fn begin(&self, batch: &Batch) {
        let mut table = self.lock();
        for located in &batch.changed {
            let key = located.key();
            if is_reported(&key.group, &key.kind) {
                let object = Arc::new(object_ref(&key));
                table
                    .objects
                    .insert(Arc::clone(&object), subject(&located.object));
                table.compiling.push(object);
            }
        }
        for key in &batch.removed {
            table.objects.remove(&object_ref(key));
        }
    }

    /// What was going to be compiled is published.
    pub fn publish(&self, serial: u64) {
        let mut table = self.lock();
        table.epoch += 1;
        let epoch = table.epoch;
        for object in std::mem::take(&mut table.compiling) {
            if let Some(subject) = table.objects.get_mut(&object) {
                subject.stage = Stage::Published {
                    serial,
                    epoch,
                    at: Instant::now(),
                };
            }
        }
    }

    /// What a report knows that begins now.
    pub fn epoch(&self) -> Epoch {
        self.lock().epoch
    }

    /// Looks at all of them, while nobody else can.
    pub fn read<T>(&self, read: impl FnOnce(&Objects) -> T) -> T {
        read(&self.lock().objects)
    }
}

fn subject(object: &Object) -> Subject {
    let metadata = &object.metadata;
    Subject {
        api_version: Arc::from(&*object.api_version),
        uid: Arc::from(&*metadata.uid),
        generation: metadata.generation,
        revision: metadata.labels.get(REVISION).map(|name| Arc::from(&**name)),
        stage: Stage::Compiling,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferromesh_kube_source::batch::Located;
    use ferromesh_kube_source::place::{Home, Place, Within};
    use serde_json::json;

    fn batch(kind: &str, generation: i64) -> Batch {
        let group = if kind == "Service" {
            "v1"
        } else {
            "networking.istio.io/v1"
        };
        let object = Object::new(json!({
            "apiVersion": group,
            "kind": kind,
            "metadata": {
                "name": "a", "namespace": "b", "uid": "u", "generation": generation,
                "labels": {"istio.io/rev": "canary"},
            },
        }));
        Batch {
            changed: vec![Located {
                object: Arc::new(object.expect("an object")),
                place: Place {
                    home: Home::ApiServer,
                    within: Within::Whole,
                },
            }],
            ..Batch::default()
        }
    }

    #[test]
    fn an_object_counts_when_it_is_published() {
        let subjects = Subjects::default();
        subjects.begin(&batch("Service", 1));
        assert!(
            subjects.read(Objects::is_empty),
            "a Service has no status of ours"
        );
        let first = batch("VirtualService", 1);
        subjects.begin(&first);
        let stages = |subjects: &Subjects| {
            subjects.read(|all| {
                all.values()
                    .map(|it| (it.generation, it.stage))
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(stages(&subjects), [(1, Stage::Compiling)]);
        subjects.publish(7);
        assert!(matches!(
            stages(&subjects)[..],
            [(
                1,
                Stage::Published {
                    serial: 7,
                    epoch: 1,
                    at: _
                }
            )]
        ));
        subjects.begin(&batch("VirtualService", 2));
        assert_eq!(stages(&subjects), [(2, Stage::Compiling)]);
        subjects.begin(&Batch {
            removed: vec![first.changed[0].key()],
            ..Batch::default()
        });
        subjects.publish(8);
        assert_eq!(subjects.epoch(), 2);
        assert!(subjects.read(Objects::is_empty));
    }
}
