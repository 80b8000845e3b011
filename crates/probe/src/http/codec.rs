//! What the codec takes for a request, and the headers that it makes of it.

use envoy::core::http_protocol_options::HeadersWithUnderscoresAction;
use envoy::hcm::HttpConnectionManager;
use ferromesh_envoy as envoy;

use super::bad_request;
use crate::answer::unknown;
use crate::header::Headers;
use crate::request::{HttpRequest, HttpVersion};
use crate::verdict::Outcome;

/// Methods that the HTTP/1 codec knows.
const METHODS: &[&str] = &[
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

/// Reads a request.
pub(super) fn read(
    manager: &HttpConnectionManager,
    request: &HttpRequest,
) -> Result<Headers, Outcome> {
    let HttpRequest {
        version,
        method,
        path,
        authority,
        headers: sent,
        claims: _,
    } = request;
    check_method(manager, *version, method)?;
    let (of_target, path) = target(*version, method, path)?;
    let mut headers = Headers::default();
    headers.add(":method", method);
    headers.add(":path", path);
    let underscores = Underscores::of(manager)?;
    // What the target says replaces the header.
    let mut hosts: Vec<&str> = authority.as_deref().into_iter().collect();
    for (name, value) in sent {
        let value = value.trim_matches([' ', '\t']);
        check_header(*version, name, value)?;
        if name.contains('_') {
            match underscores {
                Underscores::Allow => {}
                Underscores::Drop => continue,
                Underscores::Reject => {
                    return Err(unsound(*version, "http1.unexpected_underscore"));
                }
            }
        }
        if !name.eq_ignore_ascii_case("host") {
            headers.add(name, value);
            if *version == HttpVersion::Http2 {
                headers.join_cookies();
            }
        } else if *version == HttpVersion::Http1 || hosts.is_empty() {
            hosts.push(value);
        }
    }
    match of_target {
        Some(host) => headers.add(":authority", host),
        None => hosts
            .iter()
            .for_each(|host| headers.add(":authority", host)),
    }
    Ok(headers)
}

fn check_method(
    manager: &HttpConnectionManager,
    version: HttpVersion,
    method: &str,
) -> Result<(), Outcome> {
    let custom = manager
        .http_protocol_options
        .as_ref()
        .is_some_and(|options| options.allow_custom_methods);
    match version {
        _ if method == "CONNECT" => Err(unknown("what CONNECT does")),
        HttpVersion::Http1 if custom => Err(unknown("custom methods")),
        HttpVersion::Http1 if METHODS.contains(&method) => Ok(()),
        HttpVersion::Http1 => Err(bad_request("http1.codec_error")),
        HttpVersion::Http2 if is_token(method) => Ok(()),
        HttpVersion::Http2 => Err(unknown("a method with such letters")),
    }
}

/// What becomes of a request that is no sound one: HTTP/1 has an answer, HTTP/2 ends the stream.
pub(super) fn unsound(version: HttpVersion, details: &str) -> Outcome {
    match version {
        HttpVersion::Http1 => bad_request(details),
        HttpVersion::Http2 => Outcome::Reset {
            details: "http2.violation".to_owned(),
        },
    }
}

/// The host, if the target has one, and the path.
fn target<'a>(
    version: HttpVersion,
    method: &str,
    target: &'a str,
) -> Result<(Option<&'a str>, &'a str), Outcome> {
    match version {
        HttpVersion::Http1 => {
            if target.is_empty() || target.contains(' ') || !target.is_ascii() {
                return Err(bad_request("http1.codec_error"));
            }
            if target.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
                return Err(bad_request("http1.invalid_characters"));
            }
        }
        HttpVersion::Http2 => {
            if target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                return Err(unsound(version, ""));
            }
        }
    }
    if target.starts_with('/') {
        return Ok((None, target));
    }
    let not_found = |details: &str| Outcome::Denied {
        status: 404,
        details: details.to_owned(),
    };
    match version {
        HttpVersion::Http1 if target == "*" && method == "OPTIONS" => {
            Err(not_found("absolute_path_rejected"))
        }
        HttpVersion::Http1 if target == "*" => Err(bad_request("http1.invalid_url")),
        HttpVersion::Http1 => absolute(target),
        HttpVersion::Http2 if target == "*" => Err(not_found("absolute_path_rejected")),
        HttpVersion::Http2 => Err(unsound(version, "")),
    }
}

/// A target with scheme and host.
fn absolute(target: &str) -> Result<(Option<&str>, &str), Outcome> {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| target.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err(if target.contains("://") {
            unknown("a target of another scheme")
        } else {
            bad_request("http1.codec_error")
        });
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.split_at_checked(end) {
        Some(("", _)) | None => Err(unknown("a target without host")),
        Some((host, "")) => Ok((Some(host), "/")),
        Some((host, path)) if path.starts_with('/') => Ok((Some(host), path)),
        Some(_) => Err(unknown("a target without path")),
    }
}

fn check_header(version: HttpVersion, name: &str, value: &str) -> Result<(), Outcome> {
    let control = |byte: u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
    match version {
        HttpVersion::Http1 if !is_token(name) => Err(bad_request("http1.codec_error")),
        HttpVersion::Http1 if value.bytes().any(control) => {
            Err(bad_request("http1.invalid_characters"))
        }
        HttpVersion::Http2 if !is_token(name) || value.bytes().any(control) => {
            Err(unsound(version, ""))
        }
        _ if is_framing(name, value) => Err(unknown(format!("what {name} says of the body"))),
        _ => Ok(()),
    }
}

/// Headers that change how the codec reads on.
fn is_framing(name: &str, value: &str) -> bool {
    match &*name.to_ascii_lowercase() {
        "content-length" => value.is_empty() || !value.bytes().all(|it| it.is_ascii_digit()),
        "transfer-encoding" | "upgrade" | "http2-settings" => true,
        _ => false,
    }
}

fn is_token(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(sound)
}

/// What happens to headers with `_`.
#[derive(Clone, Copy)]
enum Underscores {
    Allow,
    Drop,
    Reject,
}

impl Underscores {
    fn of(manager: &HttpConnectionManager) -> Result<Self, Outcome> {
        let Some(options) = &manager.common_http_protocol_options else {
            return Ok(Self::Allow);
        };
        let action =
            HeadersWithUnderscoresAction::try_from(options.headers_with_underscores_action);
        match action {
            Ok(HeadersWithUnderscoresAction::Allow) => Ok(Self::Allow),
            Ok(HeadersWithUnderscoresAction::DropHeader) => Ok(Self::Drop),
            Ok(HeadersWithUnderscoresAction::RejectRequest) => Ok(Self::Reject),
            Err(_) => Err(unknown("what happens to headers with _")),
        }
    }
}
