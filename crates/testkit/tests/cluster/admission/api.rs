//! The API server, asked without kubectl.

use ferromesh_testkit::cluster::Cluster;
use kube::api::{Api, DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::Value;

/// Everything is allowed to it, and it tries nothing again.
pub async fn client(cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.expect("a configuration");
    config.default_retry = false;
    Client::try_from(config).expect("a client")
}

/// The pod as the API server would store it.
pub async fn tried(client: &Client, namespace: &str, pod: &Value) -> Result<Value, kube::Error> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod"));
    let pods: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    let pod = serde_json::from_value(pod.clone()).expect("an object");
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let pod = pods.create(&params, &pod).await?;
    Ok(serde_json::to_value(pod).expect("JSON"))
}

/// Whether a pod has our proxy.
pub fn is_injected(pod: &Value) -> bool {
    let containers = pod["spec"]["initContainers"].as_array();
    let mut containers = containers.into_iter().flatten();
    containers.any(|container| container["name"] == "istio-proxy")
}
