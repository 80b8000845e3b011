//! A server behind a real Envoy, and clients of every kind in front of it.

#[path = "arena/emitted.rs"]
mod emitted;
#[path = "arena/envoy.rs"]
mod envoy;
#[path = "arena/referee.rs"]
mod referee;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::authority::{Authority, Issued};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, manifest};
use ferromesh_testkit::oracle::Normalization;
use ferromesh_testkit::raw::{Certified, Handshake};
use ferromesh_testkit::wait::eventually;
use serde_json::{Value, json};

use crate::requests::Client;
use envoy::Connections;

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

/// The identities of those whom another authority certifies: trust domain, namespace and account. The first trust domain
/// is an alias of ours.
pub const FRIENDS: [(&str, &str, &str); 2] = [
    ("td.example", "shop", "front"),
    ("far.example", "shop", "front"),
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
    normalization: Normalization,
    /// The trust domain of the mesh and its aliases.
    trust_domains: Vec<String>,
    handshakes: BTreeMap<(Client, &'static [&'static str]), Handshake>,
    certificates: Vec<Certified>,
    friends: Vec<Issued>,
    round: u64,
    open: Connections,
    _addresses: Addresses,
}

impl Arena {
    /// A mesh of one trust domain, with this normalisation of paths.
    pub async fn start(normalization: Normalization) -> Self {
        let names = vec!["cluster.local".to_owned()];
        Self::of(normalization, names, "").await
    }

    /// A mesh whose trust domain has an alias, and that knows the authority of another one beside.
    pub async fn federated(normalization: Normalization) -> Self {
        let [(alias, ..), (other, ..)] = FRIENDS;
        let authority = Authority::new("of the friends");
        let pem: String = authority
            .pem()
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect();
        let more = format!(
            "trustDomainAliases: [{alias}]\ncaCertificates:\n\
             - trustDomains: [{alias}, {other}]\n  pem: |\n{pem}"
        );
        let names = vec!["cluster.local".to_owned(), alias.to_owned()];
        let mut arena = Self::of(normalization, names, &more).await;
        for (trust_domain, namespace, account) in FRIENDS {
            let id = format!("spiffe://{trust_domain}/ns/{namespace}/sa/{account}");
            arena.friends.push(authority.issue(&[&id]));
        }
        arena
    }

    /// Starts everything, with these further settings of the mesh.
    async fn of(normalization: Normalization, trust_domains: Vec<String>, more: &str) -> Self {
        let mut addresses = Addresses::take();
        let server = Settings::new("server-1", "shop", &mut addresses)
            .account("server")
            .port(Kind::Http, HTTP)
            .port(Kind::Tcp, TCP)
            .port(Kind::Mixed, DETECT);
        let manifests = Manifests::new();
        let name = name(normalization);
        manifests.write(
            "mesh.yaml",
            &format!(
                "outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\n\
                 pathNormalization: {{normalization: {name}}}\n{more}"
            ),
        );
        manifests.write("world.yaml", &world(&server, &mut addresses));
        let mesh = Mesh::start(manifests).await;
        let server = mesh.workload(server).await;
        let mut certificates = Vec::new();
        for (name, namespace, _) in CLIENTS {
            certificates.push(mesh.certificate(namespace, name).await);
        }
        Self {
            mesh,
            server,
            normalization,
            trust_domains,
            handshakes: BTreeMap::new(),
            certificates,
            friends: Vec::new(),
            round: 0,
            open: Connections::new(),
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
            let has = dump.matches(&name).count();
            // Each of the three ports has its own listener, with one chain or more.
            if has >= 3 && !dump.contains("warming_state") {
                Ok(())
            } else {
                Err(format!("{has} of 3: {:?}", self.mesh.operator().log()))
            }
        })
        .await;
    }

    /// Where a port of the server is.
    pub fn address(&self, port: u16) -> SocketAddr {
        self.server.inbound(port)
    }
}

/// How the mesh configuration calls it.
pub fn name(normalization: Normalization) -> &'static str {
    match normalization {
        Normalization::None => "NONE",
        Normalization::Base => "BASE",
        Normalization::MergeSlashes => "MERGE_SLASHES",
        Normalization::DecodeAndMergeSlashes => "DECODE_AND_MERGE_SLASHES",
    }
}

/// The server, its service, and the pods of the clients.
fn world(server: &Settings, addresses: &mut Addresses) -> String {
    let mut text = manifest::pod(server, &[("app", "server")]);
    text += &manifest::service(
        "shop",
        "server",
        &[("http", 80, HTTP), ("tcp", 90, TCP), ("any", 70, DETECT)],
    );
    for (name, namespace, account) in CLIENTS {
        let client = Settings::new(name, namespace, addresses).account(account);
        text += &manifest::pod(&client, &[("app", name)]);
    }
    text
}
