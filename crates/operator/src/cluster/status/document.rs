//! Statuses as they stand in the API server.

use std::hash::{DefaultHasher, Hash, Hasher};

use ferromesh_dialects::report::{Condition, ConditionKind, Progress, Status};
use serde_json::{Map, Value, json};

/// The same for statuses that say the same, in this process.
pub type Print = u64;

/// What an object's status said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of all that we write.
    pub print: Print,
    /// The generation that proxies have taken according to it, and whether there were any.
    pub taken: Option<(i64, Progress)>,
}

/// The fingerprint of a status.
pub fn print(status: &Status) -> Print {
    let Status {
        observed_generation,
        conditions,
    } = status;
    let mut hasher = DefaultHasher::new();
    observed_generation.hash(&mut hasher);
    for condition in conditions {
        let Condition {
            kind,
            holds,
            reason,
            message,
        } = condition;
        let said = (kind.name(), truth(*holds), *reason, &**message);
        (said, *observed_generation).hash(&mut hasher);
    }
    hasher.finish()
}

/// Reads what stands there.
pub fn read(status: &Value) -> Seen {
    let mut hasher = DefaultHasher::new();
    generation(status).unwrap_or_default().hash(&mut hasher);
    let mut taken = None;
    for condition in conditions(status).iter().filter(|it| is_ours(it)) {
        let text = |field| text(condition, field);
        let generation = generation(condition).unwrap_or_default();
        let said = (
            text("type"),
            text("status"),
            text("reason"),
            text("message"),
        );
        (said, generation).hash(&mut hasher);
        if (said.0, said.1) == (ConditionKind::Programmed.name(), truth(true)) {
            let progress = if said.2 == Progress::NoProxies.reason() {
                Progress::NoProxies
            } else {
                Progress::Taken
            };
            taken = Some((generation, progress));
        }
    }
    Seen {
        print: hasher.finish(),
        taken,
    }
}

/// The fields of a status that have to be written; `None` if it says all of this already. What
/// others have written stays as it is and where it is.
pub fn merged(current: &Value, status: &Status, now: &str) -> Option<Value> {
    let Status {
        observed_generation,
        conditions: wanted,
    } = status;
    let before = conditions(current);
    let mut after = Vec::with_capacity(before.len() + wanted.len());
    let mut open: Vec<&Condition> = wanted.iter().collect();
    for condition in before {
        if !is_ours(condition) {
            after.push(condition.clone());
            continue;
        }
        let position = open
            .iter()
            .position(|it| it.kind.name() == text(condition, "type"));
        if let Some(position) = position {
            let wanted = open.remove(position);
            after.push(updated(condition, wanted, *observed_generation, now));
        }
    }
    let nothing = Value::Null;
    let new = open.into_iter();
    after.extend(new.map(|wanted| updated(&nothing, wanted, *observed_generation, now)));
    let is_same = before == after && current["observedGeneration"] == *observed_generation;
    (!is_same).then(|| json!({"conditions": after, "observedGeneration": observed_generation}))
}

/// A condition as it should be. It holds since the same time if it held before.
fn updated(before: &Value, wanted: &Condition, generation: i64, now: &str) -> Value {
    let Condition {
        kind,
        holds,
        reason,
        message,
    } = wanted;
    let since = text(before, "lastTransitionTime");
    let is_as_before = text(before, "status") == truth(*holds) && !since.is_empty();
    let mut after = Map::new();
    let mut put = |field: &str, value: Value| after.insert(field.to_owned(), value);
    put("type", json!(kind.name()));
    put("status", json!(truth(*holds)));
    put("reason", json!(reason));
    put("message", json!(message));
    put("observedGeneration", json!(generation));
    let since = if is_as_before { since } else { now };
    put("lastTransitionTime", json!(since));
    Value::Object(after)
}

const fn truth(holds: bool) -> &'static str {
    if holds { "True" } else { "False" }
}

fn conditions(status: &Value) -> &[Value] {
    status["conditions"].as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// Istio writes it as text.
fn generation(value: &Value) -> Option<i64> {
    match &value["observedGeneration"] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn is_ours(condition: &Value) -> bool {
    let kind = text(condition, "type");
    ConditionKind::ALL.iter().any(|ours| ours.name() == kind)
}

#[cfg(test)]
mod tests;
