//! A server behind a real proxy, clients with certificates of the mesh, and an authorizer.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, manifest};
use ferromesh_testkit::raw::{self, Handshake, Raw, Reply};
use ferromesh_testkit::wait::eventually;
use serde_json::{Value, json};

use super::authorizer::Authorizer;

/// The ports of the server.
pub const HTTP: u16 = 8080;
pub const TCP: u16 = 9090;
/// Where the server speaks first.
pub const BANNER: u16 = 3306;
/// Where nobody has declared anything.
pub const DETECT: u16 = 7070;

/// The ports of the service `authz` in `guards`. Nobody listens on the last one.
const BY_HTTP: u16 = 8000;
const BY_GRPC: u16 = 9000;
const CLOSED: u16 = 7000;

/// Who the clients are: name, namespace and account. `nobody` has no certificate.
pub const CLIENTS: [(&str, &str, &str); 3] = [
    ("front", "shop", "front"),
    ("back", "shop", "back"),
    ("alien", "other", "front"),
];

pub struct Scene {
    pub server: Workload,
    pub client: Settings,
    pub mesh: Mesh,
    pub by_http: Authorizer,
    pub by_grpc: Authorizer,
    pub addresses: Addresses,
    handshakes: BTreeMap<(&'static str, bool), Handshake>,
    round: u64,
}

impl Scene {
    /// Under these settings of the mesh, which may name the authorizers.
    pub async fn open(configuration: &Value) -> Self {
        let mut addresses = Addresses::take();
        let server = Settings::new("server-1", "shop", &mut addresses)
            .account("server")
            .port(Kind::Http, HTTP)
            .port(Kind::Tcp, TCP)
            .port(Kind::Banner, BANNER)
            .port(Kind::Mixed, DETECT);
        let guard = Settings::new("authz-1", "guards", &mut addresses).alone();
        let manifests = Manifests::new();
        let mut configuration = configuration.clone();
        configuration["outboundTrafficPolicy"] = json!({"mode": "REGISTRY_ONLY"});
        manifests.write("mesh.yaml", &configuration.to_string());
        let mut text = world(&server, &guard);
        let mut client = None;
        for (name, namespace, account) in CLIENTS {
            let settings = Settings::new(name, namespace, &mut addresses).account(account);
            text += &manifest::pod(&settings, &[("app", name)]);
            client.get_or_insert(settings);
        }
        manifests.write("world.yaml", &text);
        let by_http = Authorizer::start(SocketAddr::new(guard.address, BY_HTTP)).await;
        let by_grpc = Authorizer::start(SocketAddr::new(guard.address, BY_GRPC)).await;
        let mesh = Mesh::start(manifests).await;
        let handshakes = handshakes(&mesh).await;
        Self {
            server: mesh.workload(server).await,
            client: client.expect("a client"),
            mesh,
            by_http,
            by_grpc,
            addresses,
            handshakes,
            round: 0,
        }
    }

    /// Puts these policies in force, instead of those before.
    pub async fn apply(&mut self, policies: &[Value]) {
        self.round += 1;
        let (at, marker) = marker("shop", self.round);
        let items: Vec<_> = policies.iter().cloned().chain([marker]).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let manifests = self.mesh.manifests();
        manifests.write("policies.json", &list.to_string());
        in_force(&self.server, &at).await;
    }

    /// A connection of a client to the server's HTTP port.
    pub async fn connect(&self, who: &'static str) -> Raw {
        let to = self.server.inbound(HTTP);
        let raw = Raw::open(to, &self.handshake(who, true)).await;
        raw.unwrap_or_else(|error| panic!("{who}: {error}"))
    }

    /// What a client is answered on a connection of its own.
    pub async fn ask(&self, who: &'static str, request: &[u8]) -> Reply {
        let reply = self.connect(who).await.send(request).await;
        reply.unwrap_or_else(|error| panic!("{who}: {error}"))
    }

    /// What a client's GET is answered.
    pub async fn get(&self, who: &'static str, path: &str) -> (u16, String) {
        let reply = self.ask(who, &request("GET", path, &[], "")).await;
        (reply.status, reply.text())
    }

    /// What a client hears on the server's TCP port.
    pub async fn exchange(&self, who: &'static str) -> io::Result<Vec<u8>> {
        self.exchange_from(Ipv4Addr::LOCALHOST.into(), who).await
    }

    /// What a client hears on the server's TCP port at one of our addresses.
    pub async fn exchange_from(&self, from: IpAddr, who: &'static str) -> io::Result<Vec<u8>> {
        let (to, handshake) = (self.server.inbound(TCP), self.handshake(who, false));
        let mut raw = Raw::open_from(from, to, &handshake).await?;
        raw.echo(b"hello\n").await
    }

    /// A connection of a client to one of the server's ports that are not for requests only.
    pub async fn open_at(&self, port: u16, who: &'static str) -> Raw {
        let (to, handshake) = (self.server.inbound(port), self.handshake(who, false));
        let raw = Raw::open(to, &handshake).await;
        raw.unwrap_or_else(|error| panic!("{who} at {port}: {error}"))
    }

