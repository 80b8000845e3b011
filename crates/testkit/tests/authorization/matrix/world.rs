//! What is asked about: workloads, clients, and one set of policies.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, manifest};
use ferromesh_testkit::raw::Certified;
use ferromesh_testkit::tokens::Issuer;

use crate::arena::CLIENTS;

/// Ports of services: what is spoken, the number, and that of the workload.
type Ports = &'static [(Kind, u16, u16)];

/// The workloads, each behind a service of its name.
const SERVERS: [(&str, &str, Ports); 5] = [
    (
        "server",
        "shop",
        &[
            (Kind::Http, 80, 8080),
            (Kind::Http, 8081, 8081),
            (Kind::Http, 8082, 8082),
            (Kind::Http, 8083, 8083),
            (Kind::Http, 8084, 8084),
            (Kind::Http, 8085, 8085),
            (Kind::Http, 8086, 8086),
            (Kind::Tcp, 9091, 9091),
            (Kind::Tcp, 9092, 9092),
            (Kind::Tcp, 9093, 9093),
            (Kind::Tcp, 9094, 9094),
            (Kind::Tcp, 9095, 9095),
            (Kind::Mixed, 7070, 7070),
        ],
    ),
    (
        "safe",
        "vault",
        &[
            (Kind::Http, 8080, 8080),
            (Kind::Http, 8081, 8081),
            (Kind::Http, 8082, 8082),
            (Kind::Tcp, 9090, 9090),
        ],
    ),
    ("lobby", "vault", &[(Kind::Http, 8080, 8080)]),
    (
        "shut",
        "closed",
        &[
            (Kind::Http, 8080, 8080),
            (Kind::Http, 8081, 8081),
            (Kind::Tcp, 9096, 9096),
        ],
    ),
    (
        "tomb",
        "sealed",
        &[(Kind::Http, 8080, 8080), (Kind::Tcp, 9097, 9097)],
    ),
];

/// Another service of `safe`, whose clients are told to speak in the clear.
const NAIVE: (&str, Ports) = ("naive", &[(Kind::Http, 8080, 8080)]);

/// A workload without a proxy.
const OLD: (&str, &str) = ("old", "shop");

/// Where clients of the mesh speak in the clear: DISABLE for the port, and DISABLE in a DestinationRule.
const PLAIN: [&str; 2] = ["safe.vault:8081", "naive.vault:8080"];

/// Who speaks, and how.
pub(super) enum Speaker<'a> {
    /// In the clear.
    Plaintext,
    /// With this certificate.
    Mesh(&'a Certified),
}

pub(super) struct World {
    // Dropped before the control plane.
    servers: Vec<(Workload, Ports)>,
    clients: BTreeMap<String, (Certified, IpAddr)>,
    old: IpAddr,
    mesh: Mesh,
    _addresses: Addresses,
}

impl World {
    /// Starts everything; tokens of this issuer are accepted.
    pub(super) async fn start(issuer: &Issuer) -> Self {
        let mut addresses = Addresses::take();
        let manifests = Manifests::new();
        let policies = include_str!("policies.yaml").replace("KEYS", &issuer.key_set());
        manifests.write("policies.yaml", &policies);
        let servers = servers(&mut addresses);
        let clients = CLIENTS.map(|(name, namespace, account)| {
            Settings::new(name, namespace, &mut addresses).account(account)
        });
        let old = Settings::new(OLD.0, OLD.1, &mut addresses).alone();
        let text: String = servers
            .iter()
            .map(|(settings, ports)| served(settings, ports))
            .chain(clients.iter().chain([&old]).map(pod))
            .collect();
        let (naive, ports) = NAIVE;
        let (safe, _) = servers
            .iter()
            .find(|(settings, _)| settings.name == "safe")
            .expect("safe");
        let naive = service(naive, ports, safe).replace("app: naive", "app: safe");
        manifests.write("world.yaml", &(text + &naive));
        let mesh = Mesh::start(manifests).await;
        let mut world = Self {
            servers: Vec::new(),
            clients: BTreeMap::new(),
            old: old.address,
            mesh,
            _addresses: addresses,
        };
        for (settings, ports) in servers {
            world
                .servers
                .push((world.mesh.workload(settings).await, ports));
        }
        for client in clients {
            let (name, namespace) = (&client.name, &client.namespace);
            let certificate = world.mesh.certificate(namespace, name).await;
            world
                .clients
                .insert(format!("{name}.{namespace}"), (certificate, client.address));
        }
        world
    }

