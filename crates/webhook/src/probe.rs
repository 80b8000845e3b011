//! Seeing whether questions of the API server arrive here.

use bytes::Bytes;

use crate::review::{Malformed, Request, Verdict, answer};

/// The label by which such a question is told apart.
pub const LABEL: &str = "ferromesh.io/probe";

/// Answers a review of an object that nobody means to keep: it may be there. `arrived` is told what
/// its label says.
///
/// # Errors
/// If the bytes are no review.
pub fn probe(body: &[u8], arrived: impl FnOnce(&str)) -> Result<Bytes, Malformed> {
    answer(body, |request| {
        let Request {
            uid: _,
            operation: _,
            namespace: _,
            object,
            old_object: _,
        } = request;
        if let Some(said) = object["metadata"]["labels"][LABEL].as_str() {
            arrived(said);
        }
        Verdict::as_it_is(Vec::new())
    })
}
