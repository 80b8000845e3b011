//! A server behind a real Envoy, and clients of every kind in front of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use ferromesh_compiler::acceptance::Acceptance;
use ferromesh_compiler::{Certificates, Compiler, Interception, Proxy, Tables};
use ferromesh_envoy::Message;
use ferromesh_envoy::listener::Listener;
use ferromesh_kube_source::directory;
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_target_envoy::Kind as Resource;
use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, manifest};
use ferromesh_testkit::oracle::{self, Normalization, Peer};
use ferromesh_testkit::raw::{self, Certified, Handshake, Raw};
use ferromesh_testkit::replica::Replica;
use ferromesh_testkit::wait::eventually;
use serde_json::{Value, json};

use crate::requests::Case;

/// The ports of the server.
pub const HTTP: u16 = 8080;
pub const TCP: u16 = 9090;
pub const DETECT: u16 = 7070;

/// Who the clients are.
pub const CLIENTS: [(&str, &str, &str); 4] = [
    ("front", "shop", "front"),
    ("back", "shop", "back"),
    ("alien", "other", "front"),
    ("nobody", "other", "nobody"),
];

/// What a case came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The application answered.
    Allowed,
    /// 403.
    Denied,
    /// 401.
    Challenged,
    /// 400.
    BadRequest,
    /// No connection.
    Reset,
}

pub struct Arena {
    pub mesh: Mesh,
    pub server: Workload,
    handshakes: BTreeMap<(usize, bool), Handshake>,
    certificates: Vec<Certified>,
    round: u64,
    open: BTreeMap<(usize, u16, IpAddr), Raw>,
    _addresses: Addresses,
}

impl Arena {
    /// Starts everything, under these settings of the mesh.
    pub async fn start(configuration: &str) -> Self {
        let mut addresses = Addresses::take();
        let server = Settings::new("server-1", "shop", &mut addresses)
            .account("server")
            .port(Kind::Http, HTTP)
            .port(Kind::Tcp, TCP)
            .port(Kind::Mixed, DETECT);
        let manifests = Manifests::new();
        manifests.write("mesh.yaml", configuration);
        let mut text = manifest::pod(&server, &[("app", "server")]);
        text += &manifest::service(
            "shop",
            "server",
            &[("http", 80, HTTP), ("tcp", 90, TCP), ("any", 70, DETECT)],
        );
        for (name, namespace, account) in CLIENTS {
            let client = Settings::new(name, namespace, &mut addresses).account(account);
            text += &manifest::pod(&client, &[("app", name)]);
        }
        manifests.write("world.yaml", &text);
        let mesh = Mesh::start(manifests).await;
        let server = mesh.workload(server).await;
        let mut certificates = Vec::new();
        for (name, namespace, _) in CLIENTS {
            certificates.push(mesh.certificate(namespace, name).await);
        }
        Self {
            mesh,
            server,
            handshakes: BTreeMap::new(),
            certificates,
            round: 0,
            open: BTreeMap::new(),
            _addresses: addresses,
        }
    }

