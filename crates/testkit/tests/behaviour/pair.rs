//! Two workloads in namespace `shop`, each behind its own proxy: a client, and a server with as
//! many ports as a test likes.

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Answer, Request};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};

use crate::app;

/// A port of the service `server`: its name, its number, and the application's port.
pub type Port<'a> = (&'a str, u16, (Kind, u16));

/// The mesh.
pub struct Pair {
    /// Talks.
    pub client: Workload,
    /// Answers.
    pub server: Workload,
    /// The control plane.
    pub mesh: Mesh,
}

impl Pair {
    /// Starts the mesh with this mesh configuration, or the usual one of tests if it is empty, and
    /// these further manifests.
    pub async fn open(ports: &[Port<'_>], mesh_config: &str, manifests: &str) -> Self {
        let mut addresses = Addresses::take();
        let client = Settings::new("client", "shop", &mut addresses);
        let mut server = Settings::new("server", "shop", &mut addresses);
        server.ports = ports.iter().map(|(_, _, app)| *app).collect();
        let services: Vec<_> = ports
            .iter()
            .map(|(name, port, (_, target))| (*name, *port, *target))
            .collect();
        let slices: Vec<_> = ports
            .iter()
            .map(|(name, _, (_, target))| (*name, *target))
            .collect();
        let files = Manifests::new();
        if !mesh_config.is_empty() {
            files.write("mesh.yaml", mesh_config);
        }
        files.write(
            "workloads.yaml",
            &[
                pod(&client, &[("app", "client"), ("tier", "front")]),
                pod(&server, &[("app", "server"), ("version", "v1")]),
                service("shop", "server", &services),
                endpoint_slice("shop", "server", &slices, [&server]),
            ]
            .concat(),
        );
        files.write("policies.yaml", manifests);
        let mesh = Mesh::start(files).await;
        Self {
            client: mesh.workload(client).await,
            server: mesh.workload(server).await,
            mesh,
        }
    }

    /// Replaces the further manifests.
    pub fn apply(&self, manifests: &str) {
        self.mesh.manifests().write("policies.yaml", manifests);
    }

    /// Sends a request of the client to a port of the service.
    pub async fn send(&self, port: u16, request: Request) -> Answer {
        app::send(&self.client, port, request).await
    }

    /// Sends requests until one is answered as it should be.
    pub async fn until(
        &self,
        what: &str,
        port: u16,
        request: Request,
        good: impl Fn(&Answer) -> bool,
    ) -> Answer {
        app::until(&self.client, what, port, request, good).await
    }
}
