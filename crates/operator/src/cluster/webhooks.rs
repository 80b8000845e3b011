//! The webhook configurations, which make the API server ask us.
//!
//! No chart renders them: they carry the roots of the mesh, which nobody knows before the control
//! plane runs. The holder of the Lease applies them, owned by a ClusterRole without rules that the
//! chart keeps for this alone, so that they go when the release goes; a webhook without a server
//! would keep pods from starting.
//!
//! Reading order: [`entries`], then this file.

pub mod entries;

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
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::lease::Leadership;
use super::{Cluster, MANAGER, Pauses, owner, told};
use entries::Revision;

/// Keeps the configurations.
pub struct Webhooks {
    cluster: Cluster,
    revision: Revision,
    leadership: watch::Receiver<Leadership>,
    bundles: watch::Receiver<Arc<FetchResponse>>,
}

/// That something may have changed.
type News = futures_util::stream::BoxStream<'static, ()>;

impl Webhooks {
    /// For whoever holds the Lease.
    pub fn new(
        cluster: &Cluster,
        revision: Revision,
        leadership: watch::Receiver<Leadership>,
        bundles: watch::Receiver<Arc<FetchResponse>>,
    ) -> Self {
        Self {
            cluster: cluster.clone(),
            revision,
            leadership,
            bundles,
        }
    }

    /// The name of the configurations.
    fn name(&self) -> String {
        format!("ferromesh-{}", self.cluster.namespace)
    }

    /// Keeps them as they should be, for ever.
    pub async fn keep(mut self) {
        let mut news: SelectAll<News> = futures_util::stream::select_all([
            changes::<MutatingWebhookConfiguration>(&self.cluster.client, &self.name()),
            changes::<ValidatingWebhookConfiguration>(&self.cluster.client, &self.name()),
            changes::<ClusterRole>(&self.cluster.client, &owner::name(&self.cluster.namespace)),
        ]);
        let mut pauses = Pauses::default();
        let mut is_due = false;
        loop {
            let is_alive = tokio::select! {
                changed = self.leadership.changed() => changed.is_ok(),
                changed = self.bundles.changed() => changed.is_ok(),
                changed = news.next() => changed.is_some(),
                () = pauses.wait(), if is_due => true,
            };
            if !is_alive {
                return;
            }
            if *self.leadership.borrow_and_update() == Leadership::Following {
                is_due = false;
                continue;
            }
            let applied = self.apply().await;
            is_due = applied.is_err();
            match applied {
                Ok(()) => pauses = Pauses::default(),
                Err(fault) => {
                    tracing::warn!(fault, "webhook configurations are not as they should be");
                }
            }
        }
    }

    async fn apply(&mut self) -> Result<(), String> {
        let bundles = Arc::clone(&self.bundles.borrow_and_update());
        let Some(own) = bundles.bundles.first() else {
            return Ok(());
        };
        let owner = owner::reference(&self.cluster).await?;
        let owner = owner.ok_or("their owner is not there (install the release again)")?;
        let metadata = json!({
            "name": self.name(),
            "labels": {"app.kubernetes.io/part-of": MANAGER},
            "ownerReferences": [owner],
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
        let (namespace, revision) = (&self.cluster.namespace, &self.revision);
        let mutating = entries::injecting(namespace, revision, &bundle);
        let mutating = with(mutating, "MutatingWebhookConfiguration");
        self.put::<MutatingWebhookConfiguration>(&mutating).await?;
        let validating = entries::validating(namespace, revision, &bundle);
        let validating = with(validating, "ValidatingWebhookConfiguration");
        self.put::<ValidatingWebhookConfiguration>(&validating)
            .await
    }

    /// Applies it. What others have added to its webhooks goes: a condition more, and pods would
    /// start without a proxy.
    async fn put<K>(&self, object: &Value) -> Result<(), String>
    where
        K: Resource<Scope = k8s_openapi::ClusterResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned
            + Serialize,
    {
        let api: Api<K> = Api::all(self.cluster.client.clone());
        let params = PatchParams::apply(MANAGER).force();
        let put = api
            .patch(&self.name(), &params, &Patch::Apply(object))
            .await;
        let put = put.map_err(|error| told(&error))?;
        if webhooks(&put) == webhooks(object) {
            return Ok(());
        }
        tracing::warn!(
            name = self.name(),
            "webhooks that somebody has changed are put right"
        );
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let right = json!({"webhooks": object["webhooks"]});
        let put = api
            .patch(&self.name(), &params, &Patch::Merge(&right))
            .await;
        put.map(drop).map_err(|error| told(&error))
    }
}

fn webhooks(configuration: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(configuration).unwrap_or_default();
    value["webhooks"].take()
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
