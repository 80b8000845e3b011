//! External authorizers.

mod headers;

use std::sync::Arc;
use std::time::Duration;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::ext_authz::{
    AuthorizedRouting, AuthorizerBody, AuthorizerFailure, AuthorizerProtocol, BodyEncoding,
    ExternalAuthorizer, HttpAuthorizer, PartialBody, ProviderService,
};

use crate::{bounds, effect, host, port};

/// Istio's limit for an answer.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Istio's status while nobody answers.
const FORBIDDEN: u16 = 403;

/// An authorizer that is asked by gRPC, at the path `at`; `None` if it is unsound, which is an
/// error.
pub(crate) fn lower_grpc(
    written: &istio::ExtAuthzGrpc,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<ExternalAuthorizer> {
    let istio::ExtAuthzGrpc {
        service,
        port,
        timeout,
        fail_open,
        clear_route_cache,
        status_on_error,
        include_request_body_in_check,
    } = written;
    let errors = remarks.errors();
    let body = include_request_body_in_check
        .as_ref()
        .map(|body| lower_body(body, &at.field("includeRequestBodyInCheck"), remarks));
    let authorizer = ExternalAuthorizer {
        failure: lower_failure(*fail_open, status_on_error, at, remarks),
        timeout: lower_timeout(timeout.as_deref(), at, remarks),
        routing: lower_routing(*clear_route_cache),
        service: lower_service(service, &at.field("service"), remarks)?,
        port: port::lower(*port, &at.field("port"), remarks)?,
        body,
        protocol: AuthorizerProtocol::Grpc,
    };
    (remarks.errors() == errors).then_some(authorizer)
}

/// An authorizer that is asked by HTTP, at the path `at`; `None` if it is unsound, which is an
/// error.
pub(crate) fn lower_http(
    written: &istio::ExtAuthzHttp,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<ExternalAuthorizer> {
    let errors = remarks.errors();
    let body = written.include_request_body_in_check.as_ref().map(|body| {
        let at = at.field("includeRequestBodyInCheck");
        if body.pack_as_bytes {
            effect::none(
                &at.field("packAsBytes"),
                "a body in an HTTP request is bytes anyway",
                remarks,
            );
        }
        lower_body(body, &at, remarks)
    });
    let authorizer = ExternalAuthorizer {
        failure: lower_failure(written.fail_open, &written.status_on_error, at, remarks),
        timeout: lower_timeout(written.timeout.as_deref(), at, remarks),
        routing: lower_routing(written.clear_route_cache),
        protocol: AuthorizerProtocol::Http(lower_protocol(written, at, remarks)),
        service: lower_service(&written.service, &at.field("service"), remarks)?,
        port: port::lower(written.port, &at.field("port"), remarks)?,
        body,
    };
    (remarks.errors() == errors).then_some(authorizer)
}

fn lower_protocol(
    written: &istio::ExtAuthzHttp,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> HttpAuthorizer {
    let istio::ExtAuthzHttp {
        service: _,
        port: _,
        timeout: _,
        path_prefix,
        fail_open: _,
        clear_route_cache: _,
        status_on_error: _,
        include_headers_in_check,
        include_request_headers_in_check,
        include_additional_headers_in_check,
        include_request_body_in_check: _,
        headers_to_upstream_on_allow,
        headers_to_downstream_on_deny,
        headers_to_downstream_on_allow,
    } = written;
    check_prefix(path_prefix, &at.field("pathPrefix"), remarks);
    let old = at.field("includeHeadersInCheck");
    let request_headers = match (
        include_headers_in_check.is_empty(),
        include_request_headers_in_check.is_empty(),
    ) {
        (false, true) => {
            effect::deprecated(&old, "write includeRequestHeadersInCheck", remarks);
            headers::patterns(include_headers_in_check, &old, remarks)
        }
        (false, false) => {
            effect::none(
                &old,
                "includeRequestHeadersInCheck is written, too",
                remarks,
            );
            request_headers(include_request_headers_in_check, at, remarks)
        }
        (true, _) => request_headers(include_request_headers_in_check, at, remarks),
    };
    let mut patterns = |list: &[String], field| headers::patterns(list, &at.field(field), remarks);
    let upstream_headers = patterns(headers_to_upstream_on_allow, "headersToUpstreamOnAllow");
    let denied_headers = patterns(headers_to_downstream_on_deny, "headersToDownstreamOnDeny");
    let allowed_headers = patterns(headers_to_downstream_on_allow, "headersToDownstreamOnAllow");
    HttpAuthorizer {
        path_prefix: Arc::from(path_prefix.as_str()),
        request_headers,
        added_headers: headers::added(
            include_additional_headers_in_check,
            &at.field("includeAdditionalHeadersInCheck"),
            remarks,
        ),
        upstream_headers,
        allowed_headers,
        denied_headers,
    }
}

fn request_headers(
    list: &[String],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<ferromesh_mesh::policy::authorization::TextMatch> {
    headers::patterns(list, &at.field("includeRequestHeadersInCheck"), remarks)
}

fn check_prefix(prefix: &str, at: &Path<'_>, remarks: &mut Remarks) {
    let sound = |byte: u8| byte.is_ascii_graphic() && byte != b'?' && byte != b'#';
    if !prefix.is_empty() && (!prefix.starts_with('/') || !prefix.bytes().all(sound)) {
        remarks
            .error(
                at,
                "invalid-path",
                format!("{prefix:?} can't be the beginning of a path"),
            )
            .advise("write a path that begins with \"/\"");
    }
}

/// `HOST` or `NAMESPACE/HOST`.
fn lower_service(service: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<ProviderService> {
    if service.is_empty() {
        remarks.error(at, "missing-field", "is required");
        return None;
    }
    let (namespace, name) = match service.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, service),
    };
    if namespace.is_some_and(|namespace| !host::is_label(namespace)) {
        remarks
            .error(
                at,
                "invalid-host",
                format!("{service:?} does not begin with a namespace"),
            )
            .advise("write HOST or NAMESPACE/HOST");
        return None;
    }
    if !host::is_address(name)
        && let Err(message) = host::check_name(name)
    {
        remarks
            .error(at, "invalid-host", message)
            .advise("write the full name, such as authz.shop.svc.cluster.local");
        return None;
    }
    Some(ProviderService {
        namespace: namespace.map(Namespace::from),
        host: Hostname::new(name),
    })
}

fn lower_timeout(text: Option<&str>, at: &Path<'_>, remarks: &mut Remarks) -> Duration {
    bounds::millis(text, &at.field("timeout"), remarks).unwrap_or(TIMEOUT)
}

fn lower_routing(clear: bool) -> AuthorizedRouting {
    if clear {
        AuthorizedRouting::Again
    } else {
        AuthorizedRouting::Keep
    }
}

fn lower_failure(
    fail_open: bool,
    status: &str,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> AuthorizerFailure {
    let at = at.field("statusOnError");
    let code = match status {
        "" => FORBIDDEN,
        status => match status.parse::<u16>().ok().filter(|code| is_status(*code)) {
            Some(code) => code,
            None => {
                remarks
                    .error(
                        &at,
                        "invalid-status",
                        format!("{status:?} is no status of HTTP that Envoy knows"),
                    )
                    .advise("write \"403\" or \"503\"");
                FORBIDDEN
            }
        },
    };
    if fail_open {
        if !status.is_empty() {
            effect::none(&at, "failOpen is true", remarks);
        }
        return AuthorizerFailure::Allow;
    }
    AuthorizerFailure::Refuse(code)
}

/// Envoy refuses codes that its `StatusCode` doesn't have. Those below 200 end no request.
fn is_status(code: u16) -> bool {
    matches!(
        code,
        200..=208
            | 226
            | 300..=305
            | 307
            | 308
            | 400..=417
            | 421..=424
            | 426
            | 428
            | 429
            | 431
            | 500..=508
            | 510
            | 511
    )
}

fn lower_body(body: &istio::ExtAuthzBody, at: &Path<'_>, remarks: &mut Remarks) -> AuthorizerBody {
    let istio::ExtAuthzBody {
        max_request_bytes,
        allow_partial_message,
        pack_as_bytes,
    } = *body;
    if max_request_bytes == 0 {
        remarks
            .error(
                &at.field("maxRequestBytes"),
                "missing-field",
                "is required, and must be more than 0",
            )
            .advise("write how many bytes of a body the authorizer may get, such as 8192");
    }
    AuthorizerBody {
        max_bytes: max_request_bytes,
        partial: if allow_partial_message {
            PartialBody::Cut
        } else {
            PartialBody::Refuse
        },
        encoding: if pack_as_bytes {
            BodyEncoding::Bytes
        } else {
            BodyEncoding::Text
        },
    }
}
