//! Ways out of faults of form.

/// A way out of a type error with this message, if authors commonly make it.
pub fn advice(message: &str) -> Option<&'static str> {
    let is_text_expected = message.ends_with("expected a string");
    if !is_text_expected {
        None
    } else if message.starts_with("invalid type: boolean") {
        Some("write it in quotes: without, YAML reads y, yes, on, n, no and off as booleans")
    } else if message.starts_with("invalid type: integer")
        || message.starts_with("invalid type: floating point")
    {
        Some("write it in quotes: without, YAML reads it as a number")
    } else {
        None
    }
}
