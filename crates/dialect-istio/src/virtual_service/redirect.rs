//! `redirect`.

use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::redirect::{Redirect, RedirectPath, RedirectPort};

use crate::port;

const CODE: &str = "invalid-redirect";

/// Lowers a redirect; unsound parts are errors.
pub(super) fn lower(
    redirect: &api::istio::HttpRedirect,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Redirect {
    let api::istio::HttpRedirect {
        uri,
        prefix_rewrite,
        authority,
        port: _,
        derive_port: _,
        scheme,
        redirect_code,
    } = redirect;
    check_presence(redirect, at, remarks);
    if !matches!(scheme.as_str(), "" | "http" | "https") {
        remarks.error(
            &at.field("scheme"),
            CODE,
            format!("scheme {scheme:?} must be \"http\" or \"https\""),
        );
    }
    let path = match (uri.as_str(), prefix_rewrite.as_str()) {
        ("", "") => RedirectPath::Keep,
        (uri, "") => RedirectPath::Full(Arc::from(uri)),
        ("", prefix) => RedirectPath::Prefix(Arc::from(prefix)),
        (uri, _) => {
            remarks.error(
                &at.field("prefixRewrite"),
                "conflicting-fields",
                "only one of uri and prefixRewrite may be set",
            );
            RedirectPath::Full(Arc::from(uri))
        }
    };
    let text = |text: &str| (!text.is_empty()).then(|| Arc::from(text));
    Redirect {
        path,
        authority: text(authority),
        scheme: text(scheme),
        port: lower_port(redirect, at, remarks),
        status: lower_status(*redirect_code, &at.field("redirectCode"), remarks),
    }
}

fn check_presence(redirect: &api::istio::HttpRedirect, at: &Path<'_>, remarks: &mut Remarks) {
    let api::istio::HttpRedirect {
        uri,
        prefix_rewrite,
        authority,
        port,
        derive_port,
        scheme,
        redirect_code: _,
    } = redirect;
    let says_nothing = [uri, prefix_rewrite, authority, scheme]
        .iter()
        .all(|text| text.is_empty());
    if says_nothing && port.is_none() && derive_port.is_none() {
        remarks.error(
            at,
            CODE,
            "a redirect must specify a uri, prefixRewrite, authority, scheme or port",
        );
    }
}

fn lower_port(
    redirect: &api::istio::HttpRedirect,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> RedirectPort {
    use api::istio::DerivePort;
    if redirect.port.is_some() && redirect.derive_port.is_some() {
        remarks.error(
            &at.field("derivePort"),
            "conflicting-fields",
            "only one of port and derivePort may be set",
        );
    }
    match (redirect.port, redirect.derive_port) {
        (None | Some(0), None | Some(DerivePort::FromProtocolDefault)) => {
            RedirectPort::SchemeDefault
        }
        (None | Some(0), Some(DerivePort::FromRequestPort)) => RedirectPort::FromRequest,
        (Some(number), _) => match port::lower(number, &at.field("port"), remarks) {
            None => RedirectPort::SchemeDefault,
            // The default port of the scheme isn't written; sidecars see plain HTTP.
            Some(80) if redirect.scheme != "https" => RedirectPort::SchemeDefault,
            Some(443) if redirect.scheme == "https" => RedirectPort::SchemeDefault,
            Some(port) => RedirectPort::Port(port),
        },
    }
}

fn lower_status(code: u32, at: &Path<'_>, remarks: &mut Remarks) -> u16 {
    match code {
        0 => 301,
        301 | 302 | 303 | 307 | 308 => u16::try_from(code).unwrap_or(301),
        300..=399 => {
            remarks
                .warning(
                    at,
                    "no-effect",
                    format!("Envoy can't redirect by {code}; 302 is sent instead"),
                )
                .advise("write 301, 302, 303, 307 or 308");
            302
        }
        _ => {
            remarks.error(at, CODE, format!("redirect code {code} must be 3xx"));
            302
        }
    }
}
