//! Objects that must pass, and a table of those that must not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ferromesh_api::crd::definitions;
use ferromesh_yaml::Documents;
use serde_json::{Value, json};

use super::validate::{Fault, validate};
use super::{definition, walk};

const ACCEPTED: &str = include_str!("../../testdata/crd/accepted.yaml");
const REFUSED: &str = include_str!("../../testdata/crd/refused.yaml");

/// The examples of a table.
fn table(text: &str) -> Vec<Value> {
    let [document] = &documents(text)[..] else {
        panic!("one document")
    };
    document.as_array().expect("a list").clone()
}

fn documents(text: &str) -> Vec<Value> {
    let Documents { documents, faults } = ferromesh_yaml::read(text);
    assert_eq!(faults, []);
    documents
        .into_iter()
        .map(|document| document.content)
        .collect()
}

fn faults(example: &Value) -> Vec<Fault> {
    let kind = example["kind"].as_str().expect("a kind");
    let definition = definition("", kind).expect("one of ours");
    let mut object = json!({});
    if let Some(spec) = example.get("spec") {
        object["spec"] = spec.clone();
    }
    validate(&Value::from(definition.schema()), &object, "")
}

#[test]
fn what_is_just_within_the_rules_passes() {
    for example in table(ACCEPTED) {
        assert_eq!(faults(&example), [], "{example}");
    }
}

#[test]
fn what_is_wrong_is_found_where_it_is() {
    for example in table(REFUSED) {
        // What breaks a rule in CEL is fine for everything else.
        let expected: Vec<_> = example.get("word").map_or_else(Vec::new, |word| {
            vec![Fault {
                path: example["path"].as_str().expect("a path").to_owned(),
                word: word.as_str().expect("a word").to_owned(),
            }]
        });
        assert_eq!(faults(&example), expected, "{example}");
    }
}

#[test]
fn every_rule_has_an_example_that_breaks_it() {
    let refused = table(REFUSED);
    let shown: BTreeSet<_> = refused
        .iter()
        .filter_map(|one| one["says"].as_str())
        .collect();
    let mut rules = BTreeSet::new();
    for definition in definitions() {
        let schema = Value::from(definition.schema());
        walk(&schema, "", &mut |_, schema| {
            let all = schema["x-kubernetes-validations"].as_array();
            for rule in all.into_iter().flatten() {
                rules.insert(rule["message"].as_str().expect("a message").to_owned());
            }
        });
    }
    let shown: BTreeSet<_> = shown.into_iter().map(str::to_owned).collect();
    assert_eq!(rules, shown);
}

/// Where the repository keeps objects that are good.
const GOOD: [&str; 4] = [
    "samples",
    "crates/testkit/tests/liveness",
    "crates/cli/tests/authz",
    "crates/cli/tests/analyze/sound.yaml",
];

#[test]
fn the_objects_of_this_repository_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = BTreeSet::new();
    for place in GOOD {
        for file in files(&root.join(place)) {
            let text = fs::read_to_string(&file).expect("a file");
            for object in documents(&text) {
                let api_version = object["apiVersion"].as_str().unwrap_or_default();
                let (group, version) = api_version.split_once('/').unwrap_or_default();
                let kind = object["kind"].as_str().unwrap_or_default();
                if let Some(definition) = definition(group, kind) {
                    assert!(definition.versions.served.contains(&version), "{file:?}");
                    let content = json!({"spec": object["spec"]});
                    let schema = Value::from(definition.schema());
                    assert_eq!(validate(&schema, &content, ""), [], "{file:?} {kind}");
                    seen.insert(definition.kind);
                }
            }
        }
    }
    let expected = [
        "AuthorizationPolicy",
        "DestinationRule",
        "PeerAuthentication",
        "RequestAuthentication",
        "ServiceEntry",
        "Sidecar",
        "VirtualService",
        "WorkloadEntry",
    ];
    assert_eq!(seen, expected.into());
}

/// The files in YAML at a place and below.
fn files(place: &Path) -> Vec<PathBuf> {
    if !place.is_dir() {
        let yaml = place.extension().is_some_and(|end| end == "yaml");
        return yaml.then(|| place.to_owned()).into_iter().collect();
    }
    let entries = fs::read_dir(place).expect("a folder");
    entries
        .flat_map(|entry| files(&entry.expect("an entry").path()))
        .collect()
}
