//! The registry of dialects: which kinds there are, who lowers them, and which of their fields
//! have an effect.
//!
//! What this crate deliberately does not know: what any field means. That is the dialects' own
//! business, and they don't know each other.
//!
//! Reading order: [`lower()`] → [`kinds`] → [`support`] → [`report`](mod@report).

mod hint;
pub mod kinds;
mod lower;
pub mod report;
pub mod support;

pub use lower::{default_units, lower, object_ref};
pub use report::report;