    /// Puts these policies in force, instead of those before.
    pub async fn apply(&mut self, objects: &[Value]) {
        self.round += 1;
        self.open.clear();
        // It denies what nobody asks for; its name tells that the proxy has the policies.
        let marker = format!("marker-{}", self.round);
        let marker_object = json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": marker, "namespace": "shop"},
            "spec": {"action": "DENY", "rules": [{"to": [{"operation": {"ports": ["1"]}}]}]},
        });
        let list = json!({
            "apiVersion": "v1", "kind": "List",
            "items": objects.iter().cloned().chain([marker_object]).collect::<Vec<_>>(),
        });
        self.mesh
            .manifests()
            .write("policies.json", &list.to_string());
        let name = format!("policy[{marker}]");
        eventually("the proxy has the policies", async || {
            let dump = self
                .server
                .ask_admin("/config_dump?resource=dynamic_listeners")
                .await;
            let listeners = self.listeners();
            let has = dump.matches(&name).count();
            // Each of the three ports has its own listener, with one chain or more.
            if has >= listeners && !dump.contains("warming_state") {
                Ok(())
            } else {
                Err(format!(
                    "{has} of {listeners}: {:?}",
                    self.mesh.operator().log()
                ))
            }
        })
        .await;
    }

    fn listeners(&self) -> usize {
        3
    }

    /// What the mesh configuration means for the referee.
    pub fn referee(&self, normalization: Normalization) -> oracle::Mesh {
        oracle::Mesh {
            trust_domains: vec!["cluster.local".to_owned()],
            normalization,
        }
    }

    /// Who a client is for the referee.
    pub fn peer(client: Option<usize>) -> Option<Peer> {
        let (_, namespace, account) = CLIENTS.get(client?)?;
        Some(Peer {
            trust_domain: "cluster.local".to_owned(),
            namespace: (*namespace).to_owned(),
            account: (*account).to_owned(),
        })
    }

    /// Where a port of the server is.
    pub fn address(&self, port: u16) -> SocketAddr {
        self.server.inbound(port)
    }

    fn handshake(&mut self, client: Option<usize>, is_http: bool) -> Handshake {
        let Some(client) = client else {
            return Handshake::Plaintext;
        };
        let protocols = if is_http { raw::HTTP } else { raw::TCP };
        let certificate = &self.certificates[client];
        self.handshakes
            .entry((client, is_http))
            .or_insert_with(|| Handshake::tls(Some(certificate), protocols, "server.shop"))
            .clone()
    }

    /// What Envoy makes of a case.
    pub async fn envoy(&mut self, case: &Case) -> Outcome {
        let to = self.address(case.port);
        let handshake = self.handshake(case.client, case.http.is_some());
        let key = (
            case.client.map_or(usize::MAX, |it| it),
            case.port,
            case.source,
        );
        let Some(http) = &case.http else {
            let echoed = async {
                let mut raw = Raw::open_from(case.source, to, &handshake).await?;
                raw.echo(b"\0hello\n").await
            };
            return match echoed.await {
                // What comes back may be an alert of TLS.
                Ok(echoed) if echoed == b"\0hello\n" => Outcome::Allowed,
                Ok(_) | Err(_) => Outcome::Reset,
            };
        };
        // A connection that was kept may have been closed in the meantime; a fresh one may not.
        for is_fresh in [false, true] {
            let kept = self.open.remove(&key).filter(|_| !is_fresh);
            let mut raw = match kept {
                Some(raw) => raw,
                None => match Raw::open_from(case.source, to, &handshake).await {
                    Ok(raw) => raw,
                    Err(_) => return Outcome::Reset,
                },
            };
            let Ok(reply) = raw.send(&http.bytes()).await else {
                continue;
            };
            if reply.header("connection") != "close" {
                self.open.insert(key, raw);
            }
            return match reply.status {
                200 => Outcome::Allowed,
                400 => Outcome::BadRequest,
                401 => Outcome::Challenged,
                403 => Outcome::Denied,
                other => panic!("{other}: {} for {case:?}", reply.text()),
            };
        }
        Outcome::Reset
    }

    /// What the probe makes of a case.
    pub fn probe(&self, listeners: &BTreeMap<u16, Listener>, case: &Case) -> Outcome {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let request = case.asked_of_probe(self.address(case.port), now);
        let verdict = ferromesh_probe::ask(&listeners[&case.port], &request);
        match verdict.outcome {
            ferromesh_probe::Outcome::Allowed => Outcome::Allowed,
            ferromesh_probe::Outcome::Denied { status: 400, .. } => Outcome::BadRequest,
            ferromesh_probe::Outcome::Denied { status: 403, .. } => Outcome::Denied,
            ferromesh_probe::Outcome::Challenged { .. } => Outcome::Challenged,
            ferromesh_probe::Outcome::Reset { .. } => Outcome::Reset,
            other => panic!("{other:?} for {case:?}"),
        }
    }

    /// The listeners as they would be for these policies.
    pub fn emitted_for(&self, objects: &[Value]) -> BTreeMap<u16, Listener> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.mesh
            .manifests()
            .write("policies.json", &list.to_string());
        self.emitted()
    }

    /// The server's listeners by port, as they are emitted for the manifests as they are now.
    pub fn emitted(&self) -> BTreeMap<u16, Listener> {
        let objects = directory::load(&[self.mesh.manifests().path()], "default").objects;
        let mut acceptance = Acceptance::new();
        let mut compiler = Compiler::new();
        for unit in ferromesh_dialects::default_units() {
            compiler.replace(acceptance.replace(unit.into()).expect("a unit in force"));
        }
        for located in &objects {
            let unit = ferromesh_dialects::lower(&located.object);
            if let Some(unit) = acceptance.replace(unit.into()) {
                compiler.replace(unit);
            }
        }
        let settings = self.server.settings();
        let proxy = compiler.open(Proxy {
            workload: WorkloadName {
                namespace: Namespace::from(&*settings.namespace),
                name: settings.name.as_str().into(),
            },
            interception: Interception::None(ferromesh_compiler::Bound {
                inbound: settings.address,
                app: settings.app,
                outbound: settings.outbound,
                http_proxy_port: None,
            }),
            tables: Tables::Separate,
            certificates: Certificates::Sds,
        });
        let mut replica = Replica::default();
        replica.apply(compiler.compile());
        let mut listeners = BTreeMap::new();
        for ((kind, name), body) in replica.served(proxy) {
            if kind == Resource::Listener {
                let listener = Listener::decode(&*body).expect("a listener");
                for port in [HTTP, TCP, DETECT] {
                    if name == format!("{}_{port}", settings.address) {
                        listeners.insert(port, listener.clone());
                    }
                }
            }
        }
        assert_eq!(listeners.len(), 3, "each port has a listener");
        listeners
    }
}
