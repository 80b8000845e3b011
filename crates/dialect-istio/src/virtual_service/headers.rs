//! Changes to headers.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::headers::{HeaderChanges, MessageHeaders};

use crate::header_name::is_token;
use crate::header_value;

const CODE: &str = "invalid-header";

/// Which way a message goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Response,
}

/// Lowers `headers` at the path `at`, without those of the authority; unsound ones are errors
/// and left out.
pub(super) fn lower(
    headers: &api::istio::HttpHeaders,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> MessageHeaders {
    let api::istio::HttpHeaders { request, response } = headers;
    MessageHeaders {
        request: lower_message(request, Way::Request, &at.field("request"), remarks),
        response: lower_message(response, Way::Response, &at.field("response"), remarks),
    }
}

/// The authority that `headers` sets, as Istio reads `Host` and `:authority` in `request.set`,
/// or else in `request.add`.
pub(super) fn authority(headers: &api::istio::HttpHeaders) -> Option<Arc<str>> {
    let api::istio::HeaderOperations {
        set,
        add,
        remove: _,
    } = &headers.request;
    set.iter()
        .chain(add)
        .find(|(name, value)| is_authority(name) && !value.is_empty())
        .map(|(_, value)| Arc::from(value.as_str()))
}

/// How often `headers` sets the authority.
pub(super) fn authorities(headers: &api::istio::HttpHeaders) -> usize {
    let api::istio::HeaderOperations {
        set,
        add,
        remove: _,
    } = &headers.request;
    set.keys()
        .chain(add.keys())
        .filter(|name| is_authority(name))
        .count()
}

/// Whether nothing is changed.
pub(super) fn is_empty(operations: &api::istio::HeaderOperations) -> bool {
    let api::istio::HeaderOperations { set, add, remove } = operations;
    set.is_empty() && add.is_empty() && remove.is_empty()
}

fn lower_message(
    operations: &api::istio::HeaderOperations,
    way: Way,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> HeaderChanges {
    let api::istio::HeaderOperations { set, add, remove } = operations;
    let remove_at = at.field("remove");
    HeaderChanges {
        set: lower_values(set, way, &at.field("set"), remarks),
        add: lower_values(add, way, &at.field("add"), remarks),
        remove: remove
            .iter()
            .enumerate()
            .filter(|(index, name)| {
                // Nothing may remove the authority.
                is_changeable(name, &remove_at.item(*index), remarks)
            })
            .map(|(_, name)| Arc::from(name.as_str()))
            .collect(),
    }
}

fn lower_values(
    headers: &BTreeMap<String, String>,
    way: Way,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<(Arc<str>, Arc<str>)> {
    headers
        .iter()
        .filter(|(name, value)| {
            let at = at.field(name);
            let sound = header_value::check(value)
                .map_err(|message| remarks.error(&at, CODE, message))
                .is_ok();
            let rewrites = way == Way::Request && is_authority(name);
            !rewrites && is_changeable(name, &at, remarks) && sound
        })
        .map(|(name, value)| (Arc::from(name.as_str()), Arc::from(value.as_str())))
        .collect()
}

/// Whether a header of this name may be changed; if not, that is an error.
fn is_changeable(name: &str, at: &Path<'_>, remarks: &mut Remarks) -> bool {
    let message = if name.is_empty() {
        "a header must have a name".to_owned()
    } else if is_authority(name) {
        format!("{name:?} can be set in a request only")
    } else if name.starts_with(':') {
        format!("pseudo header {name:?} can't be changed")
    } else if !is_token(name) {
        // Istio's admission lets it pass, but no proxy could send it.
        remarks.warning(
            at,
            "no-effect",
            format!("{name:?} can't be the name of a header"),
        );
        return false;
    } else {
        return true;
    };
    remarks.error(at, CODE, message);
    false
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}
