//! Pods that should have a proxy.

use std::collections::BTreeMap;

use ferromesh_chassis::Failure;
use ferromesh_injector::{Decision, NamespaceFacts, Settings, decide};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde_json::Value;

use super::verdict::Line;
use crate::live::failed;

/// The proxy's container.
const PROXY: &str = "istio-proxy";

/// So many pods are named.
const NAMED: usize = 10;

/// Whether those that asked for a proxy have one, and are ready.
pub(super) async fn sidecars(client: &Client, root_namespace: &str) -> Result<Vec<Line>, Failure> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = namespaces.list_metadata(&ListParams::default()).await;
    let found = found.map_err(failed("namespaces"))?;
    let namespaces: BTreeMap<_, _> = found
        .items
        .into_iter()
        .map(|namespace| (namespace.name_any(), namespace.labels().clone()))
        .collect();
    let pods: Api<Pod> = Api::all(client.clone());
    let pods = pods
        .list(&ListParams::default())
        .await
        .map_err(failed("pods"))?;
    let settings = Settings {
        root_namespace: root_namespace.to_owned(),
        ..Settings::default()
    };
    Ok(judge(&namespaces, &pods.items, &settings))
}

fn judge(
    namespaces: &BTreeMap<String, BTreeMap<String, String>>,
    pods: &[Pod],
    settings: &Settings,
) -> Vec<Line> {
    let (mut with, mut without, mut unready) = (0, Vec::new(), Vec::new());
    for pod in pods {
        let namespace = pod.namespace().unwrap_or_default();
        let name = format!("{namespace}/{}", pod.name_any());
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed"))
            || pod.metadata.deletion_timestamp.is_some()
        {
            continue;
        }
        if let Some(is_ready) = proxy(pod) {
            with += 1;
            if !is_ready {
                unready.push(name);
            }
            continue;
        }
        let facts = NamespaceFacts {
            labels: namespaces.get(&namespace).cloned().unwrap_or_default(),
            name: namespace,
        };
        let value = serde_json::to_value(pod).unwrap_or(Value::Null);
        if let Ok(Decision::Inject) = decide(&value, settings, &facts) {
            without.push(name);
        }
    }
    let mut lines = vec![Line::fine(format!("{with} pods have a proxy"))];
    if !without.is_empty() {
        let text = format!(
            "{} pods asked for a proxy and have none: {}",
            without.len(),
            some(&without)
        );
        lines.push(Line::wrong(
            text,
            "they are older than the request; restart their workloads (kubectl rollout restart)",
        ));
    }
    if !unready.is_empty() {
        let text = format!(
            "the proxies of {} pods are not ready: {}",
            unready.len(),
            some(&unready)
        );
        lines.push(Line::wrong(
            text,
            "kubectl logs POD -c istio-proxy; ferromesh proxy-status",
        ));
    }
    lines
}

/// Whether the proxy of a pod is ready; `None` without one.
fn proxy(pod: &Pod) -> Option<bool> {
    let spec = pod.spec.as_ref()?;
    let mut containers = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers);
    containers.find(|container| container.name == PROXY)?;
    let status = pod.status.as_ref();
    let all = status.iter().flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        init.chain(status.container_statuses.iter().flatten())
    });
    let mut all = all.filter(|status| status.name == PROXY);
    Some(all.any(|status| status.ready))
}

fn some(names: &[String]) -> String {
    let mut text = names
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMED {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::verdict::State;
    use super::*;

    #[test]
    fn who_asked_and_has_none_is_named() {
        let pod = |name: &str, namespace: &str, containers: Value| -> Pod {
            let pod = json!({
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"containers": containers},
                "status": {"phase": "Running", "containerStatuses": [{
                    "name": PROXY, "ready": name == "well", "image": "", "imageID": "", "restartCount": 0,
                }]},
            });
            serde_json::from_value(pod).expect("a pod")
        };
        let (app, proxy) = (
            json!([{"name": "app"}]),
            json!([{"name": "app"}, {"name": PROXY}]),
        );
        let pods = [
            pod("well", "shop", proxy.clone()),
            pod("ill", "shop", proxy),
            pod("old", "shop", app.clone()),
            pod("other", "default", app),
        ];
        let labels = BTreeMap::from([("istio-injection".to_owned(), "enabled".to_owned())]);
        let namespaces = BTreeMap::from([
            ("shop".to_owned(), labels),
            ("default".to_owned(), BTreeMap::new()),
        ]);
        let settings = Settings {
            tags: vec!["default".to_owned()],
            ..Settings::default()
        };
        let lines = judge(&namespaces, &pods, &settings);
        let wrong: Vec<_> = lines
            .iter()
            .filter(|line| line.state == State::Wrong)
            .collect();
        let [without, unready] = wrong[..] else {
            panic!("{lines:?}")
        };
        assert!(
            without.fact.contains("1 pods") && without.fact.contains("shop/old"),
            "{without}"
        );
        assert!(unready.fact.contains("shop/ill"), "{unready}");
    }
}
