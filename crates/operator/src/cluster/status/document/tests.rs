use ferromesh_dialects::report::{Condition, ConditionKind, Progress, Status};
use serde_json::{Value, json};

use super::{merged, print, read};

const NOW: &str = "2026-11-25T12:00:00Z";
const BEFORE: &str = "2026-11-25T11:00:00Z";

fn status(generation: i64, programmed: bool) -> Status {
    let condition = |kind, holds, reason| Condition {
        kind,
        holds,
        reason,
        message: String::new(),
    };
    Status {
        observed_generation: generation,
        conditions: vec![
            condition(ConditionKind::Accepted, true, "Accepted"),
            condition(
                ConditionKind::Programmed,
                programmed,
                if programmed { "Programmed" } else { "Pending" },
            ),
        ],
    }
}

/// What stands there after a write.
fn put(current: &Value, status: &Status, now: &str) -> Value {
    let mut after = current.clone();
    let fields = merged(current, status, now).expect("something new");
    for (field, value) in fields.as_object().expect("fields") {
        after[field] = value.clone();
    }
    after
}

#[test]
fn a_status_is_written_once() {
    let wanted = status(3, true);
    let there = put(&Value::Null, &wanted, NOW);
    assert_eq!(
        there,
        json!({
            "conditions": [
                {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "",
                 "observedGeneration": 3, "lastTransitionTime": NOW},
                {"type": "Programmed", "status": "True", "reason": "Programmed", "message": "",
                 "observedGeneration": 3, "lastTransitionTime": NOW},
            ],
            "observedGeneration": 3,
        })
    );
    assert_eq!(merged(&there, &wanted, "2027-01-01T00:00:00Z"), None);
    assert_eq!(read(&there).print, print(&wanted));
    assert_eq!(read(&there).taken, Some((3, Progress::Taken)));
    for other in [status(4, true), status(3, false)] {
        assert_ne!(read(&there).print, print(&other));
    }
}

#[test]
fn the_time_is_that_of_the_last_transition() {
    let first = put(&Value::Null, &status(1, false), BEFORE);
    let second = put(&first, &status(2, true), NOW);
    let times: Vec<_> = second["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|condition| &condition["lastTransitionTime"])
        .collect();
    assert_eq!(times, [BEFORE, NOW]);
}

#[test]
fn what_others_have_written_stays() {
    let there = json!({
        "conditions": [
            {"type": "Reconciled", "status": "False", "more": 1},
            {"type": "Programmed", "status": "False", "lastTransitionTime": BEFORE},
            {"type": "Conflicted", "status": "True"},
        ],
        "validationMessages": [{"level": "INFO"}],
        "observedGeneration": "2",
    });
    let after = put(&there, &status(2, true), NOW);
    let kinds: Vec<_> = after["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|condition| &condition["type"])
        .collect();
    assert_eq!(kinds, ["Reconciled", "Programmed", "Accepted"]);
    assert_eq!(after["conditions"][0], there["conditions"][0]);
    assert_eq!(after["validationMessages"], there["validationMessages"]);
    assert_eq!(after["observedGeneration"], 2);
    assert_eq!(merged(&after, &status(2, true), NOW), None);
}

#[test]
fn whatever_stands_there_is_survived() {
    for there in [
        json!("x"),
        json!([1]),
        json!({"conditions": {"a": 1}}),
        json!({"conditions": [1, null, {"type": 7}, {"type": "Accepted", "status": {}}]}),
        json!({"observedGeneration": "many", "conditions": null}),
    ] {
        read(&there);
        let fields = merged(&there, &status(1, true), NOW).expect("something new");
        assert_eq!(fields["observedGeneration"], 1, "{there}");
        assert_eq!(merged(&fields, &status(1, true), NOW), None, "{there}");
    }
}
