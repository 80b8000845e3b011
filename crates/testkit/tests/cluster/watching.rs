//! A real API server as a source: what there is comes, what changes follows, an API server that ends and comes back
//! costs nothing, and the rights that are asked for are all that is needed.

use std::collections::BTreeMap;
use std::time::Duration;

use ferromesh_kube_source::batch::{Batch, Coverage, SourceFault};
use ferromesh_kube_source::cluster::{Pace, Settings, Watch};
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::own::Own;
use ferromesh_testkit::cluster::program::Program;
use ferromesh_testkit::cluster::room::Room;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds");

/// A watch, and what it has told so far.
struct Watched {
    watch: Watch,
    /// By `Kind namespace/name`.
    told: BTreeMap<String, Value>,
    faults: Vec<SourceFault>,
}

impl Watched {
    async fn open(cluster: &Cluster, as_user: Option<&str>) -> Self {
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).expect("a kubeconfig");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.expect("a configuration");
        config.auth_info.impersonate = as_user.map(str::to_owned);
        config.default_retry = false;
        let watch = Watch::open(Settings {
            client: Client::try_from(config).expect("a client"),
            root_namespace: "root".to_owned(),
            mesh_config_map: "ferromesh".to_owned(),
            pace: Pace {
                first: Duration::from_millis(20),
                most: Duration::from_millis(200),
            },
        });
        Self {
            watch: watch.expect("a watch"),
            told: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    async fn next(&mut self) -> Batch {
        let next = tokio::time::timeout(Duration::from_secs(60), self.watch.next());
        let batch = next.await.unwrap_or_else(|_| {
            panic!(
                "nothing more after {:?}, {:?}",
                self.told.keys(),
                self.faults
            )
        });
        let batch = batch.expect("a living watch");
        for located in &batch.changed {
            let content = located.object.content.clone();
            self.told.insert(located.key().to_string(), content);
        }
        for key in &batch.removed {
            self.told.remove(&key.to_string());
        }
        self.faults.clone_from(&batch.faults);
        batch
    }

    async fn complete(&mut self) {
        while self.next().await.coverage == Coverage::Partial {}
    }

    async fn until(&mut self, so: impl Fn(&Self) -> bool) {
        while !so(self) {
            self.next().await;
        }
    }

    fn has(&self, key: &str) -> bool {
        self.told.contains_key(key)
    }
}

/// Definitions are of the whole cluster, so this has one of its own.
#[tokio::test]
async fn a_real_api_server_is_watched() {
    let own = Own::start("watching", &[]);
    everything_is_followed_through_the_end_of_the_api_server(&own).await;
    the_rights_that_are_asked_for_are_what_is_needed(&own).await;
}

async fn everything_is_followed_through_the_end_of_the_api_server(cluster: &Cluster) {
    let mut watched = Watched::open(cluster, None).await;
    watched.complete().await;
    for key in [
        "Namespace default",
        "Node node1",
        "Service default/kubernetes",
        "EndpointSlice default/kubernetes",
    ] {
        assert!(watched.has(key), "{key} in {:?}", watched.told.keys());
    }
    let node = &watched.told["Node node1"];
    assert_eq!(node.as_object().map(|node| node.len()), Some(3), "{node}");

    let room = Room::new(cluster, "watching", &["team=a"]);
    let name = room.name().to_owned();
    let key = |kind: &str, object: &str| format!("{kind} {name}/{object}");
    room.apply(
        "
apiVersion: v1
kind: Service
metadata: {name: shop, annotations: {networking.istio.io/exportTo: '.'}}
spec: {selector: {app: shop}, ports: [{port: 80, name: http}]}
",
    );
    watched
        .until(|watched| {
            // Slices have names that nobody chooses.
            let slice = key("EndpointSlice", "shop-");
            watched.has(&key("Service", "shop"))
                && watched.told.keys().any(|key| key.starts_with(&slice))
        })
        .await;
    room.kubectl(&["apply", "--server-side", "-f", DEFINITIONS]);
    room.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=30s",
    ]);
    room.apply(ROUTE);
    watched
        .until(|watched| watched.has(&key("VirtualService", "shop")))
        .await;
    assert_eq!(
        watched.told[&key("VirtualService", "shop")]["metadata"]["generation"],
        1
    );

    let before = watched.told.clone();
    cluster
        .kill(Program::ApiServer)
        .unwrap_or_else(|error| panic!("{error}"));
    watched
        .until(|watched| {
            watched
                .faults
                .iter()
                .any(|fault| fault.code == "unreachable-api-server")
        })
        .await;
    assert_eq!(watched.told, before);
    cluster
        .run(Program::ApiServer)
        .unwrap_or_else(|error| panic!("{error}"));
    watched.until(|watched| watched.faults.is_empty()).await;
    room.kubectl(&["delete", "virtualservice", "shop"]);
    room.kubectl(&["label", "namespace", &name, "team=b", "--overwrite"]);
    watched
        .until(|watched| !watched.has(&key("VirtualService", "shop")))
        .await;
    watched
        .until(|watched| {
            watched.told[&format!("Namespace {name}")]["metadata"]["labels"]["team"] == "b"
        })
        .await;
    room.kubectl(&["delete", "crd", "--all"]);
    room.kubectl(&["delete", "service", "shop"]);
    watched
        .until(|watched| !watched.has(&key("Service", "shop")))
        .await;
    assert_eq!(watched.faults, []);
}

const ROUTE: &str = "
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: shop}
spec: {hosts: [shop], http: [{route: [{destination: {host: shop}}]}]}
";

async fn the_rights_that_are_asked_for_are_what_is_needed(cluster: &Cluster) {
    const USER: &str = "nobody-yet";
    let room = Room::new(cluster, "rights", &[]);
    room.kubectl(&["apply", "--server-side", "-f", DEFINITIONS]);
    room.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=30s",
    ]);
    room.apply(ROUTE);
    let mut watched = Watched::open(cluster, Some(USER)).await;
    let mut rules = Vec::new();
    loop {
        let batch = watched.next().await;
        if batch.coverage == Coverage::Complete {
            break;
        }
        let hints = batch
            .faults
            .into_iter()
            .filter(|fault| fault.code == "forbidden");
        let new: Vec<_> = hints
            .filter_map(|fault| Some(fault.hint?.split_once("lacks ")?.1.to_owned()))
            .filter(|rule| !rules.contains(rule))
            .collect();
        rules.extend(new);
        room.apply(&format!(
            "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {USER}}}
rules: [{}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {USER}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {USER}}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {USER}}}]
",
            rules.join(", ")
        ));
    }
    let route = format!("VirtualService {}/shop", room.name());
    assert!(
        watched.has(&route) && watched.has("Node node1"),
        "{:?}",
        watched.told.keys()
    );
    watched.until(|watched| watched.faults.is_empty()).await;
    assert_eq!(rules.len(), 3 + 4 + 15, "{rules:?}");
}
