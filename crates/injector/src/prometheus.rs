//! Annotations for Prometheus: it asks the agent, which adds the application's metrics to those of the proxy.

use serde_json::{Value, json};

use crate::Refusal;
use crate::annotation::name::SCRAPE_TARGETS;
use crate::choices::RESERVED;
use crate::draft::{Draft, Fields};

/// The environment variable from which the agent learns where the application's metrics are.
pub(crate) const ENVIRONMENT: &str = "ISTIO_PROMETHEUS_ANNOTATIONS";

const SCRAPE: &str = "prometheus.io/scrape";
const PORT: &str = "prometheus.io/port";
const PATH: &str = "prometheus.io/path";
const AGENT_PATH: &str = "/stats/prometheus";

/// Points Prometheus to the agent, and gives what the agent has to know; nothing if the pod wants to keep Prometheus
/// away, or has no metrics of its own.
pub(crate) fn merge(draft: &mut Draft, agent: u16) -> Result<Option<Value>, Refusal> {
    let scrape = said(draft, SCRAPE);
    if matches!(
        scrape.as_str(),
        "0" | "f" | "F" | "false" | "FALSE" | "False"
    ) {
        return Ok(None);
    }
    let agent_port = agent.to_string();
    let port = said(draft, PORT);
    if port == agent_port {
        return Ok(None);
    }
    let path = said(draft, PATH);
    let targets = said(draft, SCRAPE_TARGETS);
    let targets = read_targets(&targets, agent)?;
    if !port.is_empty() {
        check_port(&port, PORT, agent)?;
    }
    let first = |key: &str| targets.first().and_then(|target| target.get(key)).cloned();
    let is_silent = [&scrape, &port, &path].iter().all(|text| text.is_empty());
    let known = (!is_silent || !targets.is_empty()).then(|| {
        let mut known = Fields::new();
        known.insert("scrape".to_owned(), json!(scrape));
        known.insert("path".to_owned(), first("path").unwrap_or(json!(path)));
        known.insert("port".to_owned(), first("port").unwrap_or(json!(port)));
        if !targets.is_empty() {
            known.insert("targets".to_owned(), json!(targets));
        }
        Value::Object(known)
    });
    point_to_agent(draft, &agent_port);
    Ok(known)
}

/// Sets our annotations in place of all spellings of them.
fn point_to_agent(draft: &mut Draft, port: &str) {
    for (name, value) in [(PORT, port), (PATH, AGENT_PATH), (SCRAPE, "true")] {
        set(draft, name, value);
    }
    draft
        .annotations
        .retain(|name, _| !is_spelling(name, SCRAPE_TARGETS));
}

/// Sets an annotation where one of its spellings stands.
fn set(draft: &mut Draft, name: &str, value: &str) {
    let place = draft
        .annotations
        .keys()
        .position(|other| is_spelling(other, name));
    draft
        .annotations
        .retain(|other, _| !is_spelling(other, name));
    let end = draft.annotations.len();
    let place = place.unwrap_or(end).min(end);
    draft
        .annotations
        .shift_insert(place, name.to_owned(), json!(value));
}

/// What an annotation says, however its name is spelt: Prometheus sees `_` for everything but letters and digits.
fn said(draft: &Draft, name: &str) -> String {
    let found = draft
        .annotations
        .iter()
        .find(|(other, _)| is_spelling(other, name));
    let text = found.and_then(|(_, value)| value.as_str());
    text.unwrap_or_default().to_owned()
}

fn is_spelling(name: &str, of: &str) -> bool {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.len() == of.len() && name.chars().map(plain).eq(of.chars().map(plain))
}

/// Reads `PORT:PATH,PORT:PATH`.
fn read_targets(text: &str, agent: u16) -> Result<Vec<Value>, Refusal> {
    let entries = text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (port, path) = entry.split_once(':').unwrap_or((entry, ""));
            let path = match path.trim() {
                "" => "/metrics",
                path => path,
            };
            let port = check_port(port.trim(), SCRAPE_TARGETS, agent)?;
            Ok(json!({"port": port.to_string(), "path": path}))
        })
        .collect()
}

fn check_port(text: &str, annotation: &str, agent: u16) -> Result<u16, Refusal> {
    let port = crate::traffic::port(text).map_err(|misreading| misreading.of(annotation))?;
    if port.0 == agent || RESERVED.contains(&port.0) {
        return Err(Refusal::annotation(
            annotation,
            format!("port {} is the proxy's", port.0),
            "write the port at which the application has its metrics",
        ));
    }
    Ok(port.0)
}

/// Gives the annotations back that an earlier injection has changed.
pub(crate) fn restore(draft: &mut Draft, agent: u16, known: &Fields) {
    let agent = agent.to_string();
    let ours = [(PORT, agent.as_str()), (PATH, AGENT_PATH), (SCRAPE, "true")];
    if ours
        .iter()
        .any(|(name, value)| draft.annotation(name) != Some(value))
    {
        return;
    }
    let text = |key: &str| {
        let text = known.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let targets = known.get("targets").and_then(Value::as_array);
    let targets: Vec<String> = targets
        .into_iter()
        .flatten()
        .map(|target| {
            let part = |key| target.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("{}:{}", part("port"), part("path"))
        })
        .collect();
    // The first target stands in port and path, too, for old agents.
    let (port, path) = if targets.is_empty() {
        (text("port"), text("path"))
    } else {
        (String::new(), String::new())
    };
    let targets = targets.join(",");
    for (name, value) in [
        (PORT, port),
        (PATH, path),
        (SCRAPE, text("scrape")),
        (SCRAPE_TARGETS, targets),
    ] {
        if value.is_empty() {
            draft.annotations.shift_remove(name);
        } else {
            draft.annotations.insert(name.to_owned(), json!(value));
        }
    }
}
