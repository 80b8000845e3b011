//! Taking an earlier injection back, so that injecting twice is injecting once: a pod comes again after another
//! webhook has changed it, and manifests that have been injected are injected again.
//!
//! What an earlier injection has added is believed only of names that are ours.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::annotation::name::{OVERRIDES, STATUS, USER_VOLUME};
use crate::choices::METRICS_PORT;
use crate::draft::{Draft, Fields, name_of};
use crate::proxy::METRICS_PORT_NAME;
use crate::refusal::annotation_path;
use crate::status::Status;
use crate::{CAPTURE, PROXY, Refusal, probe, prometheus, volume};

/// What was there of an earlier injection.
#[derive(Debug)]
pub(crate) struct Earlier {
    /// Our containers, with what others have added to them since.
    pub containers: BTreeMap<&'static str, Fields>,
    /// Whether there was one.
    pub was_there: bool,
    /// What its author should know.
    pub remarks: Vec<String>,
}

/// Takes an earlier injection back, if there was one.
pub(crate) fn undo(draft: &mut Draft) -> Result<Earlier, Refusal> {
    let Some(status) = Status::read(draft) else {
        return Ok(never_injected(draft));
    };
    draft.annotations.shift_remove(STATUS);
    let mut containers = BTreeMap::new();
    for name in [PROXY, CAPTURE] {
        if status.has_container(name)
            && let Some(Value::Object(container)) = draft.take_container(name)
        {
            containers.insert(name, container);
        }
    }
    if let Some(proxy) = containers.get(PROXY) {
        probe::restore(draft, &told(proxy, probe::ENVIRONMENT));
        let agent = metrics_port(proxy);
        prometheus::restore(draft, agent, &told(proxy, prometheus::ENVIRONMENT));
    }
    reinstate(draft, &status)?;
    let of_user = user_volumes(draft);
    draft.volumes.retain(|item| {
        let name = name_of(item);
        let is_ours = volume::OURS.contains(&name) || of_user.contains(item);
        !(status.has_volume(name) && is_ours)
    });
    draft
        .image_pull_secrets
        .retain(|secret| !status.has_secret(name_of(secret)));
    Ok(Earlier {
        containers,
        was_there: true,
        remarks: Vec::new(),
    })
}

/// Drops annotations that only an injection writes, so that the next one does not believe them.
fn never_injected(draft: &mut Draft) -> Earlier {
    let dropped = [
        (STATUS, "is unreadable and has no effect"),
        (
            OVERRIDES,
            "has no effect on a pod that was not injected (put a container istio-proxy into the spec)",
        ),
    ];
    let dropped = dropped
        .into_iter()
        .filter(|(name, _)| draft.annotations.shift_remove(*name).is_some());
    Earlier {
        remarks: dropped
            .map(|(name, what)| format!("{}: {what}", annotation_path(name)))
            .collect(),
        containers: BTreeMap::new(),
        was_there: false,
    }
}

/// What an earlier injection has told the agent by an environment variable.
fn told(proxy: &Fields, variable: &str) -> Fields {
    let variables = proxy.get("env").and_then(Value::as_array);
    let mut variables = variables.into_iter().flatten();
    let text = variables
        .find(|item| name_of(item) == variable)
        .and_then(|item| item.get("value")?.as_str());
    let text = text.map(unescape).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// The port of the agent's metrics that an earlier injection has chosen.
fn metrics_port(proxy: &Fields) -> u16 {
    let ports = proxy.get("ports").and_then(Value::as_array);
    let mut ports = ports.into_iter().flatten();
    let port = ports
        .find(|port| name_of(port) == METRICS_PORT_NAME)
        .and_then(|port| port.get("containerPort")?.as_u64());
    port.and_then(|port| u16::try_from(port).ok())
        .unwrap_or(METRICS_PORT)
}

/// Gives the user's own containers back over which ours were put.
fn reinstate(draft: &mut Draft, status: &Status) -> Result<(), Refusal> {
    let Some(text) = draft.annotation(OVERRIDES) else {
        return Ok(());
    };
    let refuse = |message: String| {
        Refusal::annotation(
            OVERRIDES,
            message,
            "leave it out: the injector writes it, from a container istio-proxy in the spec",
        )
    };
    let mut overrides: Fields = serde_json::from_str(text)
        .map_err(|error| refuse(format!("is no JSON mapping: {error}")))?;
    draft.annotations.shift_remove(OVERRIDES);
    for key in ["initContainers", "containers"] {
        let Some(list) = overrides.shift_remove(key) else {
            continue;
        };
        let items = match list {
            Value::Null => Vec::new(),
            Value::Array(items) => items,
            _ => return Err(refuse(format!("{key} is no list"))),
        };
        for item in items {
            let name = name_of(&item);
            if !matches!(name, PROXY | CAPTURE) || !item.is_object() {
                return Err(refuse(format!(
                    "{key} has other things than our containers"
                )));
            }
            if !status.has_container(name) {
                continue;
            }
            match key {
                "containers" => draft.containers.push(item),
                _ => draft.init_containers.push(item),
            }
        }
    }
    Ok(())
}

/// The volumes that the pod's annotation adds, as far as it is readable.
fn user_volumes(draft: &Draft) -> Vec<Value> {
    let text = draft.annotation(USER_VOLUME).unwrap_or("{}");
    let fields: Fields = serde_json::from_str(text).unwrap_or_default();
    let item = |(name, value): (String, Value)| {
        let mut item = Fields::from_iter([("name".to_owned(), Value::String(name))]);
        if let Value::Object(value) = value {
            item.extend(value);
        }
        Value::Object(item)
    };
    fields.into_iter().map(item).collect()
}

/// A text as the value of an environment variable: Kubernetes expands `$(NAME)` in it, and reads `$$` as `$`.
pub(crate) fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

fn unescape(text: &str) -> String {
    text.replace("$$", "$")
}
