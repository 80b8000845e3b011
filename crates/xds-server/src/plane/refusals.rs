//! What proxies refused, for the authors of what was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferromesh_mesh::diagnostic::{Diagnostic, REFUSED_BY_PROXY, Severity};
use ferromesh_mesh::origin::{ObjectRef, Origin};
use ferromesh_xds::{Refusal, ResourceId, Version};

/// How many refused resources are remembered.
const LIMIT: usize = 1024;

/// How many clients are counted.
const CLIENTS: usize = 64;

#[derive(Clone, Debug)]
struct Refused {
    version: Version,
    name: Arc<str>,
    error: Arc<str>,
    origin: Option<Origin>,
    clients: BTreeSet<Arc<str>>,
}

/// Refused resources, as long as they are not replaced.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    slots: BTreeMap<ResourceId, Refused>,
}

/// What is one fault for its author, however many resources and proxies it concerns.
type Fault<'a> = (Option<&'a Arc<ObjectRef>>, &'a str, &'a str);

impl Refusals {
    /// A client refused something. `origin` finds out who wrote it.
    pub(super) fn add(
        &mut self,
        client: Arc<str>,
        refusal: Refusal,
        origin: impl FnOnce(&Refusal) -> Option<Origin>,
    ) {
        let Some(version) = refusal.version else {
            return;
        };
        if self.slots.len() >= LIMIT && !self.slots.contains_key(&refusal.id) {
            return;
        }
        let refused = self.slots.entry(refusal.id).or_insert_with(|| Refused {
            version,
            name: Arc::clone(&refusal.name),
            error: Arc::clone(&refusal.error),
            origin: origin(&refusal),
            clients: BTreeSet::new(),
        });
        if refused.version == version && refused.clients.len() < CLIENTS {
            refused.clients.insert(client);
        }
    }

    /// A name, the slot of which had this version, has got another slot.
    pub(super) fn inherit(&mut self, from: ResourceId, version: Version, to: ResourceId) {
        let refused = self
            .slots
            .get(&from)
            .filter(|refused| refused.version == version);
        if let Some(refused) = refused.cloned() {
            self.slots.entry(to).or_insert(refused);
        }
    }

    /// Forgets what is not true any more.
    pub(super) fn retain(&mut self, keep: impl Fn(ResourceId, Version) -> bool) {
        self.slots.retain(|id, refused| keep(*id, refused.version));
    }

    /// The remarks, on the objects and fields that the refused resources come from.
    pub(super) fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut faults: BTreeMap<Fault<'_>, Vec<&Refused>> = BTreeMap::new();
        for refused in self.slots.values() {
            let origin = refused.origin.as_ref();
            let object = origin.map(|origin| &origin.object);
            let path = origin.map_or("", |origin| &*origin.path);
            let fault = (object, path, &*refused.error);
            faults.entry(fault).or_default().push(refused);
        }
        faults.into_iter().map(remark).collect()
    }
}

fn remark(((object, path, error), refused): (Fault<'_>, Vec<&Refused>)) -> Diagnostic {
    let clients = refused.iter().flat_map(|refused| &refused.clients);
    let who = sum("a proxy", clients.map(|client| &**client).collect());
    let names = refused.iter().map(|refused| &*refused.name);
    let what = sum("a resource", names.collect());
    Diagnostic {
        severity: Severity::Error,
        code: REFUSED_BY_PROXY,
        object: object.cloned(),
        path: Arc::from(path),
        message: format!("{who} refused {what}: {error}"),
        hint: None,
    }
}

/// The first of several and how many there are.
fn sum(nothing: &str, all: BTreeSet<&str>) -> String {
    match (all.first(), all.len()) {
        (None, _) => nothing.to_owned(),
        (Some(only), 1) => (*only).to_owned(),
        (Some(first), count) => format!("{first} and {} more", count - 1),
    }
}
