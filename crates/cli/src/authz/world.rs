//! What the manifests say.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ferromesh_chassis::Failure;
use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_compiler::{Certificates, Compiler, Interception, Proxy, ProxyId, Snapshot, Tables};
use ferromesh_kube_source::directory::{self, Loaded};
use ferromesh_kube_source::report::{Places, locate};
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_mesh::origin::{ObjectRef, Origin};
use ferromesh_mesh::view::View;

use crate::render;

/// What the manifests say.
pub(super) struct World {
    compiler: Compiler,
    snapshot: Snapshot,
    places: Places,
    pub(super) services: Vec<Arc<Service>>,
    pub(super) workloads: Vec<Arc<Workload>>,
    pub(super) peers: Vec<Arc<PeerAuthentication>>,
    mesh: Vec<(Arc<ObjectRef>, Arc<MeshConfig>)>,
}

impl World {
    /// Reads a directory.
    pub(super) fn load(source: &Path, default_namespace: &str) -> Result<Self, Failure> {
        render::check_source(source)?;
        let Loaded {
            objects,
            faults,
            stdin: _,
        } = directory::load(&[source], default_namespace);
        let mut world = Self {
            compiler: Compiler::new(),
            snapshot: Snapshot::new(),
            places: Places::new(),
            services: Vec::new(),
            workloads: Vec::new(),
            peers: Vec::new(),
            mesh: Vec::new(),
        };
        let mut errors = faults.len();
        for located in &objects {
            world.places.put(located);
        }
        let units = objects
            .iter()
            .map(|located| ferromesh_dialects::lower(&located.object));
        for unit in ferromesh_dialects::default_units().into_iter().chain(units) {
            let wrong = |it: &&Diagnostic| it.severity == Severity::Error;
            errors += unit.diagnostics.iter().filter(wrong).count();
            for declaration in &unit.declarations {
                world.note(&unit.object, declaration);
            }
            world.compiler.replace(Arc::new(unit));
        }
        render::say_errors(errors, source);
        Ok(world)
    }

    fn note(&mut self, object: &Arc<ObjectRef>, declaration: &Declaration) {
        match declaration {
            Declaration::Service(it) => self.services.push(it.clone()),
            Declaration::Workload(it) => self.workloads.push(it.clone()),
            Declaration::PeerAuthentication(it) => self.peers.push(it.clone()),
            Declaration::MeshConfig(it) => self.mesh.push((object.clone(), it.clone())),
            Declaration::Node(_)
            | Declaration::Endpoints(_)
            | Declaration::HttpRoutes(_)
            | Declaration::TrafficPolicies(_)
            | Declaration::Sidecar(_)
            | Declaration::Authorization(_)
            | Declaration::RequestAuthentication(_)
            | Declaration::KeySet(_) => {}
        }
    }

    /// The settings of the mesh, by the compiler's rule: the first by name.
    pub(super) fn mesh(&self) -> Option<&MeshConfig> {
        let first = self.mesh.iter().min_by(|(a, _), (b, _)| a.cmp(b));
        first.map(|(_, mesh)| &**mesh)
    }

    /// The workload of a name.
    pub(super) fn workload(&self, name: &WorkloadName) -> Option<&Arc<Workload>> {
        self.workloads.iter().find(|it| it.name == *name)
    }

    /// The workloads at an address, those of a namespace first.
    pub(super) fn at(&self, address: IpAddr, near: &Namespace) -> Option<&Arc<Workload>> {
        let there = |workload: &&Arc<Workload>| address_of(workload) == Some(address);
        let mut all = self.workloads.iter().filter(there);
        let first = all.clone().next();
        all.find(|it| it.name.namespace == *near).or(first)
    }

    /// What proxies of these names are given.
    pub(super) fn views(&mut self, proxies: &[WorkloadName]) -> Vec<Vec<View>> {
        let open = |workload: &WorkloadName| {
            self.compiler.open(Proxy {
                workload: workload.clone(),
                interception: Interception::Redirect,
                tables: Tables::Separate,
                certificates: Certificates::Sds,
            })
        };
        let ids: Vec<ProxyId> = proxies.iter().map(open).collect();
        for edit in self.compiler.compile() {
            self.snapshot.apply(edit);
        }
        ids.into_iter()
            .map(|id| {
                let views = self.snapshot.views_of(id);
                views.map(|(_, view)| view.clone()).collect()
            })
            .collect()
    }

    /// The file and line of a statement; empty and 0 if they are not known.
    pub(super) fn place(&self, origin: &Origin) -> (String, usize) {
        let here = Diagnostic::at(origin, Severity::Info, "here", "");
        let records = locate(self.places.address([here]), &[], &Default::default());
        let found = records.into_iter().next();
        found.map(|it| (it.file, it.line)).unwrap_or_default()
    }
}

/// The address of a workload; a name is none.
pub(super) fn address_of(workload: &Workload) -> Option<IpAddr> {
    workload.addresses.iter().find_map(|it| it.parse().ok())
}

/// A workload as people write it.
pub(super) fn written(name: &WorkloadName) -> String {
    format!("{}.{}", name.name, name.namespace)
}

/// Wrong usage.
pub(super) fn usage(text: impl std::fmt::Display) -> Failure {
    Failure::with_status(text, WRONG_USAGE)
}
