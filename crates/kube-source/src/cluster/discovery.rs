//! Which namespaces are discovered: `discoverySelectors` of the mesh configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ferromesh_api::{Key, Object};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde_json::Value;

use crate::batch::SourceFault;
use crate::mesh_config;

const FIELD: &str = "discoverySelectors";

/// Which namespaces are discovered.
#[derive(Debug)]
pub(super) struct Discovery {
    /// Always discovered: a mesh-wide policy that nobody sees would protect nobody.
    root: String,
    /// Any of these; all namespaces if there are none.
    selectors: Vec<Selector>,
    /// The labels of all namespaces.
    namespaces: BTreeMap<Box<str>, BTreeMap<String, String>>,
    /// Whether there are selectors that are not readable: the last readable ones count.
    pub fault: Option<SourceFault>,
}

/// What a change means to objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Some have to go.
    Fewer,
    /// Some have to go, and some that nobody kept have to come.
    More,
}

impl Discovery {
    /// Everything is discovered.
    pub fn new(root: &str) -> Self {
        Self {
            root: root.to_owned(),
            selectors: Vec::new(),
            namespaces: BTreeMap::new(),
            fault: None,
        }
    }

    /// Whether objects of a namespace are discovered; the empty one is the cluster itself.
    pub fn selects(&self, namespace: &str) -> bool {
        let labels = || self.namespaces.get(namespace);
        self.selectors.is_empty()
            || namespace.is_empty()
            || namespace == self.root
            || labels().is_some_and(|labels| self.matches(labels))
    }

    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selectors
            .iter()
            .any(|selector| selector.matches(labels))
    }

    /// A namespace has these labels.
    pub fn put(&mut self, name: &str, labels: &BTreeMap<String, String>) -> Effect {
        let before = self.selects(name);
        self.namespaces.insert(name.into(), labels.clone());
        match (before, self.selects(name)) {
            (true, false) => Effect::Fewer,
            (false, true) => Effect::More,
            (true, true) | (false, false) => Effect::None,
        }
    }

    /// A namespace is gone.
    pub fn remove(&mut self, name: &str) -> Effect {
        let before = self.selects(name);
        self.namespaces.remove(name);
        if before && !self.selects(name) {
            Effect::Fewer
        } else {
            Effect::None
        }
    }

    /// The mesh configuration says something else; `None` if there is none.
    pub fn configure(&mut self, object: Option<&Object>) -> Effect {
        let written = object.and_then(|object| object.spec().get(FIELD));
        match selectors(written) {
            Ok(selectors) => {
                self.fault = None;
                if selectors == self.selectors {
                    return Effect::None;
                }
                let is_first = self.selectors.is_empty();
                self.selectors = selectors;
                if is_first {
                    Effect::Fewer
                } else {
                    Effect::More
                }
            }
            Err((path, message)) => {
                self.fault = Some(fault(path, message));
                Effect::None
            }
        }
    }
}

fn selectors(written: Option<&Value>) -> Result<Vec<Selector>, (String, String)> {
    let items = match written {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err((FIELD.to_owned(), "expected a list".to_owned())),
    };
    let selector = |(index, item): (usize, &Value)| {
        let at = || format!("{FIELD}[{index}]");
        let read: LabelSelector =
            serde_json::from_value(item.clone()).map_err(|error| (at(), error.to_string()))?;
        Selector::try_from(read).map_err(|error| (at(), error.to_string()))
    };
    items.iter().enumerate().map(selector).collect()
}

fn fault(path: String, message: String) -> SourceFault {
    SourceFault {
        file: Arc::from(Path::new("")),
        line: 0,
        path,
        code: "invalid-value",
        message,
        hint: Some("write matchLabels, or matchExpressions with key, operator (In, NotIn, Exists, DoesNotExist) and values".to_owned()),
        object: Some(Key {
            group: Arc::from(mesh_config::GROUP),
            kind: Arc::from(mesh_config::KIND),
            namespace: Arc::from(""),
            name: Arc::from(mesh_config::NAME),
        }),
        api_version: format!("{}/{}", mesh_config::GROUP, mesh_config::VERSION),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferromesh_api::Object;
    use serde_json::{Value, json};

    use super::{Discovery, Effect};
    use crate::mesh_config;

    fn config(selectors: Value) -> Object {
        Object::new(mesh_config::object(
            json!({"discoverySelectors": selectors}),
        ))
        .expect("an object")
    }

    fn labels(text: &str) -> BTreeMap<String, String> {
        let pairs = text.split(' ').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn namespaces_are_chosen_by_any_selector() {
        let mut discovery = Discovery::new("root");
        assert!(discovery.selects("anything"));
        assert_eq!(discovery.put("shop", &labels("team=a")), Effect::None);
        assert_eq!(
            discovery.put("test", &labels("team=b env=test")),
            Effect::None
        );
        let chosen = config(json!([
            {"matchLabels": {"team": "a"}},
            {"matchExpressions": [{"key": "env", "operator": "In", "values": ["test"]}]},
        ]));
        assert_eq!(discovery.configure(Some(&chosen)), Effect::Fewer);
        assert_eq!(discovery.configure(Some(&chosen)), Effect::None);
        for (namespace, selected) in [
            ("shop", true),
            ("test", true),
            ("other", false),
            ("root", true),
            ("", true),
        ] {
            assert_eq!(discovery.selects(namespace), selected, "{namespace}");
        }
        assert_eq!(discovery.put("shop", &labels("team=c")), Effect::Fewer);
        assert_eq!(discovery.put("shop", &labels("team=a x=y")), Effect::More);
        assert_eq!(discovery.put("shop", &labels("team=a")), Effect::None);
        assert_eq!(discovery.remove("shop"), Effect::Fewer);
        assert_eq!(discovery.remove("shop"), Effect::None);
        assert_eq!(discovery.configure(None), Effect::More);
        assert!(discovery.selects("anything"));
    }

    #[test]
    fn unreadable_selectors_leave_the_last_ones_in_force() {
        let mut discovery = Discovery::new("root");
        discovery.configure(Some(&config(json!([{"matchLabels": {"team": "a"}}]))));
        for (selectors, path) in [
            (
                json!([{}, {"matchExpressions": [{"key": "x", "operator": "Is"}]}]),
                "discoverySelectors[1]",
            ),
            (json!([{"matchLabels": 1}]), "discoverySelectors[0]"),
            (json!({}), "discoverySelectors"),
        ] {
            assert_eq!(discovery.configure(Some(&config(selectors))), Effect::None);
            let fault = discovery.fault.as_ref().expect("a fault");
            assert_eq!(fault.path, path);
            assert!(!discovery.selects("other"));
        }
        discovery.configure(Some(&config(json!([]))));
        assert_eq!(discovery.fault, None);
    }
}