    /// The manifests.
    pub(super) fn manifests(&self) -> &Path {
        self.mesh.manifests().path()
    }

    /// Where a port of a service is, given as HOST:PORT.
    pub(super) fn address(&self, to: &str) -> SocketAddr {
        let (host, port) = split(to);
        let host = match host {
            "naive.vault" => "safe.vault",
            host => host,
        };
        self.servers
            .iter()
            .find(|(workload, _)| {
                let settings = workload.settings();
                format!("{}.{}", settings.name, settings.namespace) == host
            })
            .and_then(|(workload, ports)| {
                let (_, _, target) = ports.iter().find(|(_, number, _)| *number == port)?;
                Some(workload.inbound(*target))
            })
            .unwrap_or_else(|| panic!("nobody is {to}"))
    }

    /// How somebody speaks to somebody, and from where.
    pub(super) fn speaker(&self, from: &str, to: &str) -> (Speaker<'_>, IpAddr) {
        let everybody = [127, 0, 0, 1].into();
        let name = match from {
            "none" => return (Speaker::Plaintext, everybody),
            "old.shop" => return (Speaker::Plaintext, self.old),
            "spiffe://cluster.local/ns/shop/sa/front" => "front.shop",
            name => name,
        };
        let (certificate, address) = &self.clients[name];
        let speaker = if PLAIN.contains(&to) {
            Speaker::Plaintext
        } else {
            Speaker::Mesh(certificate)
        };
        (speaker, *address)
    }
}

/// HOST:PORT, the host without what all hosts have.
pub(super) fn split(to: &str) -> (&str, u16) {
    let (host, port) = to.rsplit_once(':').expect("HOST:PORT");
    let host = host.strip_suffix(".svc.cluster.local").unwrap_or(host);
    (host, port.parse().expect("a port"))
}

fn servers(addresses: &mut Addresses) -> Vec<(Settings, Ports)> {
    SERVERS
        .iter()
        .map(|(name, namespace, ports)| {
            let settings = Settings::new(name, namespace, addresses);
            let settings = ports.iter().fold(settings, |settings, (kind, _, target)| {
                settings.port(*kind, *target)
            });
            (settings, *ports)
        })
        .collect()
}

fn pod(settings: &Settings) -> String {
    manifest::pod(settings, &[("app", &settings.name)])
}

fn served(settings: &Settings, ports: Ports) -> String {
    pod(settings) + &service(&settings.name, ports, settings)
}

/// A service of this name, and its only instance.
fn service(name: &str, ports: Ports, settings: &Settings) -> String {
    let names: Vec<String> = ports.iter().map(port_name).collect();
    let named = || names.iter().map(String::as_str).zip(ports);
    let numbers: Vec<_> = named()
        .map(|(name, (_, number, target))| (name, *number, *target))
        .collect();
    let targets: Vec<_> = named()
        .map(|(name, (_, _, target))| (name, *target))
        .collect();
    let namespace = &settings.namespace;
    manifest::service(namespace, name, &numbers)
        + &manifest::endpoint_slice(namespace, name, &targets, [settings])
}

fn port_name((kind, _, target): &(Kind, u16, u16)) -> String {
    match kind {
        Kind::Http => format!("http-{target}"),
        Kind::Tcp => format!("tcp-{target}"),
        // Nothing is said of the protocol.
        Kind::Mixed | Kind::Banner => format!("any-{target}"),
    }
}
