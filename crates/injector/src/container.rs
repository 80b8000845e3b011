//! Our containers in a pod.

use serde_json::{Value, json};

use crate::annotation::name;
use crate::capture::{self, ProxyIds};
use crate::choices::Choices;
use crate::draft::{Draft, Fields, name_of, put, take_fields};
use crate::undo::{Earlier, escape};
use crate::{CAPTURE, Interception, PROXY, Refusal, Settings, order, overlay, proxy};

/// What the agent is told by environment variables.
pub(crate) type Told = [(&'static str, Option<Value>); 2];

/// Adds our containers, merged with those of the user that have their names.
pub(crate) fn add(
    draft: &mut Draft,
    settings: &Settings,
    choices: &Choices,
    (earlier, told): (&Earlier, Told),
) -> Result<(), Refusal> {
    let mut overrides = Fields::new();
    let mut over = |draft: &mut Draft, ours: &mut Fields, name: &'static str| {
        if let Some(users) = take_users(draft, name, &mut overrides) {
            overlay::merge(ours, &users);
        }
        if let Some(before) = earlier.containers.get(name) {
            let has_volume = |name: &str| draft.volumes.iter().any(|item| name_of(item) == name);
            overlay::keep(ours, before, has_volume);
        }
    };
    let mut proxy = proxy::container(settings, choices)?;
    over(draft, &mut proxy, PROXY);
    if choices.interception == Interception::Tproxy {
        run_as_root(&mut proxy);
    }
    tell(&mut proxy, told);
    let ids = match choices.interception {
        Interception::Tproxy => ProxyIds::default(),
        Interception::None | Interception::Redirect => ProxyIds::of(&proxy),
    };
    let mut capture = capture::container(settings, choices, ids);
    if let Some(capture) = &mut capture {
        over(draft, capture, CAPTURE);
    }
    write_overrides(draft, overrides);
    let capture = capture.map(Value::Object);
    let place = (choices.template, choices.placement);
    order::place(draft, place, Value::Object(proxy), capture);
    Ok(())
}

/// Takes a container of the user's that is to be merged over ours, and notes it for the next injection.
fn take_users(draft: &mut Draft, name: &str, overrides: &mut Fields) -> Option<Fields> {
    let list = match draft
        .init_containers
        .iter()
        .any(|item| name_of(item) == name)
    {
        true => "initContainers",
        false => "containers",
    };
    let users = draft.take_container(name)?;
    let mut items = crate::draft::take_items(overrides, list);
    items.push(users.clone());
    overrides.insert(list.to_owned(), Value::Array(items));
    match users {
        Value::Object(users) => Some(users),
        _ => None,
    }
}

fn write_overrides(draft: &mut Draft, overrides: Fields) {
    if overrides.is_empty() {
        draft.annotations.shift_remove(name::OVERRIDES);
        return;
    }
    let text = Value::Object(overrides).to_string();
    draft
        .annotations
        .insert(name::OVERRIDES.to_owned(), json!(text));
}

/// With TPROXY only root has the capability that the proxy needs, so nobody may choose another user.
fn run_as_root(proxy: &mut Fields) {
    let mut security = take_fields(proxy, "securityContext");
    security.insert("runAsUser".to_owned(), json!(0));
    security.insert("runAsGroup".to_owned(), json!(proxy::PROXY_ID));
    security.insert("runAsNonRoot".to_owned(), json!(false));
    put(proxy, "securityContext", Value::Object(security), "");
}

/// Sets environment variables that are nobody else's.
fn tell(proxy: &mut Fields, told: Told) {
    let mut variables = crate::draft::take_items(proxy, "env");
    for (name, value) in told {
        variables.retain(|item| name_of(item) != name);
        if let Some(value) = value {
            variables.push(json!({"name": name, "value": escape(&value.to_string())}));
        }
    }
    put(proxy, "env", Value::Array(variables), "");
}
