//! The contract of injection, clause by clause: `contract/*.yaml` has pods and what is to become of them.
//!
//! A case has `labels`, `annotations` and `spec` of a pod (an ordinary one where it says nothing), `settings`,
//! `namespace` labels, and what is expected: `refused`, or `fields`, `init`, `containers`, `flags`, `env` and `warns`.

mod support;

use ferromesh_injector::{Injected, NamespaceFacts, Settings, inject};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use support::{at, container, flag, is_kept, names, variable};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    annotations: Map<String, Value>,
    #[serde(default)]
    spec: Map<String, Value>,
    #[serde(default)]
    settings: Value,
    #[serde(default)]
    namespace: Map<String, Value>,
    #[serde(default)]
    refused: Option<String>,
    /// Paths to values; `null` is absence.
    #[serde(default)]
    fields: Map<String, Value>,
    /// Names of init containers, in order.
    #[serde(default)]
    init: Option<Vec<String>>,
    /// Names of containers, in order.
    #[serde(default)]
    containers: Option<Vec<String>>,
    /// Values of flags by container; `null` is absence.
    #[serde(default)]
    flags: Map<String, Value>,
    /// Environment variables of the proxy: a text, a mapping for JSON, or `null` for absence.
    #[serde(default)]
    env: Map<String, Value>,
    /// Parts of warnings, in order; all of them.
    #[serde(default)]
    warns: Vec<String>,
}

impl Case {
    fn pod(&self) -> Value {
        let mut metadata = self.metadata.clone();
        metadata.entry("generateName").or_insert(json!("web-"));
        for (key, value) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            metadata.insert(key.to_owned(), Value::Object(value.clone()));
        }
        let mut spec = self.spec.clone();
        spec.entry("containers")
            .or_insert(json!([{"name": "web", "image": "web"}]));
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    }

    fn check(&self) {
        let name = &self.case;
        let pod = self.pod();
        let settings = Settings::read(&self.settings).expect(name);
        let namespace = NamespaceFacts {
            name: "shop".to_owned(),
            labels: serde_json::from_value(Value::Object(self.namespace.clone())).expect(name),
        };
        let outcome = inject(&pod, &settings, &namespace);
        let Injected {
            pod: injected,
            warnings,
        } = match (outcome, &self.refused) {
            (Err(refusal), Some(part)) => {
                let text = refusal.to_string();
                assert!(text.contains(part), "{name}: {text}");
                return;
            }
            (Ok(_), Some(part)) => panic!("{name}: is not refused: {part}"),
            (Err(refusal), None) => panic!("{name}: {refusal}"),
            (Ok(injected), None) => injected,
        };
        self.check_effects(&injected);
        let warned = warnings.iter().zip(&self.warns);
        let is_warned = warned
            .clone()
            .all(|(text, part)| text.contains(part.as_str()));
        assert!(
            is_warned && warnings.len() == self.warns.len(),
            "{name}: {warnings:#?}"
        );
        let again = inject(&injected, &settings, &namespace).expect(name);
        assert_eq!(again.pod, injected, "{name}: twice is not once");
        is_kept(&pod, &injected).unwrap_or_else(|path| panic!("{name}: {path} is lost"));
    }

    fn check_effects(&self, pod: &Value) {
        let name = &self.case;
        for (path, expected) in &self.fields {
            let found = at(pod, path).cloned().unwrap_or(Value::Null);
            assert_eq!(found, *expected, "{name}: {path}");
        }
        if let Some(expected) = &self.init {
            assert_eq!(names(pod, "initContainers"), *expected, "{name}");
        }
        if let Some(expected) = &self.containers {
            assert_eq!(names(pod, "containers"), *expected, "{name}");
        }
        for (of, flags) in &self.flags {
            let of = container(pod, of).expect(name);
            for (key, expected) in flags.as_object().expect(name) {
                let found = flag(of, key);
                assert_eq!(found, expected.as_str(), "{name}: {key}");
            }
        }
        for (key, expected) in &self.env {
            let proxy = container(pod, "istio-proxy").expect(name);
            let found = variable(proxy, key);
            let found = match (expected, found) {
                (Value::Object(_), Some(text)) => serde_json::from_str(text).expect(name),
                (_, found) => json!(found),
            };
            assert_eq!(found, *expected, "{name}: {key}");
        }
    }
}

#[test]
fn every_clause_of_the_contract_holds() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract");
    let mut checked = 0;
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let documents = ferromesh_yaml::read(&text);
        assert_eq!(documents.faults, [], "{}", path.display());
        for document in documents.documents {
            let case: Case =
                serde_json::from_value(document.content.clone()).unwrap_or_else(|error| {
                    panic!("{}: {error}: {}", path.display(), document.content)
                });
            let name = case.case.clone();
            let outcome = std::panic::catch_unwind(|| case.check());
            if outcome.is_err() {
                failed.push(name);
            }
            checked += 1;
        }
    }
    assert_eq!(failed, Vec::<String>::new(), "their faults stand above");
    assert!(checked >= 100, "only {checked} cases");
}
