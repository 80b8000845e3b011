//! `match`: what a request must look like.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::decl::http_routes::HttpMatch;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::matches::{NamedMatch, PathMatch, RequestMatch};
use ferromesh_mesh::policy::string_match::StringMatch;
use serde_json::Value;

use super::gateways::{self, Binding, MESH};
use crate::header_name::is_token;
use crate::string_match::{self, EmptyPrefix};
use crate::{faults, host, port, selector};

const CODE: &str = "invalid-match";

/// Pseudo headers that may be matched by name.
const PSEUDO_HEADERS: [&str; 5] = [":method", ":scheme", ":authority", ":path", ":status"];

/// An alternative, and what it is bound to.
pub(super) struct Alternative {
    pub http: HttpMatch,
    /// The gateways that it names; none = those of the VirtualService.
    pub gateways: Vec<String>,
}

impl Alternative {
    /// Whether it counts for sidecars.
    pub(super) fn is_for_mesh(&self) -> bool {
        self.gateways.is_empty() || self.gateways.iter().any(|gateway| gateway == MESH)
    }
}

/// Lowers a match that stands at the path `at`; `raw` is the same as the author wrote it. `None` if any of it is unsound, which is an
/// error: without its unsound part it would match more than its author meant.
pub(super) fn lower(
    part: &api::part::Part<api::istio::HttpMatch>,
    raw: &Value,
    binding: Binding,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Alternative> {
    let before = remarks.errors();
    check_nulls(raw, at, remarks);
    let matches = faults::read_part(part, at, remarks)?;
    let alternative = lower_match(matches, binding, at, remarks);
    (remarks.errors() == before).then_some(alternative)
}

fn lower_match(
    matches: api::istio::HttpMatch,
    binding: Binding,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Alternative {
    let request = lower_request(&matches, binding, at, remarks);
    let api::istio::HttpMatch {
        name,
        uri: _,
        ignore_uri_case: _,
        scheme: _,
        method: _,
        authority: _,
        headers: _,
        without_headers: _,
        query_params: _,
        port: number,
        source_labels,
        source_namespace,
        gateways,
        stat_prefix,
    } = matches;
    let gateways_at = at.field("gateways");
    gateways::check(&gateways, &gateways_at, remarks);
    if binding == Binding::Mesh && gateways.iter().any(|gateway| gateway != MESH) {
        remarks.warning(
            &gateways_at,
            "no-effect-yet",
            "binding to a gateway has no effect yet",
        );
    }
    if !source_namespace.is_empty() && !host::is_label(&source_namespace) {
        remarks.error(
            &at.field("sourceNamespace"),
            CODE,
            format!("invalid namespace {source_namespace:?}"),
        );
    }
    let http = HttpMatch {
        name: Arc::from(name),
        request,
        port: (number != 0)
            .then(|| port::lower(number, &at.field("port"), remarks))
            .flatten(),
        source_labels: selector::lower_labels(&source_labels, &at.field("sourceLabels"), remarks),
        source_namespace: (!source_namespace.is_empty()).then(|| Namespace::from(source_namespace)),
        stat_prefix: Arc::from(stat_prefix),
        origin: remarks.origin(at),
    };
    Alternative { http, gateways }
}

fn lower_request(
    matches: &api::istio::HttpMatch,
    binding: Binding,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> RequestMatch {
    let mut headers = Vec::new();
    for (field, name, value) in [
        ("method", ":method", &matches.method),
        ("scheme", ":scheme", &matches.scheme),
        ("authority", ":authority", &matches.authority),
    ] {
        let lowered = value.as_ref().and_then(|value| {
            string_match::lower(value, EmptyPrefix::Refused, &at.field(field), remarks)
        });
        headers.extend(lowered.map(|matches| NamedMatch {
            name: Arc::from(name),
            matches,
            invert: false,
        }));
    }
    let (with_at, without_at) = (at.field("headers"), at.field("withoutHeaders"));
    let mut named = lower_headers(&matches.headers, false, binding, &with_at, remarks);
    named.extend(lower_headers(
        &matches.without_headers,
        true,
        binding,
        &without_at,
        remarks,
    ));
    named.sort_by(|left, right| left.name.cmp(&right.name));
    headers.extend(named);
    RequestMatch {
        path: lower_path(matches, at, remarks),
        headers,
        query: lower_query(&matches.query_params, &at.field("queryParams"), remarks),
    }
}

fn lower_path(matches: &api::istio::HttpMatch, at: &Path<'_>, remarks: &mut Remarks) -> PathMatch {
    let lowered = matches
        .uri
        .as_ref()
        .and_then(|uri| string_match::lower(uri, EmptyPrefix::Allowed, &at.field("uri"), remarks));
    let ignorable = matches!(
        lowered,
        Some(StringMatch::Exact(_) | StringMatch::Prefix(_))
    );
    if matches.ignore_uri_case && !ignorable {
        remarks
            .warning(
                &at.field("ignoreUriCase"),
                "no-effect",
                "has an effect only on an exact or prefix match of uri",
            )
            .advise("in a regular expression, write (?i) at its start");
    }
    match lowered {
        None | Some(StringMatch::Present) => PathMatch::Any,
        Some(path) => PathMatch::Path {
            matches: path,
            ignore_case: matches.ignore_uri_case && ignorable,
        },
    }
}

fn lower_headers(
    headers: &BTreeMap<String, api::istio::StringMatch>,
    invert: bool,
    binding: Binding,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<NamedMatch> {
    let mut lowered = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let at = at.field(name);
        check_header_name(name, binding, &at, remarks);
        // Istio's own: not an expression, but any value.
        let any = invert && value.regex.as_deref() == Some("*");
        let matches = if any {
            Some(StringMatch::Present)
        } else {
            string_match::lower(value, EmptyPrefix::Refused, &at, remarks)
        };
        lowered.extend(matches.map(|matches| NamedMatch {
            name: Arc::from(name.to_ascii_lowercase()),
            matches,
            invert,
        }));
    }
    lowered
}

fn check_header_name(name: &str, binding: Binding, at: &Path<'_>, remarks: &mut Remarks) {
    if is_claim(name) {
        if binding == Binding::Mesh {
            remarks.error(at, CODE, "claims can be matched at gateways only");
        }
    } else if !PSEUDO_HEADERS.contains(&name) && !is_token(name) {
        remarks.error(
            at,
            "invalid-header",
            format!("{name:?} is not the name of a header"),
        );
    }
}

/// `@request.auth.claims.NAME` or `@request.auth.claims[NAME]`.
fn is_claim(name: &str) -> bool {
    const CLAIMS: &str = "@request.auth.claims";
    match name.split_at_checked(CLAIMS.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(CLAIMS) => {
            (rest.starts_with('.') && rest.len() > 1)
                || (rest.starts_with('[') && rest.ends_with(']') && rest.len() > 2)
        }
        _ => false,
    }
}

fn lower_query(
    parameters: &BTreeMap<String, api::istio::StringMatch>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<NamedMatch> {
    let mut lowered = Vec::with_capacity(parameters.len());
    for (name, value) in parameters {
        let at = at.field(name);
        if name.is_empty() {
            remarks.error(&at, CODE, "a query parameter must have a name");
        }
        let matches = string_match::lower(value, EmptyPrefix::Refused, &at, remarks);
        lowered.extend(matches.map(|matches| NamedMatch {
            name: Arc::from(name.as_str()),
            matches,
            invert: false,
        }));
    }
    lowered
}

/// Elsewhere a field that is `null` is absent, but here that would match more.
fn check_nulls(raw: &Value, at: &Path<'_>, remarks: &mut Remarks) {
    for field in ["headers", "withoutHeaders", "queryParams"] {
        let entries = raw.get(field).and_then(Value::as_object);
        for (name, _) in entries.into_iter().flatten().filter(|(_, v)| v.is_null()) {
            remarks
                .error(&at.field(field).field(name), CODE, "must not be null")
                .advise("write {} to match any value");
        }
    }
}
