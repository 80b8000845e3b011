//! The mesh: a client and a service in two versions, each in a pod of its own, and a machine outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::Mesh;
use ferromesh_testkit::network::Namespace;

use crate::pod::Pod;
use crate::rules::Mode;

/// What a world is like.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// How traffic is captured.
    pub mode: Mode,
    /// Which addresses pods and services have.
    pub families: Families,
}

/// Address families.
#[derive(Clone, Copy, Debug)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Dual,
}

/// The version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 4.
    V4,
    /// 6.
    V6,
}

impl Families {
    /// The versions.
    pub fn versions(self) -> &'static [Version] {
        match self {
            Self::V4 => &[Version::V4],
            Self::V6 => &[Version::V6],
            Self::Dual => &[Version::V4, Version::V6],
        }
    }
}

impl Version {
    /// The address of a pod.
    pub fn pod(self, pod: Host) -> IpAddr {
        let host = pod as u8;
        match self {
            Self::V4 => Ipv4Addr::new(10, 77, 0, host).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, host.into()).into(),
        }
    }

    /// The address of a service. No machine has it.
    pub fn service(self, service: Service) -> IpAddr {
        let host = service as u8;
        match self {
            Self::V4 => Ipv4Addr::new(10, 96, 0, host).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x96, 0, 0, 0, 0, 0, host.into()).into(),
        }
    }

    /// An address of the machine outside that the mesh knows nothing of.
    pub fn external(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(198, 51, 100, 7).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).into(),
        }
    }

    /// A network that is nowhere but in the entry `ranged`.
    pub fn range(self) -> &'static str {
        match self {
            Self::V4 => "203.0.113.0/24",
            Self::V6 => "2001:db8:ffff::/64",
        }
    }

    /// An address of that network.
    pub fn ranged(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(203, 0, 113, 77).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 77).into(),
        }
    }

    /// The address from which a redirecting proxy calls its application.
    pub fn redirected(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(127, 0, 0, 6).into(),
            Self::V6 => Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6).into(),
        }
    }
}

/// The machines, with the last part of their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Calls others.
    Client = 1,
    /// Version v1 of the service.
    V1 = 11,
    /// Version v2 of the service.
    V2 = 12,
    /// No part of the mesh.
    Outside = 99,
}

/// The services with a virtual address, with its last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Both versions, every port.
    Web = 10,
    /// Version v1.
    One = 21,
    /// Version v2, on the same ports.
    Two = 22,
    /// The client itself.
    Client = 30,
}

/// The world. Fields are dropped in this order.
pub struct World {
    /// The client.
    pub client: Pod,
    /// Version v1.
    pub v1: Pod,
    /// Version v2.
    pub v2: Pod,
    /// A machine without a proxy. It is everybody's way out of the network.
    pub outside: Pod,
    mesh: Mesh,
    _switch: Namespace,
    /// What it is like.
    pub variant: Variant,
}

