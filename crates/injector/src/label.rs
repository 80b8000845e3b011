//! Labels and annotations that tell others about the proxy.

use serde_json::{Value, json};

use crate::annotation::name;
use crate::draft::{Draft, Fields, name_of};
use crate::gateway::Template;
use crate::{Owner, PROXY, Settings};

/// The longest value of a label.
const LONGEST: usize = 63;

/// Adds what is not there.
pub(crate) fn add(draft: &mut Draft, settings: &Settings, template: Template, owner: &Owner) {
    let labels = &mut draft.labels;
    if template == Template::Sidecar {
        default(labels, name::TLS_MODE, "istio");
    }
    let canonical = first(labels, &["app.kubernetes.io/name", "app"]);
    let canonical = canonical.unwrap_or_else(|| owner.name.clone());
    default(labels, name::CANONICAL_NAME, &label_value(&canonical));
    let revision = first(labels, &["app.kubernetes.io/version", "version"]);
    let revision = revision.unwrap_or_else(|| "latest".to_owned());
    default(labels, name::CANONICAL_REVISION, &label_value(&revision));
    default(labels, name::NETWORK, &settings.network);

    let mut names = draft.containers.iter().map(name_of);
    let application = names.find(|name| *name != PROXY);
    let application = application.unwrap_or_default().to_owned();
    let annotations = &mut draft.annotations;
    default(annotations, name::DEFAULT_LOGS_CONTAINER, &application);
    default(annotations, name::DEFAULT_CONTAINER, &application);
    // Not a label: that is the author's choice, which may be a tag.
    annotations.insert(name::REVISION.to_owned(), json!(settings.revision));
}

/// What the first of these labels says.
fn first(labels: &Fields, names: &[&str]) -> Option<String> {
    let said = |name: &&str| labels.get(*name)?.as_str().filter(|text| !text.is_empty());
    names.iter().find_map(said).map(str::to_owned)
}

/// Sets what is absent or empty to something.
fn default(fields: &mut Fields, name: &str, value: &str) {
    let is_there = fields
        .get(name)
        .and_then(Value::as_str)
        .is_some_and(|text| !text.is_empty());
    if !is_there && !value.is_empty() {
        fields.insert(name.to_owned(), json!(value));
    }
}

/// A text as the value of a label.
fn label_value(text: &str) -> String {
    let end = text
        .char_indices()
        .nth(LONGEST)
        .map_or(text.len(), |(at, _)| at);
    let short = text.get(..end).unwrap_or_default();
    short
        .trim_matches(|c| matches!(c, '-' | '_' | '.'))
        .to_owned()
}
