//! Paths, and templates of them.

use ferromesh_api::istio::AuthorizationAction;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::PathMatch;

use super::shared;
use super::values::{self, INVALID, Lists, NEVER};

/// One segment, whatever it is.
const ONE: &str = "{*}";
/// Any number of segments.
const ANY: &str = "{**}";

/// A path, `*` at one end of it, or a template.
pub(super) fn lower(value: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<PathMatch> {
    let is_template = value.contains(ONE) || value.contains(ANY);
    if let Err(message) = check_template(value, is_template) {
        remarks
            .error(at, INVALID, message)
            .advise("write {*} for one segment, and {**} last for any number of them");
        return None;
    }
    warn_of_never(value, at, remarks);
    if is_template {
        return Some(PathMatch::Template(shared(value)));
    }
    values::text(value, at, remarks).map(PathMatch::Text)
}

/// Whether braces stand only where templates have them.
fn check_template(value: &str, is_template: bool) -> Result<(), String> {
    if is_template && !value.starts_with('/') {
        return Err(format!("template {value:?} must begin with \"/\""));
    }
    let mut ended = false;
    for segment in value.trim_matches('/').split('/') {
        match segment {
            ONE | ANY if ended => return Err(format!("{segment} must not stand behind {ANY}")),
            ONE => {}
            ANY => ended = true,
            _ if segment.contains(['{', '}']) => {
                return Err(format!(
                    "{segment:?} has braces, which belong to {ONE} and {ANY} only, each a segment of its own"
                ));
            }
            _ if is_template && !is_literal(segment) => {
                return Err(format!("{segment:?} can't be a segment of a template"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a segment is one or more characters that RFC 3986 allows there, but `*`.
fn is_literal(segment: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&byte);
    !segment.is_empty() && segment.bytes().all(sound)
}

/// Warns of a path that no request has.
fn warn_of_never(value: &str, at: &Path<'_>, remarks: &mut Remarks) {
    let (message, hint) = if !value.starts_with(['/', '*']) {
        (
            "matches nothing: paths begin with \"/\"",
            format!("write {:?}", format!("/{value}")),
        )
    } else if value.contains(['?', '#']) {
        (
            "matches nothing: paths are compared without query and fragment",
            "leave out what follows the path".to_owned(),
        )
    } else {
        return;
    };
    remarks.warning(at, NEVER, message).advise(hint);
}

/// Warns of an exact path that is meant to be closed: `/admin` leaves `/admin/` open, which many
/// applications take for the same.
pub(super) fn warn_of_variants(
    paths: Lists<'_>,
    action: AuthorizationAction,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let Some((field, values)) = paths.closed_by(action) else {
        return;
    };
    let list = at.field(field);
    let open = |value: &str| {
        value.len() > 1
            && value.starts_with('/')
            && !value.ends_with('/')
            && !value.contains(['*', '{'])
            && !values.iter().any(|other| closes(other, value))
    };
    for (index, value) in values.iter().enumerate() {
        if open(value) {
            remarks
                .warning(
                    &list.item(index),
                    "trailing-slash",
                    format!("leaves \"{value}/\" and what is below it open, which the application may take for the same"),
                )
                .advise(format!("write \"{value}*\", or add \"{value}/*\""));
        }
    }
}

/// Whether a path closes the variant of another one that ends with a slash.
fn closes(other: &str, value: &str) -> bool {
    let variant = format!("{value}/");
    match other.strip_suffix('*') {
        Some(prefix) => variant.starts_with(prefix),
        None => *other == variant,
    }
}
