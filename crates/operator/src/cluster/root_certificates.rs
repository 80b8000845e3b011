//! The roots of the mesh in every namespace: the ConfigMap that pods mount before they know
//! anything else, under Istio's name.

mod disputes;

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_proto::trust::FetchResponse;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use kube::runtime::watcher;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Cluster, MANAGER, Pauses, owner, told};
use crate::identity::known::Namespaces;
use disputes::{Answer, Disputes};

/// The ConfigMap.
pub const NAME: &str = "istio-ca-root-cert";

/// Its key.
pub const KEY: &str = "root-cert.pem";

/// Namespaces in which no pod of the mesh runs.
const LEFT_ALONE: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Keeps the ConfigMaps.
pub struct RootCertificates {
    cluster: Cluster,
    namespaces: watch::Receiver<Namespaces>,
    bundles: watch::Receiver<Arc<FetchResponse>>,
    /// What stands in each namespace.
    found: BTreeMap<String, String>,
    disputes: Disputes,
}

impl RootCertificates {
    /// Nothing is known yet of what is there.
    pub fn new(
        cluster: Cluster,
        namespaces: watch::Receiver<Namespaces>,
        bundles: watch::Receiver<Arc<FetchResponse>>,
    ) -> Self {
        Self {
            cluster,
            namespaces,
            bundles,
            found: BTreeMap::new(),
            disputes: Disputes::default(),
        }
    }

    /// Keeps them for ever: new namespaces get theirs at once, and what somebody changes or
    /// removes comes back.
    pub async fn keep(mut self) {
        let all: Api<ConfigMap> = Api::all(self.cluster.client.clone());
        let only = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
        let mut events = std::pin::pin!(watcher(all, only));
        let mut pauses = Pauses::default();
        let mut is_complete = false;
        let mut seen = BTreeMap::new();
        loop {
            let left = self.disputes.next(Instant::now());
            let again = tokio::select! {
                () = tokio::time::sleep_until(left.unwrap_or_else(Instant::now)), if left.is_some() => is_complete,
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        is_complete |= matches!(event, watcher::Event::InitDone);
                        self.follow(event, &mut seen);
                        is_complete
                    }
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the watch of root certificates begins again");
                        pauses.wait().await;
                        continue;
                    }
                    None => return,
                },
                changed = self.namespaces.changed() => match changed {
                    Ok(()) => is_complete,
                    Err(_) => return,
                },
                changed = self.bundles.changed() => match changed {
                    Ok(()) => is_complete,
                    Err(_) => return,
                },
            };
            if again && !self.reconcile().await {
                pauses.wait().await;
                // Told again by nobody, so it is tried again by ourselves.
                self.namespaces.mark_changed();
            } else if again {
                pauses = Pauses::default();
            }
        }
    }

    fn follow(&mut self, event: watcher::Event<ConfigMap>, seen: &mut BTreeMap<String, String>) {
        let content = |map: ConfigMap| {
            let text = map.data.and_then(|mut data| data.remove(KEY));
            (
                map.metadata.namespace.unwrap_or_default(),
                text.unwrap_or_default(),
            )
        };
        match event {
            watcher::Event::Apply(map) => {
                let (namespace, text) = content(map);
                self.note(namespace, text);
            }
            watcher::Event::Delete(map) => {
                let (namespace, _) = content(map);
                self.found.remove(&namespace);
            }
            watcher::Event::Init => seen.clear(),
            watcher::Event::InitApply(map) => {
                let (namespace, text) = content(map);
                seen.insert(namespace, text);
            }
            watcher::Event::InitDone => self.found = std::mem::take(seen),
        }
    }

    /// What stands there now, whoever has written it.
    fn note(&mut self, namespace: String, text: String) {
        let bundles = Arc::clone(&self.bundles.borrow());
        let own = bundles.bundles.first().map(|own| &own.pem);
        let was_ours = own.is_some() && self.found.get(&namespace) == own;
        if was_ours && own != Some(&text) {
            let answer = self.disputes.contest(&namespace, Instant::now());
            if answer == Answer::Begun {
                tracing::warn!(
                    namespace,
                    "somebody else writes configmap {NAME}, too, and its pods trust sometimes them and \
                     sometimes us (let only one of two control planes have this namespace)"
                );
            }
        }
        self.found.insert(namespace, text);
    }

    /// Writes what is missing or different; whether everything is as it should be.
    async fn reconcile(&mut self) -> bool {
        let namespaces = Arc::clone(&self.namespaces.borrow_and_update());
        let bundles = Arc::clone(&self.bundles.borrow_and_update());
        let Some(own) = bundles.bundles.first() else {
            return true;
        };
        let now = Instant::now();
        let due: Vec<_> = namespaces
            .keys()
            .filter(|namespace| self.found.get(&***namespace) != Some(&own.pem))
            .filter(|namespace| !LEFT_ALONE.contains(&&***namespace))
            .filter(|namespace| !self.disputes.is_left(namespace, now))
            .collect();
        if due.is_empty() {
            return true;
        }
        let owner = match owner::reference(&self.cluster).await {
            Ok(owner) => owner,
            Err(fault) => {
                tracing::warn!(fault, "configmaps {NAME} are not written");
                return false;
            }
        };
        let mut is_done = true;
        for namespace in due {
            is_done &= self.write(namespace, owner.clone(), &own.pem).await;
        }
        is_done
    }

    /// Whether it need not be tried again.
    async fn write(&mut self, namespace: &str, owner: Option<OwnerReference>, pem: &str) -> bool {
        match self.apply(namespace, owner, pem).await {
            Ok(()) => {
                self.found.insert(namespace.to_owned(), pem.to_owned());
                true
            }
            // It is on its way out, and takes nothing new.
            Err(kube::Error::Api(status))
                if matches!(status.code, 404 | 409) || is_terminating(&status.message) =>
            {
                true
            }
            Err(error) => {
                let fault = told(&error);
                tracing::warn!(%namespace, fault, "configmap {NAME} is not written");
                false
            }
        }
    }

    /// It goes with the release, if that has what owns it.
    async fn apply(
        &self,
        namespace: &str,
        owner: Option<OwnerReference>,
        pem: &str,
    ) -> Result<(), kube::Error> {
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                owner_references: owner.map(|owner| vec![owner]),
                labels: Some(BTreeMap::from([(
                    "istio.io/config".to_owned(),
                    "true".to_owned(),
                )])),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(KEY.to_owned(), pem.to_owned())])),
            ..ConfigMap::default()
        };
        let api: Api<ConfigMap> = Api::namespaced(self.cluster.client.clone(), namespace);
        let params = PatchParams::apply(MANAGER).force();
        api.patch(NAME, &params, &Patch::Apply(&map)).await?;
        Ok(())
    }
}

/// Whether the API server says that the namespace is being removed.
fn is_terminating(message: &str) -> bool {
    message.contains("being terminated")
}
