//! Numbers and durations within the bounds that Istio's admission sets. What is out of bounds is
//! an error, and counts as not written.

use std::time::Duration;

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use crate::duration;

/// The code of a number that is out of bounds.
pub const OUT_OF_RANGE: &str = "out-of-range";

/// A count: zero or more.
pub fn count(value: i32, at: &Path<'_>, remarks: &mut Remarks) -> u32 {
    u32::try_from(value).unwrap_or_else(|_| {
        remarks.error(at, OUT_OF_RANGE, format!("{value} must not be negative"));
        0
    })
}

/// A limit: zero means none, which is `u32::MAX`.
pub fn limit(value: i32, at: &Path<'_>, remarks: &mut Remarks) -> u32 {
    match count(value, at, remarks) {
        0 => u32::MAX,
        limit => limit,
    }
}

/// A whole percentage, 0 to 100.
pub fn percent(value: i32, at: &Path<'_>, remarks: &mut Remarks) -> u32 {
    match u32::try_from(value) {
        Ok(percent) if percent <= 100 => percent,
        _ => {
            remarks.error(at, OUT_OF_RANGE, format!("{value} is not 0 to 100"));
            0
        }
    }
}

/// A fractional percentage in thousandths, 0 to 100 000; `None` if it is anything else.
pub fn millipercent(value: f64, at: &Path<'_>, remarks: &mut Remarks) -> Option<u32> {
    if (0.0..=100.0).contains(&value) {
        // In bounds, so that `as` is exact.
        return Some((value * 1000.0).round() as u32);
    }
    remarks.error(at, OUT_OF_RANGE, format!("{value} is not 0 to 100"));
    None
}

/// A duration of whole milliseconds, at least one; `None` if there is none, or an unsound one.
pub fn millis(text: Option<&str>, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    text.and_then(|text| duration::lower_millis(text, at, remarks))
}

/// The same; required.
pub fn required_millis(
    text: Option<&str>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Duration> {
    if text.is_none() {
        remarks.error(at, "missing-field", "is required");
    }
    millis(text, at, remarks)
}

/// A list or map of at most `most` items.
pub fn at_most(most: usize, length: usize, at: &Path<'_>, remarks: &mut Remarks) {
    if length > most {
        remarks.error(
            at,
            OUT_OF_RANGE,
            format!("has {length} items, at most {most} are allowed"),
        );
    }
}

/// A text of at most `most` bytes.
pub fn at_most_bytes(most: usize, text: &str, at: &Path<'_>, remarks: &mut Remarks) {
    if text.len() > most {
        remarks.error(at, OUT_OF_RANGE, format!("is longer than {most} bytes"));
    }
}
