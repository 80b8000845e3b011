//! Text into JSON values, as kubectl reads it: YAML 1.1's booleans, YAML 1.2's syntax, merge
//! keys; strict where kubectl is lax: a duplicate key and a number that looks octal are errors.
//!
//! The syntax is `serde-saphyr`'s parser; how its events become values is decided here, so that
//! every scalar is read as a cluster would have read it, and every fault has its line.
//!
//! Reading order: [`read`], then `split`, `compose` and `scalar`; [`locate()`]; [`render`].

mod compose;
mod json;
mod locate;
mod scalar;
mod split;
mod write;

use std::fmt;

use serde_json::Value;

pub use locate::{Positions, Segment, locate, segments};
pub use write::render;

/// The largest document: ten times of what an API server takes as one object.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 20;
/// The largest number of values in a document, those that aliases repeat included.
pub const MAX_DOCUMENT_VALUES: usize = 1_000_000;

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its number in the text, from 0; empty ones count.
    pub index: usize,
    /// Its content, never `null`.
    pub content: Value,
}

/// A document that is not readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A stable code: `yaml-syntax`, `duplicate-key`, `ambiguous-number`, `bad-scalar` or
    /// `too-large`.
    pub code: &'static str,
    /// The line, from 1.
    pub line: usize,
    /// The field path, if the fault has one; else empty.
    pub path: String,
    /// Short, lower case.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
    /// What the document said before the fault, as far as that was read: fields of its outermost
    /// mapping, or `null`. Enough to tell, mostly, which object it was to be.
    pub before: Value,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The documents of a text, and one fault for each document that is not readable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Documents {
    /// The readable ones, in order.
    pub documents: Vec<Document>,
    /// The faults, in order.
    pub faults: Vec<Fault>,
}

/// Reads a text of YAML documents. A fault in one document leaves the others readable; empty
/// documents are skipped.
pub fn read(text: &str) -> Documents {
    let mut out = Documents::default();
    let mut index = 0;
    for chunk in split::split(text) {
        index += compose::compose(chunk, index, &mut out);
    }
    out
}

/// Reads a text of JSON documents, one after the other.
pub fn read_json(text: &str) -> Documents {
    json::read(text)
}

/// A text cut into parts with one document each, so that who changes some of them can keep the others as they were
/// written.
pub fn parts(text: &str) -> Vec<&str> {
    split::split(text)
        .into_iter()
        .map(|chunk| chunk.text)
        .collect()
}
