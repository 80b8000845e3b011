//! `istio.meta.v1alpha1` IstioStatus, the `status` of every kind.
//!
//! Other controllers (Istio's own, the Gateway API's) write fields of theirs into it, so that
//! unknown ones are kept.

use super::schema::{Schema, choice, integer_or_text, list, may, object, string};

/// The `status` of every kind.
pub fn status() -> Schema {
    object([
        may("conditions", "What holds of the object.", list(condition())),
        may(
            "observedGeneration",
            "The generation of the object that all of this is about.",
            integer_or_text(),
        ),
        may(
            "validationMessages",
            "What analysis found.",
            list(message()),
        ),
    ])
    .open()
}

fn condition() -> Schema {
    object([
        may("type", "What may hold.", string()),
        may("status", "Whether it does: True, False, Unknown.", string()),
        may("reason", "Why, as one word.", string()),
        may("message", "Why, for people.", string()),
        may(
            "observedGeneration",
            "The generation of the object that this is about.",
            integer_or_text(),
        ),
        may("lastTransitionTime", "Since when.", time()),
        may("lastProbeTime", "When it was looked at.", time()),
    ])
}

fn message() -> Schema {
    let level = choice(["UNKNOWN", "ERROR", "WARNING", "INFO"]);
    let kind = object([
        may("code", "Its code.", string()),
        may("name", "Its name.", string()),
    ]);
    object([
        may("type", "What was found.", kind),
        may("level", "How bad it is.", level),
        may("documentationUrl", "Where it is explained.", string()),
    ])
}

fn time() -> Schema {
    string().format("date-time")
}
