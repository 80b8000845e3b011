//! The manifests.

use ferromesh_testkit::manifests::Manifests;

use crate::addresses::{Families, Host, Service, Version};

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

/// The label of pods that speak the mesh's TLS.
const MESHED: &str = "security.istio.io/tlsMode: istio";

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

pub fn manifests(families: Families) -> Manifests {
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
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{{MESHED}, {labels}}}}}\n\
         spec: {{serviceAccountName: {name}, containers: []}}\n\
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
