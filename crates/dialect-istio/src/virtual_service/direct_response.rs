//! `directResponse`.

mod base64;

use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::direct_response::DirectResponse;

use super::status;

const MAX_BODY: usize = 1 << 20;
const LARGE_BODY: usize = 100 << 10;

/// Lowers a fixed answer; unsound parts are errors.
pub(super) fn lower(
    response: &api::istio::HttpDirectResponse,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> DirectResponse {
    let api::istio::HttpDirectResponse { status, body } = response;
    DirectResponse {
        status: status::lower(i64::from(*status), &at.field("status"), remarks).unwrap_or(503),
        body: lower_body(body, &at.field("body"), remarks),
    }
}

fn lower_body(body: &api::istio::HttpBody, at: &Path<'_>, remarks: &mut Remarks) -> Arc<[u8]> {
    let api::istio::HttpBody { string, bytes } = body;
    if string.is_some() && bytes.is_some() {
        remarks.error(
            at,
            "conflicting-fields",
            "only one of string and bytes may be set",
        );
    }
    let body: Arc<[u8]> = match (string, bytes) {
        (Some(string), _) => Arc::from(string.as_bytes()),
        (None, Some(text)) => match base64::parse(text) {
            Some(bytes) => Arc::from(bytes),
            None => {
                remarks.error(&at.field("bytes"), "wrong-type", "expected base64");
                Arc::from([])
            }
        },
        (None, None) => Arc::from([]),
    };
    if body.len() > MAX_BODY {
        remarks.error(at, "large-body", "a body has at most 1 MiB");
    } else if body.len() > LARGE_BODY {
        remarks.warning(
            at,
            "large-body",
            "a body of more than 100 KiB is sent to every proxy",
        );
    }
    body
}
