//! The webhook configurations, which make the API server ask us.
//!
//! No chart renders them: they carry the roots of the mesh, which nobody knows before the control
//! plane runs. The holder of the Lease applies them, owned by a ClusterRole without rules that the
//! chart keeps for this alone, so that they go when the release goes; a webhook without a server
//! would keep pods from starting.

use std::sync::Arc;

use ferromesh_proto::trust::FetchResponse;
use futures_util::stream::{SelectAll, StreamExt};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::lease::Leadership;
use super::{Cluster, MANAGER, Pauses, told};

/// The Service of the control plane.
const SERVICE: &str = "ferromesh";

/// The revision that serves namespaces that ask for none in particular.
const REVISION: &str = "default";

/// What an author says about a pod: the label first, then the annotation, which alone never asks
/// for a proxy.
const SAID: &str = r#"object.metadata.?labels[?"sidecar.istio.io/inject"].orValue(object.metadata.?annotations[?"sidecar.istio.io/inject"].orValue(""))"#;

/// Keeps the configurations.
pub struct Webhooks {
    client: Client,
    namespace: String,
    leadership: watch::Receiver<Leadership>,
    bundles: watch::Receiver<Arc<FetchResponse>>,
}

/// That something may have changed.
type News = futures_util::stream::BoxStream<'static, ()>;

impl Webhooks {
    /// For whoever holds the Lease.
    pub fn new(
        cluster: &Cluster,
        leadership: watch::Receiver<Leadership>,
        bundles: watch::Receiver<Arc<FetchResponse>>,
    ) -> Self {
        Self {
            client: cluster.client.clone(),
            namespace: cluster.namespace.clone(),
            leadership,
            bundles,
        }
    }

    /// The name of the configurations and of their owner.
    fn name(&self) -> String {
        format!("ferromesh-{}", self.namespace)
    }

    fn owner(&self) -> String {
        format!("{}-webhooks", self.name())
    }

    /// Keeps them as they should be, for ever.
    pub async fn keep(mut self) {
        let mut news: SelectAll<News> = futures_util::stream::select_all([
            changes::<MutatingWebhookConfiguration>(&self.client, &self.name()),
            changes::<ValidatingWebhookConfiguration>(&self.client, &self.name()),
            changes::<ClusterRole>(&self.client, &self.owner()),
        ]);
        let mut pauses = Pauses::default();
        loop {
            let is_alive = tokio::select! {
                changed = self.leadership.changed() => changed.is_ok(),
                changed = self.bundles.changed() => changed.is_ok(),
                changed = news.next() => changed.is_some(),
            };
            if !is_alive {
                return;
            }
            while *self.leadership.borrow_and_update() == Leadership::Leading {
                let Err(fault) = self.apply().await else {
                    pauses = Pauses::default();
                    break;
                };
                tracing::warn!(fault, "webhook configurations are not as they should be");
                pauses.wait().await;
            }
        }
    }

    async fn apply(&mut self) -> Result<(), String> {
        let bundles = Arc::clone(&self.bundles.borrow_and_update());
        let Some(own) = bundles.bundles.first() else {
            return Ok(());
        };
        let owner: Api<ClusterRole> = Api::all(self.client.clone());
        let owner = owner.get_metadata(&self.owner()).await;
        let owner =
            owner.map_err(|error| format!("clusterrole {}: {}", self.owner(), told(&error)))?;
        let metadata = json!({
            "name": self.name(),
            "labels": {"app.kubernetes.io/part-of": MANAGER},
            "ownerReferences": [{
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "name": owner.name_any(),
                "uid": owner.uid().unwrap_or_default(),
            }],
        });
        let with = |webhooks: Value, kind: &str| {
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": kind,
                "metadata": metadata,
                "webhooks": webhooks,
            })
        };
        let bundle = ByteString(own.pem.clone().into_bytes());
        let mutating = with(
            injecting(&self.namespace, &bundle),
            "MutatingWebhookConfiguration",
        );
        self.put::<MutatingWebhookConfiguration>(&mutating).await?;
        let validating = with(
            validating(&self.namespace, &bundle),
            "ValidatingWebhookConfiguration",
        );
        self.put::<ValidatingWebhookConfiguration>(&validating)
            .await
    }

    async fn put<K>(&self, object: &Value) -> Result<(), String>
    where
        K: Resource<Scope = k8s_openapi::ClusterResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let params = PatchParams::apply(MANAGER).force();
        let put = api
            .patch(&self.name(), &params, &Patch::Apply(object))
            .await;
        put.map(drop).map_err(|error| told(&error))
    }
}

