//! The way of a status to its object.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::crd::definitions;
use ferromesh_mesh::origin::ObjectRef;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use super::document::{self, Seen};
use super::ledger::Due;
use super::world::Version;
use crate::cluster::{is_conflict, told};

/// The name under which statuses are written.
pub const MANAGER: &str = "ferromesh-status";

/// How often a status is read again because somebody else has written meanwhile.
const TRIES: usize = 4;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many objects are read at once.
const PAGE: u32 = 500;

/// A kind, and the version in which it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    group: Arc<str>,
    kind: Arc<str>,
    api_version: Arc<str>,
}

/// The kind of an object.
pub fn kind(object: &ObjectRef, api_version: &Arc<str>) -> Kind {
    Kind {
        group: Arc::clone(&object.group),
        kind: Arc::clone(&object.kind),
        api_version: Arc::clone(api_version),
    }
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    Written,
    /// All of it stood there already.
    AsItIs,
    /// The object is gone, or says something else meanwhile, about which there will be a report.
    Outdated,
    /// The API server will never take it.
    Refused,
}

/// Writes statuses.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    /// Names in paths, by group and kind.
    plurals: Arc<[(&'static str, &'static str, &'static str)]>,
}

impl Writer {
    /// By this client.
    pub fn new(client: Client) -> Self {
        let definitions = definitions();
        let plurals = definitions.iter().map(|it| (it.group, it.kind, it.plural));
        Self {
            client,
            plurals: plurals.collect(),
        }
    }

    /// Writes a status where it says something new.
    pub async fn write(&self, due: &Due) -> Result<Outcome, String> {
        let write = timeout(PATIENCE, self.try_write(due)).await;
        match write {
            Ok(written) => written.map_err(|error| told(&error)),
            Err(_) => Err("there is no answer in time".to_owned()),
        }
    }

    async fn try_write(&self, due: &Due) -> Result<Outcome, kube::Error> {
        let Some(resource) = self.resource(&kind(&due.object, &due.api_version)) else {
            return Ok(Outcome::Outdated);
        };
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &due.object.namespace, &resource);
        let mut last = Ok(Outcome::Outdated);
        for _ in 0..TRIES {
            last = attempt(&api, due).await;
            match &last {
                Err(error) if is_conflict(error) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    return Ok(Outcome::Outdated);
                }
                Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                    let fault = &status.message;
                    tracing::warn!(object = %due.object, fault, "a status is refused");
                    return Ok(Outcome::Refused);
                }
                Ok(_) | Err(_) => return last,
            }
        }
        last
    }

    fn resource(&self, kind: &Kind) -> Option<ApiResource> {
        let (_, _, plural) = self
            .plurals
            .iter()
            .find(|(group, name, _)| *group == &*kind.group && *name == &*kind.kind)?;
        let version = kind
            .api_version
            .rsplit_once('/')
            .map_or(&*kind.api_version, |it| it.1);
        let gvk = GroupVersionKind::gvk(&kind.group, version, &kind.kind);
        Some(ApiResource::from_gvk_with_plural(&gvk, plural))
    }

    /// Reads what stands in all objects of these kinds.
    pub async fn read(
        &self,
        kinds: BTreeSet<Kind>,
        mut see: impl FnMut(Arc<ObjectRef>, Version, Seen),
    ) -> Result<(), String> {
        for kind in kinds {
            let Some(resource) = self.resource(&kind) else {
                continue;
            };
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            let mut params = ListParams::default().limit(PAGE);
            loop {
                let page = timeout(PATIENCE, api.list(&params)).await;
                let page = page.map_err(|_| "there is no answer in time".to_owned())?;
                let page = match page {
                    Err(kube::Error::Api(status)) if status.code == 404 => break,
                    page => page.map_err(|error| told(&error))?,
                };
                for object in page.items {
                    let name = Arc::new(ObjectRef {
                        group: Arc::clone(&kind.group),
                        kind: Arc::clone(&kind.kind),
                        namespace: Arc::from(object.namespace().unwrap_or_default()),
                        name: Arc::from(object.name_any()),
                    });
                    see(name, version(&object), document::read(status(&object)));
                }
                match page.metadata.continue_ {
                    Some(token) if !token.is_empty() => params.continue_token = Some(token),
                    _ => break,
                }
            }
        }
        Ok(())
    }
}

fn status(object: &DynamicObject) -> &Value {
    object.data.get("status").unwrap_or(&Value::Null)
}

fn version(object: &DynamicObject) -> Version {
    Version {
        uid: Arc::from(object.uid().unwrap_or_default()),
        generation: object.metadata.generation.unwrap_or_default(),
    }
}

/// Reads, and writes what is different, unless somebody else has written in between.
async fn attempt(api: &Api<DynamicObject>, due: &Due) -> Result<Outcome, kube::Error> {
    let name = &due.object.name;
    let object = api.get(name).await?;
    if version(&object) != due.version {
        return Ok(Outcome::Outdated);
    }
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let Some(fields) = document::merged(status(&object), &due.status, &now) else {
        return Ok(Outcome::AsItIs);
    };
    let patch = json!({
        "metadata": {"resourceVersion": object.resource_version()},
        "status": fields,
    });
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_status(name, &params, &Patch::Merge(&patch))
        .await?;
    Ok(Outcome::Written)
}
