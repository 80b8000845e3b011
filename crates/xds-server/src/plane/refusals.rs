//! What proxies refused, for the authors of what was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::origin::Origin;
use ferromesh_xds::{Refusal, ResourceId, Version};

/// How many refused resources are remembered.
const LIMIT: usize = 1024;

/// How many clients are counted.
const CLIENTS: usize = 64;

#[derive(Debug)]
struct Refused {
    version: Version,
    name: Arc<str>,
    error: Arc<str>,
    clients: BTreeSet<Arc<str>>,
}

/// Refused resources, as long as they are not replaced.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    slots: BTreeMap<ResourceId, Refused>,
}

impl Refusals {
    /// A client refused something.
    pub(super) fn add(&mut self, client: Arc<str>, refusal: Refusal) {
        let Refusal {
            id,
            ty: _,
            name,
            version,
            error,
        } = refusal;
        let Some(version) = version else { return };
        if self.slots.len() >= LIMIT && !self.slots.contains_key(&id) {
            return;
        }
        let fresh = || Refused {
            version,
            name,
            error,
            clients: BTreeSet::new(),
        };
        let refused = self.slots.entry(id).or_insert_with(fresh);
        if refused.version == version && refused.clients.len() < CLIENTS {
            refused.clients.insert(client);
        }
    }

    /// Forgets what is not true any more.
    pub(super) fn retain(&mut self, keep: impl Fn(ResourceId, Version) -> bool) {
        self.slots.retain(|id, refused| keep(*id, refused.version));
    }

    /// The remarks, on the objects and fields that `origin` knows.
    pub(super) fn diagnostics(
        &self,
        origin: impl Fn(ResourceId, &str) -> Option<Origin>,
    ) -> Vec<Diagnostic> {
        let remark = |(id, refused): (&ResourceId, &Refused)| {
            let Refused {
                version: _,
                name,
                error,
                clients,
            } = refused;
            let who = match clients.first() {
                Some(first) if clients.len() == 1 => first.to_string(),
                Some(first) => format!("{first} and {} others", clients.len() - 1),
                None => "a proxy".to_owned(),
            };
            let origin = origin(*id, error);
            Diagnostic {
                severity: Severity::Error,
                code: "refused-by-proxy",
                object: origin.as_ref().map(|origin| Arc::clone(&origin.object)),
                path: origin.map_or_else(|| Arc::from(""), |origin| origin.path),
                message: format!("{who} refused {name}: {error}"),
                hint: None,
            }
        };
        self.slots.iter().map(remark).collect()
    }
}
