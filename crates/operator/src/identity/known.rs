//! What the source says of workloads and of the mesh, for those who may not wait for the compile loop.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ferromesh_api::{Key, Object};
use ferromesh_ca::tokens::Holder;
use ferromesh_ca::{Kind, Phase, Pod, Workload, Workloads};
use ferromesh_identity::workload::{Parts, UNKNOWN};
use ferromesh_identity::{SpiffeId, WorkloadLabels};
use ferromesh_mesh::decl::endpoints::EndpointState;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::workload::{self, WorkloadKind};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_xds_server::PlaneHandle;
use serde_json::Value;
use tokio::sync::watch;

use crate::jwks::Wanted;

/// The cluster of a directory.
const CLUSTER: &str = "Kubernetes";

/// Labels that name the app, Istio's first choice first.
const APP: [&str; 3] = [
    "service.istio.io/canonical-name",
    "app.kubernetes.io/name",
    "app",
];

/// Labels that name the version.
const VERSION: [&str; 3] = [
    "service.istio.io/canonical-revision",
    "app.kubernetes.io/version",
    "version",
];

/// The labels of each namespace.
pub type Namespaces = Arc<BTreeMap<Arc<str>, BTreeMap<String, String>>>;

/// What the compile loop has in force.
#[derive(Debug)]
pub struct Known {
    workloads: RwLock<HashMap<WorkloadName, Arc<workload::Workload>>>,
    /// Pods as the API server has them: also those that have finished and take no traffic.
    pods: RwLock<HashMap<WorkloadName, Pod>>,
    namespaces: watch::Sender<Namespaces>,
    mesh: watch::Sender<Option<Arc<MeshConfig>>>,
    keys: watch::Sender<Wanted>,
    names: watch::Sender<()>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            workloads: RwLock::default(),
            pods: RwLock::default(),
            namespaces: watch::Sender::default(),
            mesh: watch::Sender::new(None),
            keys: watch::Sender::new(None),
            names: watch::Sender::new(()),
        }
    }
}

