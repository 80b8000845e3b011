//! A client and a service in two versions, in namespace `shop`; and somebody else.

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Answer, Request};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;

/// Where the service listens for HTTP, and where its proxy passes it on.
const HTTP: [(&str, u16, u16); 1] = [("http", 80, 8080)];

/// The mesh. Fields are dropped in this order: workloads first.
pub struct Shop {
    /// Sends requests.
    pub client: Workload,
    /// `product`, version v1.
    pub v1: Workload,
    /// `product`, version v2.
    pub v2: Workload,
    /// `other`, which nobody is routed to unless a test says so.
    pub other: Workload,
    /// The control plane.
    pub mesh: Mesh,
    /// Addresses for more workloads; they belong to the mesh until it is dropped.
    pub addresses: Addresses,
}

impl Shop {
    /// Starts the mesh with these further manifests.
    pub async fn open(manifests: &str) -> Self {
        let mut addresses = Addresses::take();
        let mut workload =
            |name: &str| Settings::new(name, "shop", &mut addresses).port(Kind::Http, 8080);
        let (client, v1, v2, other) = (
            workload("client"),
            workload("product-v1"),
            workload("product-v2"),
            workload("other"),
        );
        let files = Manifests::new();
        files.write(
            "workloads.yaml",
            &[
                pod(&client, &[("app", "client"), ("tier", "front")]),
                pod(&v1, &[("app", "product"), ("version", "v1")]),
                pod(&v2, &[("app", "product"), ("version", "v2")]),
                pod(&other, &[("app", "other")]),
            ]
            .concat(),
        );
        files.write(
            "services.yaml",
            &[
                service("shop", "product", &HTTP),
                endpoint_slice("shop", "product", &[("http", 8080)], [&v1, &v2]),
                service("shop", "other", &HTTP),
                endpoint_slice("shop", "other", &[("http", 8080)], [&other]),
                service("shop", "client", &HTTP),
                endpoint_slice("shop", "client", &[("http", 8080)], [&client]),
            ]
            .concat(),
        );
        files.write(
            "mesh.yaml",
            "accessLogFile: /dev/stdout\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n",
        );
        files.write("policies.yaml", manifests);
        let mesh = Mesh::start(files).await;
        Self {
            client: mesh.workload(client).await,
            v1: mesh.workload(v1).await,
            v2: mesh.workload(v2).await,
            other: mesh.workload(other).await,
            mesh,
            addresses,
        }
    }

    /// Replaces the further manifests.
    pub fn apply(&self, manifests: &str) {
        self.mesh.manifests().write("policies.yaml", manifests);
    }

    /// Sends a request of the client, as an application would: to the port of the service.
    pub async fn send(&self, request: Request) -> Answer {
        let answer = request.send(self.client.outbound(80)).await;
        answer.unwrap_or_else(|error| panic!("no answer: {error}\n{}", self.mesh.operator().log()))
    }

    /// Sends requests until one is answered as it should be.
    pub async fn until(
        &self,
        what: &str,
        request: Request,
        good: impl Fn(&Answer) -> bool,
    ) -> Answer {
        eventually(what, async || {
            let answer = request.clone().send(self.client.outbound(80)).await?;
            if good(&answer) {
                Ok(answer)
            } else {
                Err(format!("{} {}", answer.status, answer.text()))
            }
        })
        .await
    }
}
