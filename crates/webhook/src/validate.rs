//! Judging the mesh's own kinds.

use bytes::Bytes;
use ferromesh_api::Object;
use ferromesh_dialects::lower;
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use serde_json::Value;

use crate::review::{Malformed, Operation, Request, Verdict, answer};

/// So many errors are named.
const NAMED: usize = 20;

/// Answers a review of an object of the mesh: what lowering calls an error denies it, what it warns
/// about is a warning.
///
/// # Errors
/// If the bytes are no review.
pub fn validate(body: &[u8]) -> Result<Bytes, Malformed> {
    answer(body, judge)
}

fn judge(request: Request) -> Verdict {
    let Request {
        uid: _,
        operation,
        namespace,
        object,
        old_object,
    } = request;
    match operation {
        Operation::Delete | Operation::Connect => return Verdict::as_it_is(Vec::new()),
        Operation::Create | Operation::Update => {}
    }
    // Whoever can't remove a finalizer can't remove the object, be it ever so wrong.
    let is_as_before =
        operation == Operation::Update && object.get("spec") == old_object.get("spec");
    let (errors, warnings) = remarks(object, namespace);
    match errors.as_slice() {
        [] => Verdict::as_it_is(warnings),
        _ if is_as_before => Verdict::as_it_is(errors.into_iter().chain(warnings).collect()),
        _ => Verdict::Denied {
            message: told(&errors),
            warnings,
        },
    }
}

/// Errors in a line. Whoever writes an object decides how many there are.
fn told(errors: &[String]) -> String {
    let first = errors.iter().take(NAMED).map(String::as_str);
    let mut told = first.collect::<Vec<_>>().join("; ");
    if let more @ 1.. = errors.len().saturating_sub(NAMED) {
        told = format!("{told}; and {more} more errors");
    }
    told
}

/// Errors and warnings, each in one line.
fn remarks(object: Value, namespace: String) -> (Vec<String>, Vec<String>) {
    let mut object = match Object::new(object) {
        Ok(object) => object,
        Err(fault) => return (vec![fault.to_string()], Vec::new()),
    };
    if object.metadata.namespace.is_empty() {
        object.metadata.namespace = namespace;
    }
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for diagnostic in lower(&object).diagnostics {
        match diagnostic.severity {
            Severity::Error => errors.push(line(&diagnostic)),
            Severity::Warning => warnings.push(line(&diagnostic)),
            Severity::Info => {}
        }
    }
    (errors, warnings)
}

fn line(diagnostic: &Diagnostic) -> String {
    let Diagnostic {
        severity: _,
        code: _,
        object: _,
        path,
        message,
        hint,
    } = diagnostic;
    let hint = hint
        .as_ref()
        .map_or_else(String::new, |hint| format!(" ({hint})"));
    if path.is_empty() {
        format!("{message}{hint}")
    } else {
        format!("{path}: {message}{hint}")
    }
}