impl World {
    /// Builds the world.
    pub async fn open(variant: Variant) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "tests of transparent capture make network namespaces: run them as root"
        );
        let Variant { mode, families } = variant;
        let switch = Namespace::switch();
        let addresses = |host: Host| -> Vec<IpAddr> {
            families
                .versions()
                .iter()
                .map(|version| version.pod(host))
                .collect()
        };
        let pod = |name, host| {
            let namespace = Namespace::new();
            let ways = families
                .versions()
                .iter()
                .map(|v| (v.pod(host), v.pod(Host::Outside)));
            namespace.attach(&switch, &ways.collect::<Vec<_>>());
            let mut own = addresses(host);
            if host == Host::Outside {
                for external in families.versions().iter().map(|version| version.external()) {
                    let network = if external.is_ipv4() { 32 } else { 128 };
                    namespace.address(&format!("{external}/{network}"), "lo");
                    own.push(external);
                }
            }
            Pod::new(name, &own, namespace)
        };
        let mut world = Self {
            client: pod("client", Host::Client),
            v1: pod("v1", Host::V1),
            v2: pod("v2", Host::V2),
            outside: pod("outside", Host::Outside),
            mesh: Mesh::start(manifests(families)).await,
            _switch: switch,
            variant,
        };
        let xds = world.mesh.xds();
        for (pod, host) in [
            (&mut world.client, Host::Client),
            (&mut world.v1, Host::V1),
            (&mut world.v2, Host::V2),
        ] {
            let primary = addresses(host)
                .into_iter()
                .next()
                .expect("a pod has an address");
            pod.join(primary, mode, xds).await;
        }
        world
    }

    /// The versions that are spoken.
    pub fn versions(&self) -> &'static [Version] {
        self.variant.families.versions()
    }

    /// The directory of manifests.
    pub fn manifests(&self) -> &Manifests {
        self.mesh.manifests()
    }

    /// The source that an application sees when this machine calls it.
    pub fn seen_as(&self, version: Version, caller: Host) -> IpAddr {
        match self.variant.mode {
            Mode::Redirect => version.redirected(),
            Mode::Tproxy => version.pod(caller),
        }
    }

    /// The sources that an application may see when this machine calls a service: which family the proxy takes to it is the
    /// proxy's choice.
    pub fn seen_as_any(&self, caller: Host) -> Vec<String> {
        let versions = self.versions().iter();
        versions
            .map(|version| self.seen_as(*version, caller).to_string())
            .collect()
    }

    /// Checks that no proxy has refused anything that it was sent.
    pub fn nothing_was_refused(&self) {
        for pod in [&self.client, &self.v1, &self.v2] {
            for kind in ["cluster_manager.cds", "listener_manager.lds"] {
                assert!(pod.stat(&format!("{kind}.update_success")) > 0, "{kind}");
                let refused = pod.stat(&format!("{kind}.update_rejected"));
                assert_eq!(refused, 0, "{kind}\n{}", self.mesh.operator().log());
            }
        }
    }

    /// What the proxies know and have done, for the message of a failed test.
    pub fn report(&self) -> String {
        let mut report = String::new();
        for pod in [&self.client, &self.v1, &self.v2] {
            report += &pod.access_log().join("\n");
            report += "\n";
            report += &pod.ask_admin("/listeners");
        }
        report
    }
}

impl Service {
    /// One of its sockets.
    pub fn at(self, version: Version, port: u16) -> SocketAddr {
        SocketAddr::new(version.service(self), port)
    }
}

impl Host {
    /// One of its sockets.
    pub fn at(self, version: Version, port: u16) -> SocketAddr {
        SocketAddr::new(version.pod(self), port)
    }
}

/// The ports of a service: name, port, target port.
type Ports = &'static [(&'static str, u16, u16)];

const WEB: Ports = &[
    ("http", 80, 8080),
    ("grpc", 8090, 8090),
    ("tcp-echo", 9000, 9000),
    ("tcp-banner", 9001, 9001),
    ("tcp-requests", 9002, 9002),
    ("mixed", 9100, 9100),
    ("silent", 9101, 9101),
];
const ONE: Ports = &[("http", 80, 8080), ("tcp-banner", 9001, 9001)];
const HEADLESS: Ports = &[("http", 8080, 8080), ("tcp-banner", 9001, 9001)];
const CLIENT: Ports = &[("http", 80, 8080), ("tcp-banner", 9001, 9001)];

/// The configuration of the mesh. By default, as in Istio, detection waits for ever for a client that waits for its server.
pub const MESH: &str = "accessLogFile: /dev/stdout\nprotocolDetectionTimeout: 100ms\n";

const RULES: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{headers: {user-type: {exact: premium}}}]
    name: premium
    route: [{destination: {host: web, subset: v2}}]
  - name: split
    route:
    - {destination: {host: web, subset: v1}, weight: 90}
    - {destination: {host: web, subset: v2}, weight: 10}
";

