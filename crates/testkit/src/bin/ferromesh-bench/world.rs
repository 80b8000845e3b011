//! The directory of a world of a given size, with a few objects that the events change.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Namespaces of the world.
const NAMESPACES: usize = 50;
/// Endpoints of every service.
const ENDPOINTS: usize = 10;

/// The directory of a world.
pub struct World {
    directory: PathBuf,
    services: usize,
}

impl World {
    /// Writes a world of `services` services, and the pods of `proxies` proxies in two
    /// namespaces: `mesh` sees everything, `island` only itself.
    pub fn write(directory: &Path, services: usize, proxies: usize) -> io::Result<Self> {
        let world = Self {
            directory: directory.to_owned(),
            services,
        };
        for namespace in 0..NAMESPACES {
            let mut text = String::new();
            for service in (namespace..services).step_by(NAMESPACES) {
                text.push_str(&service_text(service));
                text.push_str(&slice_text(service, 0));
            }
            if !text.is_empty() {
                fs::write(directory.join(format!("ns-{namespace}.yaml")), text)?;
            }
        }
        let mut pods = String::new();
        for proxy in 0..proxies {
            for namespace in ["mesh", "island"] {
                pods.push_str(&pod_text(namespace, proxy));
            }
        }
        fs::write(directory.join("pods.yaml"), pods)?;
        fs::write(directory.join("island.yaml"), ISLAND)?;
        world.flap(0)?;
        world.weight(0)?;
        Ok(world)
    }

    /// Gives the service that flaps another last endpoint.
    pub fn flap(&self, turn: usize) -> io::Result<()> {
        let text = format!(
            "{}{}",
            service_text(self.services),
            slice_text(self.services, turn)
        );
        self.replace("flap.yaml", &text)
    }

    /// Gives the route that is edited another weight.
    pub fn weight(&self, turn: usize) -> io::Result<()> {
        self.replace("weight.yaml", &weight_text(turn))
    }

    /// Adds a service, or takes the last one away that was added.
    pub fn add(&self, turn: usize) -> io::Result<()> {
        let number = self.services + 1 + turn;
        let text = format!("{}{}", service_text(number), slice_text(number, 0));
        self.replace(&format!("added-{turn}.yaml"), &text)
    }

    /// One change, as editors and configuration tools make it.
    fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        let next = self.directory.join(format!(".{name}.next"));
        fs::write(&next, text)?;
        fs::rename(&next, self.directory.join(name))
    }

    /// The cluster whose endpoints flap.
    pub fn flapping_cluster(&self) -> String {
        format!("outbound|80||{}", host(self.services))
    }

    /// The virtual host whose weights are edited.
    pub fn edited_virtual_host(&self) -> String {
        format!("80/{}:80", host(0))
    }

    /// The cluster of the service that [`Self::add`] added.
    pub fn added_cluster(&self, turn: usize) -> String {
        format!("outbound|80||{}", host(self.services + 1 + turn))
    }
}

const ISLAND: &str = "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: island}
spec: {egress: [{hosts: [\"./*\"]}]}
";

fn namespace(service: usize) -> String {
    format!("ns-{}", service % NAMESPACES)
}

fn host(service: usize) -> String {
    format!("svc-{service}.{}.svc.cluster.local", namespace(service))
}

/// The VirtualService whose weights are edited.
pub fn weight_text(turn: usize) -> String {
    let weight = 10 + turn % 80;
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: edited, namespace: {namespace}}}
spec:
  hosts: [svc-0]
  http:
  - route:
    - {{destination: {{host: svc-0}}, weight: {weight}}}
    - {{destination: {{host: {other}}}, weight: {rest}}}
",
        namespace = namespace(0),
        other = host(1),
        rest = 100 - weight
    )
}

/// The Service as one JSON-like flow mapping, which is also what the events parse.
pub fn service_text(service: usize) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: svc-{service}, namespace: {namespace}}}
spec: {{clusterIP: 10.{a}.{b}.{c}, selector: {{app: svc-{service}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
",
        namespace = namespace(service),
        a = 96 + service / 65536,
        b = service / 256 % 256,
        c = service % 256,
    )
}

/// The EndpointSlice of a service; `turn` decides the address of its last endpoint.
pub fn slice_text(service: usize, turn: usize) -> String {
    let mut endpoints = String::new();
    for number in 0..ENDPOINTS {
        let last = if number + 1 == ENDPOINTS {
            100 + turn % 100
        } else {
            number
        };
        let _ = writeln!(
            endpoints,
            "- {{addresses: [172.{a}.{b}.{last}], conditions: {{ready: true}}}}",
            a = 16 + service / 256 % 16,
            b = service % 256,
        );
    }
    format!(
        "---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: svc-{service}-1, namespace: {namespace}, labels: {{kubernetes.io/service-name: svc-{service}}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints:
{endpoints}",
        namespace = namespace(service),
    )
}

fn pod_text(namespace: &str, number: usize) -> String {
    let address = address(namespace, number);
    format!(
        "---
apiVersion: v1
kind: Pod
metadata: {{name: proxy-{number}, namespace: {namespace}, labels: {{app: proxy}}}}
spec: {{containers: [{{name: app}}]}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}
"
    )
}

/// The address of a proxy's pod.
pub fn address(namespace: &str, number: usize) -> String {
    let second = if namespace == "mesh" { 1 } else { 2 };
    format!("10.{second}.{}.{}", number / 250, 1 + number % 250)
}
