//! `networking.istio.io` StringMatch.

use super::schema::{Schema, may, object, string};

/// What a text must look like.
pub fn string_match() -> Schema {
    object([
        may("exact", "The whole text.", string()),
        may("prefix", "Or its beginning.", string()),
        may(
            "regex",
            "Or an expression in RE2 syntax for the whole of it.",
            string(),
        ),
    ])
    .one_of(["exact", "prefix", "regex"])
}
