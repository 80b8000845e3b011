//! In which version a kind that a CustomResourceDefinition defines is asked for.

use kube::Client;
use serde::Deserialize;

use super::kinds::{DEFINITION, Kind};
use super::request;
use super::trouble::Trouble;

#[derive(Debug, Deserialize)]
struct Definition {
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Spec {
    versions: Vec<Version>,
}

#[derive(Debug, Deserialize)]
struct Version {
    name: String,
    #[serde(default)]
    served: bool,
    #[serde(default)]
    storage: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    /// `null` in a definition that is new.
    #[serde(default)]
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    is: String,
    status: String,
}

/// The version to ask for; `None` while the kind is not served at all.
pub(super) async fn resolve(client: &Client, kind: &Kind) -> Result<Option<String>, Trouble> {
    let path = format!(
        "/apis/{}/v1/{}/{}",
        DEFINITION.group,
        DEFINITION.plural,
        kind.definition()
    );
    match request::read(client, &path).await {
        Ok(json) => choose(kind, &json),
        Err(Trouble::NotServed) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The version that is stored, since it need not be converted, if dialects know it; else the best
/// one that they know; else any: they will say so at each object.
fn choose(kind: &Kind, json: &[u8]) -> Result<Option<String>, Trouble> {
    let definition: Definition =
        serde_json::from_slice(json).map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let is_there =
        |condition: &Condition| condition.is == "Established" && condition.status == "True";
    if !definition.status.conditions.iter().flatten().any(is_there) {
        return Ok(None);
    }
    let served: Vec<_> = definition
        .spec
        .versions
        .iter()
        .filter(|version| version.served)
        .collect();
    let stored = served.iter().find(|version| version.storage);
    let is_known = |version: &&&Version| kind.versions.contains(&&*version.name);
    let best = kind
        .versions
        .iter()
        .find_map(|known| served.iter().find(|version| version.name == *known));
    let chosen = stored
        .filter(is_known)
        .or(best)
        .or(stored)
        .or(served.last());
    Ok(chosen.map(|version| version.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::cluster::kinds::KINDS;

    #[test]
    fn the_stored_version_is_asked_for_if_it_is_known() {
        let kind = KINDS
            .iter()
            .find(|kind| kind.kind == "VirtualService")
            .expect("a kind");
        for (versions, established, chosen) in [
            ("v1 v1beta1* v1alpha3", "True", Some("v1beta1")),
            ("v2* v1beta1 v1", "True", Some("v1")),
            ("v2* v3", "True", Some("v2")),
            ("v3 v4-*", "True", Some("v3")),
            ("v1-*", "True", None),
            ("v1*", "False", None),
        ] {
            let of = |text: &str| {
                let name = text.trim_end_matches(['*', '-']);
                let (served, storage) = (!text.contains('-'), text.contains('*'));
                serde_json::json!({"name": name, "served": served, "storage": storage, "schema": {}})
            };
            let versions: Vec<_> = versions.split(' ').map(of).collect();
            let definition = serde_json::json!({
                "spec": {"versions": versions},
                "status": {"conditions": [{"type": "Established", "status": established}]},
            });
            let version = choose(kind, definition.to_string().as_bytes()).expect("readable");
            assert_eq!(version.as_deref(), chosen);
        }
    }
}
