//! Durations.

use std::time::Duration;

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

/// A duration of zero or more; `None` if it is unreadable, which is an error.
pub fn lower(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    match ferromesh_api::duration::parse(text) {
        Ok(duration) => Some(duration),
        Err(message) => {
            remarks.error(at, "invalid-duration", message);
            None
        }
    }
}

/// A duration of whole milliseconds, at least one, as Istio requires of nearly all of its
/// durations; `None` if it is anything else, which is an error.
pub fn lower_millis(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    let duration = lower(text, at, remarks)?;
    let message = if duration < Duration::from_millis(1) {
        format!("duration {text:?} must be at least 1ms")
    } else if !duration.subsec_nanos().is_multiple_of(1_000_000) {
        format!("duration {text:?} must be whole milliseconds")
    } else {
        return Some(duration);
    };
    remarks.error(at, "invalid-duration", message);
    None
}