fn manifests(families: Families) -> Manifests {
    let files = Manifests::new();
    let pods = [
        pod(families, "client", Host::Client, "app: client"),
        pod(families, "v1", Host::V1, "app: web, version: v1"),
        pod(families, "v2", Host::V2, "app: web, version: v2"),
    ];
    files.write("pods.yaml", &pods.concat());
    let both: &[_] = &[("v1", Host::V1), ("v2", Host::V2)];
    let addresses = |service: Service| -> Vec<String> {
        families
            .versions()
            .iter()
            .map(|v| v.service(service).to_string())
            .collect()
    };
    let none = || vec!["None".to_owned()];
    let services = [
        service(
            families,
            "web",
            addresses(Service::Web),
            "app: web",
            WEB,
            both,
        ),
        service(
            families,
            "one",
            addresses(Service::One),
            "version: v1",
            ONE,
            &both[..1],
        ),
        service(
            families,
            "two",
            addresses(Service::Two),
            "version: v2",
            ONE,
            &both[1..],
        ),
        service(families, "headless", none(), "app: web", HEADLESS, both),
        service(
            families,
            "client",
            addresses(Service::Client),
            "app: client",
            CLIENT,
            &[("client", Host::Client)],
        ),
    ];
    files.write("services.yaml", &services.concat());
    files.write("rules.yaml", RULES);
    files.write(
        "ranged.yaml",
        &entry(families, "ranged", "tcp", 9001, &ranges(families)),
    );
    files.write("mesh.yaml", MESH);
    files
}

fn ranges(families: Families) -> Vec<&'static str> {
    families
        .versions()
        .iter()
        .map(|version| version.range())
        .collect()
}

/// A ServiceEntry whose instance is the machine outside.
pub fn entry(
    families: Families,
    name: &str,
    protocol: &str,
    port: u16,
    addresses: &[&str],
) -> String {
    let all: Vec<_> = addresses
        .iter()
        .map(|address| format!("\"{address}\""))
        .collect();
    let versions = families.versions().iter();
    let endpoints: Vec<_> = versions
        .map(|version| format!("{{address: \"{}\"}}", version.pod(Host::Outside)))
        .collect();
    format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{hosts: [{name}.example.com], addresses: [{}], location: MESH_EXTERNAL, resolution: STATIC, \
         ports: [{{name: {protocol}, number: {port}, protocol: {}}}], endpoints: [{}]}}\n---\n",
        all.join(", "),
        protocol.to_uppercase(),
        endpoints.join(", "),
    )
}

fn pod(families: Families, name: &str, host: Host, labels: &str) -> String {
    let addresses: Vec<_> = families
        .versions()
        .iter()
        .map(|v| v.pod(host).to_string())
        .collect();
    let all: Vec<_> = addresses
        .iter()
        .map(|address| format!("{{ip: \"{address}\"}}"))
        .collect();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{{labels}}}}}\n\
         spec: {{serviceAccountName: default, containers: []}}\n\
         status: {{phase: Running, podIP: \"{}\", podIPs: [{}], conditions: [{{type: Ready, status: \"True\"}}]}}\n---\n",
        addresses[0],
        all.join(", "),
    )
}

fn service(
    families: Families,
    name: &str,
    addresses: Vec<String>,
    selector: &str,
    ports: Ports,
    pods: &[(&str, Host)],
) -> String {
    let all: Vec<_> = addresses
        .iter()
        .map(|address| format!("\"{address}\""))
        .collect();
    let declared: Vec<_> = ports
        .iter()
        .map(|(name, port, target)| format!("{{name: {name}, port: {port}, targetPort: {target}}}"))
        .collect();
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{clusterIP: {}, clusterIPs: [{}], selector: {{{selector}}}, ports: [{}]}}\n---\n",
        all[0],
        all.join(", "),
        declared.join(", "),
    );
    let targets: Vec<_> = ports
        .iter()
        .map(|(name, _, target)| format!("{{name: {name}, port: {target}}}"))
        .collect();
    for version in families.versions() {
        let endpoints: Vec<_> = pods
            .iter()
            .map(|(pod, host)| {
                format!(
                    "{{addresses: [\"{}\"], conditions: {{ready: true, serving: true, terminating: false}}, \
                     targetRef: {{kind: Pod, name: {pod}, namespace: shop}}}}",
                    version.pod(*host)
                )
            })
            .collect();
        let family = match version {
            Version::V4 => "IPv4",
            Version::V6 => "IPv6",
        };
        text += &format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: {name}-{}, namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}\n\
             addressType: {family}\nports: [{}]\nendpoints: [{}]\n---\n",
            family.to_lowercase(),
            targets.join(", "),
            endpoints.join(", "),
        );
    }
    text
}
