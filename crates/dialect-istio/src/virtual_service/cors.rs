//! `corsPolicy`.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::cors::{Cors, UnmatchedPreflights};
use ferromesh_mesh::policy::string_match::StringMatch;

use crate::duration;
use crate::header_name::is_token;
use crate::string_match::{self, EmptyPrefix};

const CODE: &str = "invalid-cors";

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*",
];

/// Lowers CORS; unsound parts are errors.
pub(super) fn lower(cors: &api::istio::CorsPolicy, at: &Path<'_>, remarks: &mut Remarks) -> Cors {
    let api::istio::CorsPolicy {
        allow_origin: _,
        allow_origins: _,
        allow_methods,
        allow_headers,
        expose_headers,
        max_age,
        allow_credentials,
        unmatched_preflights,
    } = cors;
    let methods_at = at.field("allowMethods");
    for (index, method) in allow_methods.iter().enumerate() {
        if !METHODS.contains(&method.as_str()) {
            let message = format!("{method:?} is not an HTTP method");
            remarks.error(&methods_at.item(index), CODE, message);
        }
    }
    Cors {
        allow_origins: lower_origins(cors, at, remarks),
        allow_methods: copy(allow_methods),
        allow_headers: lower_headers(allow_headers, &at.field("allowHeaders"), remarks),
        expose_headers: lower_headers(expose_headers, &at.field("exposeHeaders"), remarks),
        max_age: max_age
            .as_deref()
            .and_then(|text| lower_max_age(text, &at.field("maxAge"), remarks)),
        allow_credentials: *allow_credentials,
        unmatched_preflights: match unmatched_preflights {
            api::istio::UnmatchedPreflights::Unspecified
            | api::istio::UnmatchedPreflights::Forward => UnmatchedPreflights::Forward,
            api::istio::UnmatchedPreflights::Ignore => UnmatchedPreflights::Ignore,
        },
    }
}

fn copy(list: &[String]) -> Vec<Arc<str>> {
    list.iter().map(|text| Arc::from(text.as_str())).collect()
}

fn lower_origins(
    cors: &api::istio::CorsPolicy,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<StringMatch> {
    let deprecated_at = at.field("allowOrigin");
    if !cors.allow_origin.is_empty() {
        remarks
            .warning(
                &deprecated_at,
                "deprecated-field",
                "allowOrigin is deprecated",
            )
            .advise("write allowOrigins: [{exact: …}]");
    }
    if cors.allow_origins.is_empty() {
        return copy(&cors.allow_origin)
            .into_iter()
            .map(StringMatch::Exact)
            .collect();
    }
    if !cors.allow_origin.is_empty() {
        remarks.warning(
            &deprecated_at,
            "no-effect",
            "allowOrigins is set, too, and counts instead",
        );
    }
    let list_at = at.field("allowOrigins");
    cors.allow_origins
        .iter()
        .enumerate()
        .filter_map(|(index, origin)| lower_origin(origin, &list_at.item(index), remarks))
        .collect()
}

fn lower_origin(
    origin: &api::istio::StringMatch,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<StringMatch> {
    let matches = string_match::lower(origin, EmptyPrefix::Refused, at, remarks)?;
    let empty = match &matches {
        StringMatch::Exact(text) => text.is_empty(),
        StringMatch::Present => true,
        StringMatch::Prefix(_) | StringMatch::Regex(_) => false,
    };
    if empty {
        remarks.error(at, CODE, "an origin must not be empty");
        return None;
    }
    Some(matches)
}

fn lower_headers(names: &[String], at: &Path<'_>, remarks: &mut Remarks) -> Vec<Arc<str>> {
    for (index, name) in names.iter().enumerate() {
        if !is_token(name) {
            let message = format!("{name:?} is not the name of a header");
            remarks.error(&at.item(index), "invalid-header", message);
        }
    }
    copy(names)
}

fn lower_max_age(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    let duration = duration::lower_millis(text, at, remarks)?;
    if duration.subsec_nanos() > 0 {
        remarks.error(
            at,
            "invalid-duration",
            format!("duration {text:?} must be whole seconds"),
        );
    }
    Some(duration)
}