impl Known {
    /// Takes note of pods and namespaces, whatever the mesh makes of them.
    pub fn note<'a>(&self, changed: impl IntoIterator<Item = &'a Arc<Object>>, removed: &[Key]) {
        let mut namespaces = Arc::clone(&self.namespaces.borrow());
        let mut pods = self.pods.write().unwrap_or_else(PoisonError::into_inner);
        for object in changed {
            let key = object.key();
            match (&*key.group, &*key.kind) {
                ("", "Pod") => {
                    let (name, pod) = read_pod(object);
                    pods.insert(name, pod);
                }
                ("", "Namespace") => {
                    let labels = object.metadata.labels.clone();
                    Arc::make_mut(&mut namespaces).insert(key.name, labels);
                }
                _ => {}
            }
        }
        for key in removed {
            match (&*key.group, &*key.kind) {
                ("", "Pod") => drop(pods.remove(&named(&key.namespace, &key.name))),
                ("", "Namespace") => {
                    Arc::make_mut(&mut namespaces).remove(&key.name);
                }
                _ => {}
            }
        }
        drop(pods);
        self.namespaces.send_if_modified(|known| {
            let is_new = *known != namespaces;
            *known = namespaces;
            is_new
        });
    }

    /// Follows which namespaces there are.
    pub fn follow_namespaces(&self) -> watch::Receiver<Namespaces> {
        self.namespaces.subscribe()
    }

    /// Asks the compile loop what it has in force under these names, and for the mesh.
    pub async fn refresh(&self, plane: &PlaneHandle, names: Vec<WorkloadName>) {
        let read = plane.inspect(move |_, compiler| {
            let found: Vec<_> = names
                .into_iter()
                .map(|name| {
                    let workload = compiler.workload(&name).cloned();
                    (name, workload)
                })
                .collect();
            (found, Arc::clone(compiler.mesh()), compiler.key_sources())
        });
        let Some((found, mesh, keys)) = read.await else {
            return;
        };
        if self.take(found) {
            self.names.send_replace(());
        }
        self.mesh.send_if_modified(|known| {
            let is_new = known.as_ref() != Some(&mesh);
            *known = Some(mesh);
            is_new
        });
        self.keys.send_if_modified(|known| {
            let is_new = known.as_ref() != Some(&keys);
            *known = Some(keys);
            is_new
        });
    }

    /// Whether there is somebody new, or somebody is gone.
    fn take(&self, found: Vec<(WorkloadName, Option<Arc<workload::Workload>>)>) -> bool {
        let mut known = self
            .workloads
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut is_different = false;
        for (name, workload) in found {
            is_different |= match workload {
                Some(workload) => known.insert(name, workload).is_none(),
                None => known.remove(&name).is_some(),
            };
        }
        is_different
    }

    /// The mesh configuration, as soon as the source has been read.
    pub async fn mesh(&self) -> Arc<MeshConfig> {
        let mut mesh = self.follow_mesh();
        loop {
            if let Some(mesh) = &*mesh.borrow_and_update() {
                return Arc::clone(mesh);
            }
            if mesh.changed().await.is_err() {
                // We hold the sender ourselves.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Follows the mesh configuration.
    pub fn follow_mesh(&self) -> watch::Receiver<Option<Arc<MeshConfig>>> {
        self.mesh.subscribe()
    }

    /// Follows which keys of token issuers are wanted.
    pub fn follow_keys(&self) -> watch::Receiver<Wanted> {
        self.keys.subscribe()
    }

    /// Tells when there is somebody new, or somebody is gone.
    pub fn follow_names(&self) -> watch::Receiver<()> {
        self.names.subscribe()
    }

    /// Everybody.
    pub fn holders(&self) -> Vec<Holder> {
        let known = self
            .workloads
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        known
            .keys()
            .map(|WorkloadName { namespace, name }| Holder {
                namespace: namespace.to_string(),
                name: name.to_string(),
            })
            .collect()
    }
}

impl Workloads for Known {
    fn pod(&self, namespace: &str, name: &str) -> Option<Pod> {
        let pods = self.pods.read().unwrap_or_else(PoisonError::into_inner);
        pods.get(&named(namespace, name)).cloned()
    }

    fn workload(&self, namespace: &str, name: &str) -> Option<Workload> {
        let name = named(namespace, name);
        let known = self
            .workloads
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        known.get(&name).map(|workload| identified(workload))
    }

    fn entries(&self, identity: &SpiffeId) -> Vec<Workload> {
        let known = self
            .workloads
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        known
            .values()
            .filter(|workload| {
                workload.kind == WorkloadKind::Entry
                    && workload.name.namespace.as_str() == identity.namespace()
                    && workload.service_account.as_str() == identity.account()
            })
            .map(|workload| identified(workload))
            .collect()
    }
}

fn named(namespace: &str, name: &str) -> WorkloadName {
    WorkloadName {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
    }
}

/// A workload in the words of the authority.
fn identified(workload: &workload::Workload) -> Workload {
    Workload {
        kind: match workload.kind {
            WorkloadKind::Pod => Kind::Pod,
            WorkloadKind::Entry => Kind::Entry,
        },
        account: workload.service_account.to_string(),
        phase: match workload.state {
            EndpointState::Draining => Phase::Terminating,
            EndpointState::Ready | EndpointState::NotReady => Phase::Alive,
        },
        labels: labelled(&workload.name.name, |label| {
            workload.labels.get(label).map(|value| &**value)
        }),
    }
}

/// A pod in the words of the authority.
fn read_pod(object: &Object) -> (WorkloadName, Pod) {
    let Object {
        metadata, content, ..
    } = object;
    let text = |pointer: &str| {
        let value = content.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default()
    };
    let account = match text("/spec/serviceAccountName") {
        "" => "default",
        account => account,
    };
    let phase = match text("/status/phase") {
        "Succeeded" | "Failed" => Phase::Finished,
        _ if !metadata.deletion_timestamp.is_empty() => Phase::Terminating,
        _ => Phase::Alive,
    };
    let pod = Pod {
        uid: metadata.uid.clone(),
        node: text("/spec/nodeName").to_owned(),
        workload: Workload {
            kind: Kind::Pod,
            account: account.to_owned(),
            phase,
            labels: labelled(&metadata.name, |label| {
                metadata.labels.get(label).map(String::as_str)
            }),
        },
    };
    (named(&metadata.namespace, &metadata.name), pod)
}

fn labelled<'a>(workload: &str, label: impl Fn(&'static str) -> Option<&'a str>) -> WorkloadLabels {
    let first = |names: [&'static str; 3]| names.into_iter().find_map(&label).unwrap_or(UNKNOWN);
    WorkloadLabels::new(Parts {
        workload,
        app: first(APP),
        version: first(VERSION),
        cluster: CLUSTER,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(content: Value) -> Arc<Object> {
        Arc::new(Object::new(content).expect("an object"))
    }

    fn pod(change: impl FnOnce(&mut Value)) -> Arc<Object> {
        let mut content = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "client-1", "namespace": "shop", "uid": "u1"},
            "spec": {"serviceAccountName": "client", "nodeName": "node-1"},
            "status": {"phase": "Running"},
        });
        change(&mut content);
        object(content)
    }

    #[test]
    fn a_pod_is_known_until_it_is_gone() {
        let known = Known::default();
        let now = |object: Arc<Object>| {
            known.note(&[object], &[]);
            let pod = known.pod("shop", "client-1").expect("the pod");
            (pod.uid, pod.node, pod.workload.account, pod.workload.phase)
        };
        let alive = |uid: &str, account: &str, phase| {
            (
                uid.to_owned(),
                "node-1".to_owned(),
                account.to_owned(),
                phase,
            )
        };
        assert_eq!(now(pod(|_| {})), alive("u1", "client", Phase::Alive));
        let nobody = pod(|pod| pod["spec"]["serviceAccountName"] = Value::Null);
        assert_eq!(now(nobody), alive("u1", "default", Phase::Alive));
        let leaving =
            pod(|pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
        assert_eq!(now(leaving), alive("u1", "client", Phase::Terminating));
        let failed = pod(|pod| pod["status"]["phase"] = json!("Failed"));
        assert_eq!(now(failed.clone()), alive("u1", "client", Phase::Finished));
        known.note(&[], &[failed.key()]);
        assert_eq!(known.pod("shop", "client-1"), None);
    }

    #[test]
    fn namespaces_are_told_when_there_are_others() {
        let known = Known::default();
        let mut told = known.follow_namespaces();
        let shop =
            object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
        known.note(std::slice::from_ref(&shop), &[]);
        assert!(told.has_changed().expect("it lives"));
        assert_eq!(told.borrow_and_update().len(), 1);
        known.note(std::slice::from_ref(&shop), &[]);
        assert!(!told.has_changed().expect("it lives"), "nothing is new");
        known.note(&[], &[shop.key()]);
        assert!(told.borrow_and_update().is_empty());
    }
}
