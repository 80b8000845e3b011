//! What our containers get of the node.

use serde_json::{Value, json};

use crate::annotation::{Annotations, name};
use crate::draft::Fields;
use crate::quantity::quantity;
use crate::{Refusal, Settings};

/// As Istio: who says anything about resources says everything.
pub(super) fn read(settings: &Settings, said: Annotations<'_>) -> Result<Fields, Refusal> {
    let part = |cpu, memory| -> Result<Fields, Refusal> {
        let mut part = Fields::new();
        for (key, name) in [("cpu", cpu), ("memory", memory)] {
            if let Some(quantity) = said.read(name, quantity)? {
                part.insert(key.to_owned(), json!(quantity));
            }
        }
        Ok(part)
    };
    let requests = part(name::PROXY_CPU, name::PROXY_MEMORY)?;
    let limits = part(name::PROXY_CPU_LIMIT, name::PROXY_MEMORY_LIMIT)?;
    if requests.is_empty() && limits.is_empty() {
        return of_mesh(settings);
    }
    let mut resources = Fields::new();
    for (key, part) in [("requests", requests), ("limits", limits)] {
        if !part.is_empty() {
            resources.insert(key.to_owned(), Value::Object(part));
        }
    }
    Ok(resources)
}

fn of_mesh(settings: &Settings) -> Result<Fields, Refusal> {
    let hint = "write requests and limits as in a container";
    for (key, part) in &settings.resources {
        let path = format!("resources.{key}");
        let part = match (key.as_str(), part) {
            ("requests" | "limits", Value::Object(part)) => part,
            _ => return Err(Refusal::new(path, "is not known", hint)),
        };
        for (resource, value) in part {
            let path = format!("{path}.{resource}");
            let is_sound = match value {
                Value::String(text) => quantity(text).is_ok(),
                Value::Number(number) => number.as_f64().is_some_and(|number| number >= 0.0),
                _ => false,
            };
            if !is_sound {
                return Err(Refusal::new(path, "is no quantity", hint));
            }
        }
    }
    Ok(settings.resources.clone())
}
