//! Tokens of end users: which are believed, where they may stand, what policies learn from them, and what of them the
//! application gets to see.

use std::time::{SystemTime, UNIX_EPOCH};

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, manifest};
use ferromesh_testkit::raw::{self, Handshake, Raw, Reply};
use ferromesh_testkit::wait::eventually;
use serde_json::{Value, json};

#[path = "tokens/claims.rs"]
mod claims;
#[path = "tokens/forged.rs"]
mod forged;
#[path = "tokens/key_server.rs"]
mod key_server;
#[path = "tokens/places.rs"]
mod places;
#[path = "tokens/remote.rs"]
mod remote;
#[path = "tokens/told.rs"]
mod told;
#[path = "tokens/validity.rs"]
mod validity;

/// The port of the application, and that of its service.
const PORT: u16 = 8080;
const SERVICE: u16 = 80;

/// A server behind its proxy, and a client of the mesh that can send anything. In the clear nobody is heard.
struct World {
    mesh: Mesh,
    server: Workload,
    client: Settings,
    handshake: Handshake,
    round: u64,
    _addresses: Addresses,
}

impl World {
    /// With these objects in force.
    async fn start(objects: &[Value]) -> Self {
        Self::start_with(objects, &[]).await
    }

    /// With these further arguments of the control plane.
    async fn start_with(objects: &[Value], arguments: &[&str]) -> Self {
        let mut addresses = Addresses::take();
        let server = Settings::new("server-1", "shop", &mut addresses)
            .account("server")
            .port(Kind::Http, PORT);
        let client = Settings::new("client", "shop", &mut addresses).account("client");
        let manifests = Manifests::new();
        let world = manifest::pod(&server, &[("app", "server")])
            + &manifest::pod(&client, &[("app", "client")])
            + &manifest::service("shop", "server", &[("http", SERVICE, PORT)])
            + &manifest::endpoint_slice("shop", "server", &[("http", PORT)], [&server]);
        manifests.write("world.yaml", &world);
        manifests.write("strict.json", &strict().to_string());
        let mesh = Mesh::start_with(manifests, arguments).await;
        let server = mesh.workload(server).await;
        let certificate = mesh.certificate("shop", "client").await;
        let mut world = Self {
            mesh,
            server,
            client,
            handshake: Handshake::tls(Some(&certificate), raw::HTTP, "server.shop"),
            round: 0,
            _addresses: addresses,
        };
        world.apply(objects).await;
        world
    }

    /// Puts these objects in force, instead of those before.
    async fn apply(&mut self, objects: &[Value]) {
        self.round += 1;
        // It denies what nobody asks for; its name tells that the proxy has the objects.
        let marker = format!("marker-{}", self.round);
        let rule = json!({"to": [{"operation": {"ports": ["1"]}}]});
        let mut items = objects.to_vec();
        items.push(policy(&marker, "DENY", &rule));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        self.mesh
            .manifests()
            .write("objects.json", &list.to_string());
        let name = format!("policy[{marker}]");
        eventually("the proxy has the objects", async || {
            let dump = self
                .server
                .ask_admin("/config_dump?resource=dynamic_listeners")
                .await;
            if dump.contains(&name) && !dump.contains("warming_state") {
                Ok(())
            } else {
                Err(self.mesh.operator().log())
            }
        })
        .await;
    }

    /// Sends a GET on a connection of its own.
    async fn send(&self, path: &str, headers: &[(&str, &str)]) -> Result<Reply, String> {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!("GET {path} HTTP/1.1\r\nhost: server.shop\r\n{headers}\r\n");
        let exchange = async {
            let mut raw = Raw::open(self.server.inbound(PORT), &self.handshake).await?;
            raw.send(request.as_bytes()).await
        };
        exchange
            .await
            .map_err(|error: std::io::Error| error.to_string())
    }

    /// Sends a GET, which must have this status: 200 comes from the application, and it hears of nothing else.
    async fn get(&self, what: &str, status: u16, path: &str, headers: &[(&str, &str)]) -> Reply {
        let heard = || self.server.echo().counters().requests;
        let before = heard();
        let reply = self.send(path, headers).await;
        let reply = reply.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        let arrived = u64::from(status == 200);
        assert_eq!(
            heard() - before,
            arrived,
            "{what}: heard by the application"
        );
        reply
    }

    /// Sends a GET with a token where it usually is.
    async fn with_token(&self, what: &str, status: u16, token: &str) -> Reply {
        let value = format!("Bearer {token}");
        self.get(what, status, "/", &[("authorization", &value)])
            .await
    }

    /// Waits until a token is accepted, or refused.
    async fn until(&self, what: &str, status: u16, token: &str) {
        let value = format!("Bearer {token}");
        eventually(what, async || {
            let reply = self.send("/", &[("authorization", &value)]).await?;
            if reply.status == status {
                Ok(())
            } else {
                Err(format!("{}: {}", reply.status, self.mesh.operator().log()))
            }
        })
        .await;
    }
}

/// The time as tokens tell it.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

/// What the application received.
fn seen(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("no echo: {}", reply.text()))
}

/// A header that the application received, or null.
fn header(reply: &Reply, name: &str) -> Value {
    seen(reply)["headers"][name].clone()
}

fn strict() -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "shop"},
        "spec": {"mtls": {"mode": "STRICT"}},
    })
}

/// A RequestAuthentication of the server.
fn authentication(rules: &[Value]) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
        "metadata": {"name": "tokens", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "server"}}, "jwtRules": rules},
    })
}

/// An AuthorizationPolicy of the server with one rule.
fn policy(name: &str, action: &str, rule: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "server"}},
            "action": action, "rules": [rule],
        },
    })
}

/// A policy by which only these request principals are heard.
fn only_principals(principals: &[&str]) -> Value {
    let rule = json!({"from": [{"source": {"requestPrincipals": principals}}]});
    policy("only-principals", "ALLOW", &rule)
}
