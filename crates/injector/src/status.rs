//! `sidecar.istio.io/status`: what an injection has added, for the next one and for tools.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::annotation::name::STATUS;
use crate::draft::Draft;

/// What an injection has added to a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub init_containers: Option<Vec<String>>,
    pub containers: Option<Vec<String>>,
    pub volumes: Option<Vec<String>>,
    pub image_pull_secrets: Option<Vec<String>>,
    pub revision: String,
}

impl Status {
    /// What an earlier injection says that it has added; nothing if there was none, or if what it says is unreadable.
    pub fn read(draft: &Draft) -> Option<Self> {
        serde_json::from_str(draft.annotation(STATUS)?).ok()
    }

    /// Says what has been added.
    pub fn write(&self, draft: &mut Draft) {
        let text = serde_json::to_string(self).unwrap_or_default();
        draft
            .annotations
            .insert(STATUS.to_owned(), Value::String(text));
    }

    /// Whether a container was added.
    pub fn has_container(&self, name: &str) -> bool {
        has(&self.init_containers, name) || has(&self.containers, name)
    }

    /// Whether a volume was added.
    pub fn has_volume(&self, name: &str) -> bool {
        has(&self.volumes, name)
    }

    /// Whether a secret was added.
    pub fn has_secret(&self, name: &str) -> bool {
        has(&self.image_pull_secrets, name)
    }
}

fn has(names: &Option<Vec<String>>, name: &str) -> bool {
    names.iter().flatten().any(|other| other == name)
}