    fn handshake(&self, who: &'static str, is_http: bool) -> Handshake {
        let found = self.handshakes.get(&(who, is_http)).cloned();
        found.unwrap_or(Handshake::Plaintext)
    }
}

fn world(server: &Settings, guard: &Settings) -> String {
    let ports = [
        ("http", 80, HTTP),
        ("tcp", 90, TCP),
        ("mysql", 3306, BANNER),
        ("any", 70, DETECT),
    ];
    let slice = ports.map(|(name, _, at)| (name, at));
    let asked = [
        ("http-check", BY_HTTP),
        ("grpc-check", BY_GRPC),
        ("http-closed", CLOSED),
    ];
    [
        manifest::pod(server, &[("app", "server")]),
        manifest::service("shop", "server", &ports),
        manifest::endpoint_slice("shop", "server", &slice, [server]),
        manifest::pod(guard, &[("app", "authz")]),
        manifest::service("guards", "authz", &asked.map(|(name, at)| (name, at, at))),
        manifest::endpoint_slice("guards", "authz", &asked, [guard]),
    ]
    .concat()
}

async fn handshakes(mesh: &Mesh) -> BTreeMap<(&'static str, bool), Handshake> {
    let mut all = BTreeMap::new();
    for (name, namespace, _) in CLIENTS {
        let certificate = mesh.certificate(namespace, name).await;
        for (is_http, protocols) in [(true, raw::HTTP), (false, raw::TCP)] {
            let handshake = Handshake::tls(Some(&certificate), protocols, "server.shop");
            all.insert((name, is_http), handshake);
        }
    }
    all
}

/// A policy that denies what nobody asks for: its name tells that a proxy has all policies of its round.
pub fn marker(namespace: &str, round: u64) -> (String, Value) {
    let name = format!("marker-{round}");
    let rules = json!([{"to": [{"operation": {"ports": ["1"]}}]}]);
    let marker = policy(namespace, &name, &json!({"action": "DENY", "rules": rules}));
    (format!("ns[{namespace}]-policy[{name}]"), marker)
}

/// Waits until every port of a workload has the policy of this name, and none waits for anything.
pub async fn in_force(workload: &Workload, name: &str) {
    let settings = workload.settings();
    eventually(&format!("{} has {name}", settings.name), async || {
        let dump = workload.ask_admin("/config_dump?resource=dynamic_listeners");
        let dump: Value = serde_json::from_str(&dump.await).expect("a dump is JSON");
        for (_, port) in &settings.ports {
            let listener = format!("{}_{port}", settings.address);
            let listeners = dump["configs"].as_array().into_iter().flatten();
            let found = listeners.into_iter().find(|it| it["name"] == *listener);
            let found = found.ok_or_else(|| format!("no {listener}"))?;
            let waits = found.get("warming_state").is_some();
            if waits || !found["active_state"].to_string().contains(name) {
                return Err(format!("not yet at {listener}"));
            }
        }
        Ok(())
    })
    .await;
}

/// A policy.
pub fn policy(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    })
}

/// A policy of the server's namespace about requests for paths. It names the port, or it would mean connections to the other
/// one, too.
pub fn about(name: &str, action: &str, paths: &[&str]) -> Value {
    let rules = json!([{"to": [{"operation": {"ports": ["8080"], "paths": paths}}]}]);
    policy("shop", name, &json!({"action": action, "rules": rules}))
}

/// A policy of the server's namespace by which an authorizer is asked about paths.
pub fn asking(provider: &str, paths: &[&str]) -> Value {
    let mut policy = about(&format!("ask-{provider}"), "CUSTOM", paths);
    policy["spec"]["provider"] = json!({"name": provider});
    policy
}

/// An authorizer that is asked by HTTP, with these further settings.
pub fn by_http(name: &str, settings: &Value) -> Value {
    json!({"name": name, "envoyExtAuthzHttp": provider(BY_HTTP, settings)})
}

/// An authorizer that is asked by gRPC, with these further settings.
pub fn by_grpc(name: &str, settings: &Value) -> Value {
    json!({"name": name, "envoyExtAuthzGrpc": provider(BY_GRPC, settings)})
}

/// The same where nobody listens.
pub fn closed(settings: &Value) -> Value {
    provider(CLOSED, settings)
}

fn provider(port: u16, settings: &Value) -> Value {
    let mut provider = settings.clone();
    provider["service"] = "authz.guards.svc.cluster.local".into();
    provider["port"] = port.into();
    provider
}

/// A configuration with these authorizers.
pub fn providers(all: &[Value]) -> Value {
    json!({"extensionProviders": all})
}

/// A request of HTTP/1.1.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: server\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("content-length: {}\r\n", body.len());
    }
    text += "\r\n";
    text += body;
    text.into_bytes()
}

/// A header that the application received, or "".
pub fn received(reply: &Reply, name: &str) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen: Value = serde_json::from_slice(&reply.body).expect("the echo server's answer");
    let value = seen["headers"][name].as_str();
    value.unwrap_or_default().to_owned()
}

/// What a policy's refusal looks like.
pub fn refused() -> (u16, String) {
    (403, "RBAC: access denied".to_owned())
}