/// Tells when the object of this name changes.
fn changes<K>(client: &Client, name: &str) -> News
where
    K: Resource<Scope = k8s_openapi::ClusterResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    watcher(Api::<PartialObjectMeta<K>>::all(client.clone()), only)
        .default_backoff()
        .filter_map(|event| async { event.ok().map(drop) })
        .boxed()
}

fn client_config(namespace: &str, path: &str, bundle: &ByteString) -> Value {
    json!({
        "service": {"name": SERVICE, "namespace": namespace, "path": path, "port": 443},
        "caBundle": bundle,
    })
}

/// Who gets a proxy: pods that ask, in namespaces that ask.
///
/// Only syntax that can't fail: the API server refuses a pod for which a condition fails.
fn injecting(namespace: &str, bundle: &ByteString) -> Value {
    let own = format!(
        r#""istio.io/rev" in object.metadata.?labels.orValue({{}}) ? object.metadata.labels["istio.io/rev"] == "{REVISION}" : object.metadata.?labels[?"sidecar.istio.io/inject"].orValue("") == "true""#
    );
    let entry = |name: &str, selector: Vec<Value>, further: Vec<Value>| {
        let mut conditions = vec![
            json!({"name": "own-network", "expression": "!object.spec.?hostNetwork.orValue(false)"}),
            json!({"name": "not-opted-out", "expression": format!(r#"{SAID} in ["", "true"]"#)}),
        ];
        conditions.extend(further);
        let mut expressions = vec![json!({
            "key": "kubernetes.io/metadata.name",
            "operator": "NotIn",
            "values": ["kube-system", "kube-public", "kube-node-lease", namespace],
        })];
        expressions.extend(selector);
        json!({
            "name": format!("{name}.sidecar-injector.ferromesh.io"),
            "clientConfig": client_config(namespace, "/inject", bundle),
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
                "operations": ["CREATE"], "scope": "Namespaced",
            }],
            "namespaceSelector": {"matchExpressions": expressions},
            "matchConditions": conditions,
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "sideEffects": "None",
            "timeoutSeconds": 10,
            "admissionReviewVersions": ["v1"],
        })
    };
    let label = |key: &str, operator: &str, values: &[&str]| {
        let mut expression = json!({"key": key, "operator": operator});
        if !values.is_empty() {
            expression["values"] = json!(values);
        }
        expression
    };
    json!([
        entry(
            "namespace",
            vec![label("istio-injection", "In", &["enabled"])],
            Vec::new(),
        ),
        entry(
            "revision",
            vec![
                label("istio.io/rev", "In", &[REVISION]),
                label("istio-injection", "DoesNotExist", &[]),
            ],
            Vec::new(),
        ),
        entry(
            "pod",
            vec![
                label("istio-injection", "DoesNotExist", &[]),
                label("istio.io/rev", "DoesNotExist", &[]),
            ],
            vec![json!({"name": "opted-in", "expression": own})],
        ),
    ])
}

/// What is judged: objects of the mesh that are not meant for another control plane. Without us
/// the definitions' own rules and what was accepted before hold.
fn validating(namespace: &str, bundle: &ByteString) -> Value {
    let entry = |name: &str, expression: Value| {
        json!({
            "name": format!("{name}.validation.ferromesh.io"),
            "clientConfig": client_config(namespace, "/validate", bundle),
            "rules": [{
                "apiGroups": [
                    "networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io",
                ],
                "apiVersions": ["*"], "resources": ["*"], "operations": ["CREATE", "UPDATE"], "scope": "*",
            }],
            "objectSelector": {"matchExpressions": [expression]},
            "failurePolicy": "Ignore",
            "sideEffects": "None",
            "timeoutSeconds": 5,
            "admissionReviewVersions": ["v1"],
        })
    };
    json!([
        entry(
            "any",
            json!({"key": "istio.io/rev", "operator": "DoesNotExist"})
        ),
        entry(
            "revision",
            json!({"key": "istio.io/rev", "operator": "In", "values": [REVISION]}),
        ),
    ])
}
