//! What the source says of workloads and of the mesh, for those who may not wait for the compile loop.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ferromesh_ca::tokens::Holder;
use ferromesh_ca::{Kind, Phase, Pod, Workload, Workloads};
use ferromesh_identity::workload::{Parts, UNKNOWN};
use ferromesh_identity::{SpiffeId, WorkloadLabels};
use ferromesh_mesh::decl::endpoints::EndpointState;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::workload::{self, WorkloadKind};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_xds_server::PlaneHandle;
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

/// What the compile loop has in force.
#[derive(Debug)]
pub struct Known {
    workloads: RwLock<HashMap<WorkloadName, Arc<workload::Workload>>>,
    mesh: watch::Sender<Option<Arc<MeshConfig>>>,
    keys: watch::Sender<Wanted>,
    names: watch::Sender<()>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            workloads: RwLock::default(),
            mesh: watch::Sender::new(None),
            keys: watch::Sender::new(None),
            names: watch::Sender::new(()),
        }
    }
}

impl Known {
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
    fn pod(&self, _namespace: &str, _name: &str) -> Option<Pod> {
        // A directory has no uids to which a token could be bound.
        None
    }

    fn workload(&self, namespace: &str, name: &str) -> Option<Workload> {
        let name = WorkloadName {
            namespace: Namespace::from(namespace),
            name: Arc::from(name),
        };
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

/// A workload in the words of the authority.
fn identified(workload: &workload::Workload) -> Workload {
    let label = |names: [&str; 3]| {
        let found = names.iter().find_map(|name| workload.labels.get(*name));
        found.map_or(UNKNOWN, |value| value)
    };
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
        labels: WorkloadLabels::new(Parts {
            workload: &workload.name.name,
            app: label(APP),
            version: label(VERSION),
            cluster: CLUSTER,
        }),
    }
}
