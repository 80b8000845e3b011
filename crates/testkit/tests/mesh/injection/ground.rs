//! A namespace of the mesh, and pods of the echo server in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ferromesh_testkit::client::{Answer, Request};
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation;
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::{network, wait};
use serde_json::{Value, json};

/// The port of the application.
pub const PORT: u16 = 8080;

/// Nobody without a certificate.
pub const STRICT: &str = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
";

/// A namespace in which pods are injected.
pub struct Ground {
    pub room: Room,
    _mesh: installation::Shared,
}

impl Ground {
    /// A new one.
    pub fn new(name: &str) -> Self {
        Self::labelled(name, &["istio-injection=enabled"])
    }

    /// A new one with other labels.
    pub fn labelled(name: &str, labels: &[&str]) -> Self {
        let cluster = Cluster::of_tests();
        let mesh = installation::shared(&cluster);
        let room = Room::new(&cluster, name, labels);
        room.kubectl(&["wait", "--for=create", "serviceaccount/default"]);
        Self { room, _mesh: mesh }
    }

    /// Applies objects.
    pub fn apply(&self, objects: &[Value]) {
        let texts: Vec<_> = objects.iter().map(Value::to_string).collect();
        self.room.apply(&texts.join("\n---\n"));
    }

    /// Applies pods and waits until they are ready.
    pub fn run(&self, pods: &[Value]) {
        self.apply(pods);
        let names = pods.iter().map(|pod| {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            format!("pod/{name}")
        });
        self.ready(&names.collect::<Vec<_>>());
    }

    /// Waits until pods are ready.
    pub fn ready(&self, pods: &[String]) {
        let mut arguments = vec!["wait", "--for=condition=Ready", "--timeout=90s"];
        arguments.extend(pods.iter().map(String::as_str));
        self.room.kubectl(&arguments);
    }

    /// An object as it is.
    pub fn get(&self, object: &str) -> Value {
        let text = self.room.kubectl(&["get", object, "--output=json"]);
        serde_json::from_str(&text).expect("JSON")
    }

    /// Where a pod's application is.
    pub fn address(&self, pod: &str) -> SocketAddr {
        let address = &self.get(&format!("pod/{pod}"))["status"]["podIP"];
        let address = address.as_str().and_then(|text| text.parse().ok());
        SocketAddr::new(address.expect("an address"), PORT)
    }

    /// Sends a request from outside, where nobody has a certificate: the node.
    pub fn outside(&self, request: Request, to: SocketAddr) -> Result<Answer, String> {
        let node = format!("/proc/{}/ns/net", self.room.cluster().leader());
        network::run_in(&PathBuf::from(node), async move || request.send(to).await)
    }

    /// Waits until an object is as it should be.
    pub async fn until(&self, what: &str, object: &str, holds: impl Fn(&Value) -> bool) -> Value {
        wait::within(3 * wait::DEADLINE, what, async || {
            let object = self.get(object);
            if holds(&object) {
                Ok(object)
            } else {
                Err(object["status"].to_string())
            }
        })
        .await
    }

    /// Kills a container of a pod, as the kernel does it.
    pub fn kill(&self, pod: &str, container: &str) {
        let status = status(&self.get(&format!("pod/{pod}")), container);
        let id = status["containerID"].as_str().expect("it runs");
        let id = id.trim_start_matches("containerd://");
        let kill = [
            "--namespace",
            "k8s.io",
            "tasks",
            "kill",
            "--signal",
            "SIGKILL",
            id,
        ];
        check(self.room.cluster().inside("ctr").args(kill));
    }

    /// Asks an application from within its pod, where nobody captures it.
    pub fn within(&self, network: &Path, request: Request, port: u16) -> Result<Answer, String> {
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        network::run_in(network, async move || request.send(to).await)
    }

    /// How many requests an application has had.
    pub fn requests(&self, network: &Path, port: u16) -> u64 {
        let request = Request::get("echo", "/_echo/counters");
        let answer = self.within(network, request, port).expect("an answer");
        answer.json()["requests"].as_u64().expect("a number")
    }
}

/// A pod of the echo server.
pub fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}, "annotations": {}},
        "spec": {
            "terminationGracePeriodSeconds": 20,
            "containers": [container("app", &["--http=0.0.0.0:8080"])],
        },
    })
}

/// A container of the echo server that listens so.
pub fn container(name: &str, arguments: &[&str]) -> Value {
    let mut words = vec!["--instance=$(POD)"];
    words.extend(arguments);
    json!({
        "name": name,
        "image": "ferromesh.test/echo:dev",
        "imagePullPolicy": "Never",
        "args": words,
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    })
}

/// A service that has the name of its app.
pub fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]},
    })
}

/// The status of a container.
pub fn status(pod: &Value, container: &str) -> Value {
    let status = &pod["status"];
    let lists = ["initContainerStatuses", "containerStatuses"];
    let mut all = lists
        .iter()
        .filter_map(|list| status[*list].as_array())
        .flatten();
    all.find(|status| status["name"] == container)
        .cloned()
        .unwrap_or_default()
}

/// How often a container was started again.
pub fn restarts(pod: &Value, container: &str) -> u64 {
    status(pod, container)["restartCount"]
        .as_u64()
        .unwrap_or_default()
}

/// Whether a pod is ready.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Whom the server has recognized, in a line of `ferromesh-ask`.
pub fn caller(answer: &Value) -> &str {
    let seen = &answer["body"]["headers"]["x-forwarded-client-cert"];
    let parts = seen.as_str().unwrap_or_default().split(';');
    parts
        .filter_map(|part| part.strip_prefix("URI="))
        .next()
        .unwrap_or_default()
}
