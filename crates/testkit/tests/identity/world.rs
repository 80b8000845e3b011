//! Two workloads behind proxies, `client` and `server`, and an account for each of them.

use std::net::SocketAddr;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Answer, Request, Tcp};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::manifest::{endpoint_slice, pod, service};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;

/// The ports of the service `server`: name, number, kind and number at the application.
pub const PORTS: [(&str, u16, Kind, u16); 6] = [
    ("http-web", 80, Kind::Http, 8080),
    ("http2-web", 81, Kind::Http, 8081),
    ("grpc-calls", 82, Kind::Http, 8082),
    ("anything", 83, Kind::Mixed, 8083),
    ("tcp-lines", 84, Kind::Tcp, 8084),
    ("mysql", 85, Kind::Banner, 8085),
];

/// The identity of the client.
pub const CLIENT: &str = "spiffe://cluster.local/ns/shop/sa/client";

/// The identity of the server.
pub const SERVER: &str = "spiffe://cluster.local/ns/shop/sa/server";

/// The mesh. Workloads are dropped first.
pub struct World {
    pub client: Workload,
    pub server: Workload,
    pub mesh: Mesh,
    pub addresses: Addresses,
}

/// What a workload is, with all ports.
pub fn server(name: &str, addresses: &mut Addresses) -> Settings {
    let mut settings = Settings::new(name, "shop", addresses).account("server");
    settings.ports = PORTS.map(|(_, _, kind, port)| (kind, port)).to_vec();
    settings
}

/// The service `server` and its slice with these instances.
pub fn services<'a>(instances: impl IntoIterator<Item = &'a Settings>) -> String {
    let ports = PORTS.map(|(name, port, _, target)| (name, port, target));
    let slice = PORTS.map(|(name, _, _, target)| (name, target));
    service("shop", "server", &ports) + &endpoint_slice("shop", "server", &slice, instances)
}

impl World {
    /// With nothing configured.
    pub async fn plain() -> Self {
        Self::open("", "", &[]).await
    }

    /// With this mesh configuration (the usual one of tests if empty), these policies, and these arguments of the
    /// control plane.
    pub async fn open(mesh_config: &str, policies: &str, arguments: &[&str]) -> Self {
        let mut addresses = Addresses::take();
        let client = Settings::new("client", "shop", &mut addresses).account("client");
        let server = server("server", &mut addresses);
        let files = Manifests::new();
        if !mesh_config.is_empty() {
            files.write("mesh.yaml", mesh_config);
        }
        let pods = pod(&client, &[("app", "client")]) + &pod(&server, &[("app", "server")]);
        files.write("workloads.yaml", &(pods + &services([&server])));
        files.write("policies.yaml", policies);
        let mesh = Mesh::start_with(files, arguments).await;
        let world = Self {
            client: mesh.workload(client).await,
            server: mesh.workload(server).await,
            mesh,
            addresses,
        };
        world.arrives().await;
        world
    }

    /// Waits until a request of the client arrives at the server.
    pub async fn arrives(&self) {
        self.until("a request arrives", 80, |answer| answer.status == 200)
            .await;
    }

    /// Replaces the policies.
    pub fn apply(&self, policies: &str) {
        self.mesh.manifests().write("policies.yaml", policies);
    }

    /// A request of the client to a port of the service.
    pub async fn get(&self, port: u16) -> Result<Answer, String> {
        get(&self.client, port).await
    }

    /// Asks until the answer is right.
    pub async fn until(&self, what: &str, port: u16, good: impl Fn(&Answer) -> bool) -> Answer {
        eventually(what, async || {
            let answer = self.get(port).await?;
            if good(&answer) {
                Ok(answer)
            } else {
                Err(format!("{} {}", answer.status, answer.text()))
            }
        })
        .await
    }

    /// A request in the clear, straight to a port of the server.
    pub async fn stranger(&self, port: u16) -> Result<Answer, String> {
        Request::get("server", "/")
            .send(self.server.inbound(port))
            .await
    }

    /// Waits until requests in the clear are refused, or heard.
    pub async fn until_strangers(&self, what: &str, port: u16, heard: bool) {
        eventually(what, async || {
            let outcome = self.stranger(port).await;
            let is_heard = outcome.as_ref().is_ok_and(|answer| answer.status == 200);
            if is_heard == heard {
                Ok(())
            } else {
                Err(format!("{:?}", outcome.map(|answer| answer.status)))
            }
        })
        .await;
    }
}

/// A request of a client to a port of the service `server`.
pub async fn get(client: &Workload, port: u16) -> Result<Answer, String> {
    Request::get("server", "/")
        .send(client.outbound(port))
        .await
}

/// Says a line and hears it again.
pub async fn echo(to: SocketAddr) -> Result<(), String> {
    let mut tcp = Tcp::open(to).await?;
    tcp.say("a line").await?;
    match tcp.hear().await? {
        Some(line) if line == "a line" => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// A PeerAuthentication.
pub fn peer_authentication(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"
    )
}
