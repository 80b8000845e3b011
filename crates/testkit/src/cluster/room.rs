//! A namespace of a test's own.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::Cluster;

/// A namespace in a cluster. Dropping it deletes it; when a test fails, what went on in there is printed first.
#[derive(Debug)]
pub struct Room {
    cluster: Cluster,
    name: String,
}

impl Room {
    /// A new namespace, with these labels. Its name begins with the given one.
    ///
    /// # Panics
    /// When the API server doesn't let us.
    pub fn new(cluster: &Cluster, name: &str, labels: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{number}", std::process::id());
        Self::named(cluster, &name, labels)
    }

    /// A new namespace with just this name, which one test at a time can have.
    ///
    /// # Panics
    /// When the API server doesn't let us.
    pub fn named(cluster: &Cluster, name: &str, labels: &[&str]) -> Self {
        let room = Self {
            cluster: cluster.clone(),
            name: name.to_owned(),
        };
        check(cluster.kubectl().args(["create", "namespace", &room.name]));
        if !labels.is_empty() {
            let mut label = cluster.kubectl();
            check(label.args(["label", "namespace", &room.name]).args(labels));
        }
        room
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Runs `kubectl` in here, and returns what it says.
    ///
    /// # Panics
    /// When it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        check(self.command().args(arguments))
    }

    /// A command that runs `kubectl` in here, for whoever expects it to fail.
    pub fn command(&self) -> Command {
        let mut command = self.cluster.kubectl();
        command.args(["--namespace", &self.name]);
        command
    }

    /// Applies objects, given as YAML.
    ///
    /// # Panics
    /// When they are refused.
    pub fn apply(&self, objects: &str) {
        let (accepted, said) = self.try_apply(objects);
        assert!(accepted, "the objects are refused: {said}\n{objects}");
    }

    /// Applies objects, and says whether they were accepted, and what kubectl says.
    ///
    /// # Panics
    /// When kubectl can't be run.
    pub fn try_apply(&self, objects: &str) -> (bool, String) {
        let mut command = self.command();
        command
            .args(["apply", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("kubectl is there");
        let mut input = child.stdin.take().expect("stdin is piped");
        // If it doesn't read, it says why.
        let _ = input.write_all(objects.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("kubectl can be waited for");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// Waits until a workload, such as `deployment/echo`, runs as it is written.
    ///
    /// # Panics
    /// When it doesn't within a minute.
    pub fn ready(&self, workload: &str) {
        self.kubectl(&["rollout", "status", workload, "--timeout=60s"]);
    }

    /// Runs `ferromesh-ask` in a pod or workload of the echo image: a line for each request.
    ///
    /// # Panics
    /// When it can't be run. A request without an answer is a line with an `error`.
    pub fn ask(&self, from: &str, arguments: &[&str]) -> Vec<Value> {
        let exec = ["exec", from, "--", "/usr/local/bin/ferromesh-ask"];
        self.kubectl(&[&exec, arguments].concat())
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// The network namespace of a pod, for [`network::run_in`](crate::network::run_in): what a test sends from there is
    /// captured as what the pod's applications send. Names aren't looked up as in the pod.
    ///
    /// # Panics
    /// When there is no such pod.
    pub fn network(&self, pod: &str) -> PathBuf {
        let filter = format!(
            r#"labels."io.kubernetes.pod.namespace"=={},labels."io.kubernetes.pod.name"=={pod},labels."io.cri-containerd.kind"==sandbox"#,
            self.name
        );
        let containers = ["--namespace", "k8s.io", "containers"];
        let ctr =
            |arguments: &[&str]| check(self.cluster.inside("ctr").args(containers).args(arguments));
        let found = ctr(&["list", "--quiet", &filter]);
        let sandbox = found.lines().last().expect("the pod has a sandbox");
        let information: Value =
            serde_json::from_str(&ctr(&["info", sandbox])).expect("what ctr says is JSON");
        let namespaces = information["Spec"]["linux"]["namespaces"].as_array();
        let network = namespaces
            .into_iter()
            .flatten()
            .find(|namespace| namespace["type"] == "network")
            .and_then(|namespace| namespace["path"].as_str())
            .expect("the sandbox has a network");
        // As seen from outside of the cluster, where the link from /var/run would lead to the host's /run.
        let network = network.strip_prefix("/var").unwrap_or(network);
        PathBuf::from(format!("/proc/{}/root{network}", self.cluster.leader()))
    }

    fn describe(&self) {
        for arguments in [
            &["get", "all", "--output", "wide"][..],
            &["get", "events", "--sort-by=.lastTimestamp"],
        ] {
            if let Ok(output) = self.command().args(arguments).output() {
                eprintln!("{}", String::from_utf8_lossy(&output.stdout));
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.describe();
        }
        // Nothing can be done about a failure here.
        let _ = self
            .cluster
            .kubectl()
            .args(["delete", "namespace", &self.name, "--wait=false"])
            .output();
    }
}

/// Runs a command to its end and returns what it says.
///
/// # Panics
/// When it fails, with what it says.
pub fn check(command: &mut Command) -> String {
    super::host::run(command).unwrap_or_else(|error| panic!("{error}"))
}
