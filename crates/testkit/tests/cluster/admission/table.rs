//! Who gets a proxy: every combination of labels, as the API server has it and as the injector's table says.

use ferromesh_injector::{Decision, NamespaceFacts, Settings, decide};
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::check;
use kube::Client;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::api::{client, is_injected, tried};

const VALUES: [Option<&str>; 5] = [None, Some(""), Some("true"), Some("false"), Some("yes")];
const REVISIONS: [Option<&str>; 4] = [None, Some("default"), Some("canary"), Some("")];

#[tokio::test]
async fn every_combination_of_labels_is_as_in_the_table() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let client = client(&cluster).await;
    let mut namespaces = JoinSet::new();
    for injection in [None, Some("enabled"), Some("disabled"), Some("")] {
        for revision in REVISIONS {
            let of_namespace = pairs(&[("istio-injection", injection), ("istio.io/rev", revision)]);
            let name = format!("table-{}-{}", std::process::id(), namespaces.len());
            let namespace = Namespace::new(&cluster, &name, of_namespace);
            namespaces.spawn(compare(client.clone(), namespace));
        }
    }
    let mut injected = 0;
    let mut all = 0;
    while let Some(compared) = namespaces.join_next().await {
        let (with, tried) =
            compared.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        injected += with;
        all += tried;
    }
    assert_eq!(all, 16 * pods().len());
    assert_eq!(all, 16 * 200);
    assert!(injected > 100, "{injected}");
}

#[tokio::test]
async fn kubernetes_own_namespaces_and_ours_are_left_alone() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let client = client(&cluster).await;
    let pod = pod(&[("sidecar.istio.io/inject", Some("true"))], &[], false);
    for (namespace, expected) in [
        ("kube-system", false),
        (NAMESPACE, false),
        ("default", true),
    ] {
        let found = tried(&client, namespace, &pod).await.expect("a pod");
        assert_eq!(is_injected(&found), expected, "{namespace}");
    }
}

/// How many pods of a namespace have a proxy, and how many were tried.
async fn compare(client: Client, namespace: Namespace) -> (usize, usize) {
    let facts = NamespaceFacts {
        name: namespace.name.clone(),
        labels: serde_json::from_value(Value::Object(namespace.labels.clone())).expect("labels"),
    };
    let mut injected = 0;
    for pod in pods() {
        let decision = decide(&pod, &Settings::default(), &facts).expect("a pod");
        let found = tried(&client, &namespace.name, &pod).await;
        let found = found.unwrap_or_else(|error| panic!("{facts:?}: {pod}: {error}"));
        let is_injected = is_injected(&found);
        assert_eq!(
            is_injected,
            decision == Decision::Inject,
            "{facts:?}: {pod}: {decision:?}"
        );
        injected += usize::from(is_injected);
    }
    (injected, pods().len())
}

fn pods() -> Vec<Value> {
    let mut pods = Vec::new();
    for label in VALUES {
        for annotation in VALUES {
            for revision in REVISIONS {
                for host_network in [false, true] {
                    let labels = [
                        ("sidecar.istio.io/inject", label),
                        ("istio.io/rev", revision),
                    ];
                    let annotations = [("sidecar.istio.io/inject", annotation)];
                    pods.push(pod(&labels, &annotations, host_network));
                }
            }
        }
    }
    pods
}

type Pairs<'a> = [(&'a str, Option<&'a str>)];

fn pod(labels: &Pairs<'_>, annotations: &Pairs<'_>, host_network: bool) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": "table-", "labels": pairs(labels), "annotations": pairs(annotations),
        },
        "spec": {
            "hostNetwork": host_network,
            "containers": [{"name": "app", "image": "ferromesh.test/echo:dev"}],
        },
    })
}

fn pairs(pairs: &Pairs<'_>) -> Map<String, Value> {
    let said = pairs
        .iter()
        .filter_map(|(name, value)| Some(((*name).to_owned(), json!((*value)?))));
    said.collect()
}

/// A namespace that has had its labels from the beginning.
struct Namespace {
    cluster: Cluster,
    name: String,
    labels: Map<String, Value>,
}

impl Namespace {
    fn new(cluster: &Cluster, name: &str, labels: Map<String, Value>) -> Self {
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
        });
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("namespace.json");
        std::fs::write(&file, object.to_string()).expect("a file");
        check(cluster.kubectl().arg("create").arg("-f").arg(&file));
        let account = [
            "wait",
            "--for=create",
            "serviceaccount/default",
            "--namespace",
            name,
        ];
        check(cluster.kubectl().args(account));
        Self {
            cluster: cluster.clone(),
            name: name.to_owned(),
            labels,
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        let delete = ["delete", "namespace", &self.name, "--wait=false"];
        let _ = self.cluster.kubectl().args(delete).output();
    }
}
