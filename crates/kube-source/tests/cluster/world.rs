//! A watch on a server of our own, and what it has told so far.

use std::collections::BTreeMap;
use std::time::Duration;

use ferromesh_kube_source::batch::{Batch, Coverage, SourceFault};
use ferromesh_kube_source::cluster::{Pace, Settings, Watch};
use ferromesh_kube_source::place::{Home, Place};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::server::Server;

pub const PODS: &str = "/api/v1/pods";
pub const SERVICES: &str = "/api/v1/services";
pub const NAMESPACES: &str = "/api/v1/namespaces";
pub const CONFIG_MAPS: &str = "/api/v1/configmaps";
pub const ROUTES: &str = "/apis/networking.istio.io/v1/virtualservices";

pub struct Watched {
    pub watch: Watch,
    /// By `Kind namespace/name`.
    pub told: BTreeMap<String, Value>,
    pub faults: Vec<SourceFault>,
}

impl Watched {
    /// Opens a watch; nothing has been told yet.
    pub fn open(server: &Server) -> Self {
        let uri = format!("http://{}", server.address());
        let mut config = Config::new(uri.parse().expect("an address"));
        config.default_retry = false;
        let watch = Watch::open(Settings {
            client: Client::try_from(config).expect("a client"),
            root_namespace: "root".to_owned(),
            mesh_config_map: "ferromesh".to_owned(),
            pace: Pace {
                first: Duration::from_millis(1),
                most: Duration::from_millis(20),
            },
        });
        Self {
            watch: watch.expect("a watch"),
            told: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// The next batch, taken over.
    pub async fn next(&mut self) -> Batch {
        let next = tokio::time::timeout(Duration::from_secs(20), self.watch.next());
        let batch = next
            .await
            .expect("a batch in time")
            .expect("a living watch");
        for located in &batch.changed {
            let Place { home, within: _ } = &located.place;
            assert_eq!(*home, Home::ApiServer);
            let key = located.key().to_string();
            let before = self
                .told
                .insert(key.clone(), located.object.content.clone());
            assert_ne!(
                before.as_ref(),
                Some(&located.object.content),
                "{key} is told twice"
            );
        }
        for key in &batch.removed {
            assert!(
                self.told.remove(&key.to_string()).is_some(),
                "{key} was never told"
            );
        }
        assert_eq!(batch.moved, []);
        self.faults.clone_from(&batch.faults);
        batch
    }

    /// The first complete batch.
    pub async fn complete(&mut self) -> Batch {
        loop {
            let batch = self.next().await;
            if batch.coverage == Coverage::Complete {
                return batch;
            }
            assert!(
                batch.changed.is_empty() && batch.removed.is_empty(),
                "{batch:?}"
            );
        }
    }

    /// Batches until this is so.
    pub async fn until(&mut self, so: impl Fn(&Self) -> bool) {
        while !so(self) {
            self.next().await;
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.told.contains_key(key)
    }

    pub fn keys(&self) -> Vec<&str> {
        self.told.keys().map(String::as_str).collect()
    }

    pub fn codes(&self) -> Vec<&str> {
        self.faults.iter().map(|fault| fault.code).collect()
    }
}

/// `+` changed, `-` removed, `!` fault; in this order.
pub fn shown(batch: &Batch) -> Vec<String> {
    let changed = batch
        .changed
        .iter()
        .map(|located| format!("+{}", located.key()));
    let removed = batch.removed.iter().map(|key| format!("-{key}"));
    let faults = batch.faults.iter().map(|fault| format!("!{}", fault.code));
    changed.chain(removed).chain(faults).collect()
}

pub fn pod(namespace: &str, name: &str, address: &str) -> Value {
    json!({
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("uid of {name}"),
            "labels": {"app": name}, "managedFields": [{"manager": "kubelet"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "sidecar.istio.io/inject": "true"},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "nodeName": "node1", "serviceAccountName": "default", "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 80, "name": "http"}], "env": [{"name": "A"}]}],
            "volumes": [{"name": "token"}],
        },
        "status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": "10.0.0.1",
            "conditions": [
                {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            ],
        },
    })
}

pub fn namespace(name: &str, labels: Value) -> Value {
    json!({"metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"}})
}

pub fn service(namespace: &str, name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": "a"}},
        "spec": {"clusterIP": "10.1.0.1", "ports": [{"port": 80, "name": "http", "nodePort": 30000}], "selector": {"app": name}},
        "status": {"loadBalancer": {}},
    })
}

pub fn route(namespace: &str, name: &str, host: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": namespace, "generation": 1, "managedFields": []},
        "spec": {"hosts": [host]},
        "status": {"conditions": []},
    })
}

pub fn mesh_config(text: &str) -> Value {
    json!({"metadata": {"name": "ferromesh", "namespace": "root"}, "data": {"mesh": text}})
}
