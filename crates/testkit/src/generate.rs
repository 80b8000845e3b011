//! Random worlds of Kubernetes and Istio objects, and random edits of them, from a seed.
//!
//! The worlds are small-minded on purpose: a handful of namespaces, services, labels and subsets,
//! so that objects refer to each other, shadow each other and dangle often. Everything that a
//! generated object says is accepted by admission, except where [`Edit`] says `broken`.
//!
//! Reading order: this file, then one file per group of kinds.

mod destination_rule;
mod entries;
mod kubernetes;
mod mesh_config;
mod security;
mod sidecar;
mod virtual_service;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use entries::MACHINES;

/// Namespaces of the world; the first is the root namespace.
pub const NAMESPACES: [&str; 4] = ["istio-system", "alpha", "beta", "gamma"];

/// The key of an object: kind, namespace, name.
pub type Key = (String, String, String);

/// A random step.
#[derive(Clone, Debug)]
pub enum Edit {
    /// The object is created or replaced.
    Apply(Value),
    /// The object is deleted.
    Delete(Value),
}

/// A source of random choices; the same seed gives the same world in every process.
#[derive(Debug)]
pub struct Dice(fastrand::Rng);

impl Dice {
    /// Dice with a seed.
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number below `end`, 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.usize(..end) }
    }

    /// True in `percent` of a hundred throws.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }

    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// One of these values.
    pub fn value(&mut self, from: &[Value]) -> Value {
        from[self.below(from.len())].clone()
    }

    /// A namespace that is not the root.
    pub fn namespace(&mut self) -> &'static str {
        let at = 1 + self.below(NAMESPACES.len() - 1);
        NAMESPACES[at]
    }

    /// Sets `field` of `object` to one of `from` in `percent` of a hundred throws.
    pub fn maybe(&mut self, object: &mut Value, field: &str, percent: u8, from: &[Value]) {
        if self.percent(percent) {
            object[field] = self.value(from);
        }
    }
}

/// A short service name; there are eight.
fn service_name(dice: &mut Dice) -> String {
    format!("svc-{}", dice.below(8))
}

/// A host as authors write it: short, qualified, foreign, or dangling.
fn host(dice: &mut Dice) -> String {
    let name = service_name(dice);
    match dice.below(10) {
        0..5 => name,
        5 => format!("{name}.{}", dice.namespace()),
        6..8 => format!("{name}.{}.svc.cluster.local", dice.namespace()),
        8 => format!("ext-{}.example.com", dice.below(4)),
        _ => "nobody.example.com".to_owned(),
    }
}

/// Labels of a workload.
fn labels(dice: &mut Dice, app: &str) -> Value {
    let mut labels = json!({"app": app, "version": dice.pick(&["v1", "v2", "v3"])});
    dice.maybe(&mut labels, "tier", 40, &[json!("front"), json!("back")]);
    labels
}

/// `exportTo`, mostly absent.
fn export(dice: &mut Dice, spec: &mut Value) {
    dice.maybe(
        spec,
        "exportTo",
        25,
        &[
            json!(["*"]),
            json!(["."]),
            json!(["alpha", "beta"]),
            json!(["gamma"]),
        ],
    );
}

/// Some objects have no timestamp, some share one.
fn timestamp(dice: &mut Dice, metadata: &mut Value) {
    if dice.percent(60) {
        metadata["creationTimestamp"] = json!(format!("2026-01-0{}T00:00:00Z", 1 + dice.below(4)));
    }
}

fn istio(dice: &mut Dice, kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    let version = dice.pick(&["v1", "v1beta1", "v1alpha3"]);
    let mut metadata = json!({"name": name, "namespace": namespace});
    timestamp(dice, &mut metadata);
    json!({
        "apiVersion": format!("networking.istio.io/{version}"),
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    })
}

/// The key of an object.
pub fn key(object: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&object["kind"]),
        text(&object["metadata"]["namespace"]),
        text(&object["metadata"]["name"]),
    )
}

/// Makes one object of a kind.
type Maker = fn(&mut Dice) -> Value;

/// Kinds with their share among new objects.
const KINDS: [(&str, usize, Maker); 15] = [
    ("Namespace", 1, kubernetes::namespace),
    ("Node", 1, kubernetes::node),
    ("ServiceAccount", 1, kubernetes::service_account),
    ("Pod", 12, kubernetes::pod),
    ("Service", 6, kubernetes::service),
    ("EndpointSlice", 10, kubernetes::endpoint_slice),
    ("VirtualService", 10, virtual_service::make),
    ("DestinationRule", 8, destination_rule::make),
    ("ServiceEntry", 4, entries::service_entry),
    ("WorkloadEntry", 2, entries::workload_entry),
    ("Sidecar", 2, sidecar::make),
    ("MeshConfig", 1, mesh_config::make),
    ("AuthorizationPolicy", 5, security::authorization_policy),
    ("PeerAuthentication", 3, security::peer_authentication),
    ("RequestAuthentication", 3, security::request_authentication),
];

