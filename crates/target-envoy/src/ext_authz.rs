//! External authorizers.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use envoy::ext_authz::ext_authz::Services;
use envoy::ext_authz::{
    AuthorizationRequest, AuthorizationResponse, BufferSettings, ExtAuthz, HttpService,
};
use envoy::matcher::{ListStringMatcher, MetadataMatcher};
use mesh::policy::authorization::TextMatch;
use mesh::policy::ext_authz::{
    AuthorizedRouting, AuthorizerBody, AuthorizerFailure, AuthorizerProtocol, BodyEncoding,
    ExternalAuthorizer, HttpAuthorizer, PartialBody,
};
use mesh::view::security::Authorizer;

use crate::authorization::{Case, pattern};
use crate::names;

/// The status of those who are refused because nobody could be asked, in Envoy's and Istio's
/// default.
const FORBIDDEN: u16 = 403;

/// Envoy refuses a time limit of zero, or takes it for none.
const SHORTEST: Duration = Duration::from_millis(1);

/// Requests for which `asked` says so are put to the authorizer.
pub(crate) fn of_requests(authorizer: &Authorizer, asked: MetadataMatcher) -> ExtAuthz {
    let Authorizer {
        cluster: _,
        settings,
    } = authorizer;
    let ExternalAuthorizer {
        service: _,
        port: _,
        timeout: _,
        failure,
        routing,
        body,
        protocol,
    } = settings;
    let (allow, status) = failure_of(*failure);
    let (services, headers) = match protocol {
        AuthorizerProtocol::Grpc => (Services::GrpcService(grpc(authorizer)), None),
        AuthorizerProtocol::Http(http) => (
            Services::HttpService(http_service(authorizer, http)),
            headers(&http.request_headers),
        ),
    };
    ExtAuthz {
        transport_api_version: envoy::core::ApiVersion::V3 as i32,
        failure_mode_allow: allow,
        status_on_error: Some(status),
        with_request_body: body.as_ref().map(buffer),
        clear_route_cache: *routing == AuthorizedRouting::Again,
        filter_enabled_metadata: Some(asked),
        allowed_headers: headers,
        services: Some(services),
        ..Default::default()
    }
}

/// Connections for which `asked` says so are put to the authorizer, who speaks gRPC.
pub(crate) fn of_connections(
    authorizer: &Authorizer,
    asked: MetadataMatcher,
) -> envoy::network_ext_authz::ExtAuthz {
    let (allow, _) = failure_of(authorizer.settings.failure);
    envoy::network_ext_authz::ExtAuthz {
        stat_prefix: "tcp.".to_owned(),
        grpc_service: Some(grpc(authorizer)),
        failure_mode_allow: allow,
        transport_api_version: envoy::core::ApiVersion::V3 as i32,
        filter_enabled_metadata: Some(asked),
        ..Default::default()
    }
}

fn failure_of(failure: AuthorizerFailure) -> (bool, envoy::types::HttpStatus) {
    let (allow, status) = match failure {
        AuthorizerFailure::Refuse(status) => (false, status),
        AuthorizerFailure::Allow => (true, FORBIDDEN),
    };
    // Envoy knows these and no others.
    let known = envoy::types::StatusCode::try_from(i32::from(status))
        .ok()
        .filter(|it| *it != envoy::types::StatusCode::Empty)
        .unwrap_or(envoy::types::StatusCode::Forbidden);
    (allow, envoy::types::HttpStatus { code: known as i32 })
}

fn buffer(body: &AuthorizerBody) -> BufferSettings {
    let AuthorizerBody {
        max_bytes,
        partial,
        encoding,
    } = body;
    BufferSettings {
        max_request_bytes: (*max_bytes).max(1),
        allow_partial_message: *partial == PartialBody::Cut,
        pack_as_bytes: *encoding == BodyEncoding::Bytes,
    }
}

fn grpc(authorizer: &Authorizer) -> envoy::core::GrpcService {
    let settings = &authorizer.settings;
    envoy::core::GrpcService {
        timeout: Some(envoy::duration(settings.timeout.max(SHORTEST))),
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
            cluster_name: names::cluster(&authorizer.cluster),
            authority: settings.service.host.to_string(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn http_service(authorizer: &Authorizer, http: &HttpAuthorizer) -> HttpService {
    let HttpAuthorizer {
        path_prefix,
        request_headers: _,
        added_headers,
        upstream_headers,
        allowed_headers,
        denied_headers,
    } = http;
    let settings = &authorizer.settings;
    HttpService {
        server_uri: Some(envoy::core::HttpUri {
            uri: format!("http://{}:{}", settings.service.host, settings.port),
            timeout: Some(envoy::duration(settings.timeout.max(SHORTEST))),
            http_upstream_type: Some(envoy::core::http_uri::HttpUpstreamType::Cluster(
                names::cluster(&authorizer.cluster),
            )),
        }),
        path_prefix: match &**path_prefix {
            "" => String::new(),
            // Envoy refuses others.
            prefix if prefix.starts_with('/') => prefix.to_owned(),
            prefix => format!("/{prefix}"),
        },
        authorization_request: (!added_headers.is_empty()).then(|| AuthorizationRequest {
            headers_to_add: added_headers
                .iter()
                .filter(|(name, _)| names::is_header_name(name))
                .map(header)
                .collect(),
            ..Default::default()
        }),
        authorization_response: Some(AuthorizationResponse {
            allowed_upstream_headers: headers(upstream_headers),
            allowed_client_headers: headers(denied_headers),
            allowed_client_headers_on_success: headers(allowed_headers),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn header((name, value): &(Arc<str>, Arc<str>)) -> envoy::core::HeaderValue {
    envoy::core::HeaderValue {
        key: name.to_string(),
        value: value.to_string(),
        ..Default::default()
    }
}

/// Headers by their names; `None` = Envoy's default.
fn headers(names: &[TextMatch]) -> Option<ListStringMatcher> {
    let every = || envoy::matcher::StringMatcher {
        match_pattern: Some(envoy::matcher::string_matcher::MatchPattern::SafeRegex(
            envoy::matcher::RegexMatcher {
                regex: ".*".to_owned(),
                ..Default::default()
            },
        )),
        ..Default::default()
    };
    let patterns = names
        .iter()
        .map(|it| pattern(it, Case::Insensitive).unwrap_or_else(every));
    (!names.is_empty()).then(|| ListStringMatcher {
        patterns: patterns.collect(),
    })
}