/// A world that changes at random.
#[derive(Debug)]
pub struct World {
    dice: Dice,
    objects: BTreeMap<Key, Value>,
    /// How often each sort of edit on each kind was made: `(kind, sort)`.
    pub counts: BTreeMap<(String, &'static str), usize>,
}

impl World {
    /// A world of about `size` objects.
    pub fn new(seed: u64, size: usize) -> Self {
        let mut world = Self {
            dice: Dice::new(seed),
            objects: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        for _ in 0..size {
            let object = world.make();
            world.objects.insert(key(&object), object);
        }
        world
    }

    /// All objects, in the order of their keys.
    pub fn objects(&self) -> impl Iterator<Item = &Value> {
        self.objects.values()
    }

    /// The dice, for further choices of the test.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// The namespace and name of a random Pod or WorkloadEntry, or of one that does not exist.
    pub fn workload(&mut self) -> (String, String) {
        let known: Vec<_> = self
            .objects
            .keys()
            .filter(|(kind, _, _)| kind == "Pod" || kind == "WorkloadEntry")
            .collect();
        match known.get(self.dice.below(known.len() + 1)) {
            Some((_, namespace, name)) => (namespace.clone(), name.clone()),
            None => ("alpha".to_owned(), "unknown".to_owned()),
        }
    }

    fn make(&mut self) -> Value {
        let total = KINDS.iter().map(|(_, share, _)| share).sum();
        let mut at = self.dice.below(total);
        for (_, share, make) in KINDS {
            if at < share {
                return make(&mut self.dice);
            }
            at -= share;
        }
        kubernetes::pod(&mut self.dice)
    }

    /// A random edit, which the world has undergone when this returns.
    pub fn edit(&mut self) -> Edit {
        let (sort, edit) = match self.dice.below(10) {
            0..4 => {
                let object = self.make();
                let known = self.objects.contains_key(&key(&object));
                (
                    if known { "replace" } else { "create" },
                    Edit::Apply(object),
                )
            }
            4..6 => match self.existing(|_| true) {
                Some(object) => ("delete", Edit::Delete(object)),
                None => return self.edit_by_creation(),
            },
            6..9 => match self.existing(|kind| touch_up(kind).is_some()) {
                Some(mut object) => {
                    let kind = key(&object).0;
                    if let Some(touch) = touch_up(&kind) {
                        touch(&mut self.dice, &mut object);
                    }
                    ("touch", Edit::Apply(object))
                }
                None => return self.edit_by_creation(),
            },
            _ => match self.existing(|_| true) {
                Some(mut object) => {
                    let mut metadata = object["metadata"].take();
                    if let Some(fields) = metadata.as_object_mut() {
                        fields.remove("creationTimestamp");
                    }
                    timestamp(&mut self.dice, &mut metadata);
                    object["metadata"] = metadata;
                    ("age", Edit::Apply(object))
                }
                None => return self.edit_by_creation(),
            },
        };
        self.undergo(sort, edit)
    }

    fn edit_by_creation(&mut self) -> Edit {
        let object = self.make();
        self.undergo("create", Edit::Apply(object))
    }

    fn undergo(&mut self, sort: &'static str, edit: Edit) -> Edit {
        let (Edit::Apply(object) | Edit::Delete(object)) = &edit;
        let key = key(object);
        *self.counts.entry((key.0.clone(), sort)).or_default() += 1;
        match &edit {
            Edit::Apply(object) => self.objects.insert(key, object.clone()),
            Edit::Delete(_) => self.objects.remove(&key),
        };
        edit
    }

    fn existing(&mut self, which: fn(&str) -> bool) -> Option<Value> {
        let found: Vec<_> = self
            .objects
            .iter()
            .filter(|((kind, _, _), _)| which(kind))
            .collect();
        let at = self.dice.below(found.len());
        found.get(at).map(|(_, object)| (*object).clone())
    }

    /// Kinds for which no edit of this sort has been made.
    pub fn missing(&self, sort: &'static str) -> Vec<&'static str> {
        KINDS
            .iter()
            .map(|(kind, _, _)| *kind)
            .filter(|kind| sort != "touch" || touch_up(kind).is_some())
            .filter(|kind| !self.counts.contains_key(&((*kind).to_owned(), sort)))
            .collect()
    }
}

/// The everyday change of a kind: a weight, a readiness, a label.
fn touch_up(kind: &str) -> Option<fn(&mut Dice, &mut Value)> {
    match kind {
        "Pod" => Some(kubernetes::touch_pod),
        "EndpointSlice" => Some(kubernetes::touch_endpoint_slice),
        "Service" => Some(kubernetes::touch_service),
        "VirtualService" => Some(virtual_service::touch),
        "DestinationRule" => Some(destination_rule::touch),
        "AuthorizationPolicy" => Some(security::touch_authorization),
        "PeerAuthentication" => Some(security::touch_peer),
        "RequestAuthentication" => Some(security::touch_request),
        _ => None,
    }
}
