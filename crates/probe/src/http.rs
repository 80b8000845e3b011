//! The connection manager: what it makes of a request, and the HTTP filters.

mod address;
mod codec;
mod host;
mod mutation;
mod path;
mod peer;

use envoy::hcm::http_connection_manager::{CodecType, RouteSpecifier};
use envoy::hcm::http_filter::ConfigType;
use envoy::hcm::{HttpConnectionManager, HttpFilter};
use ferromesh_envoy as envoy;

use crate::answer::unknown;
use crate::config::{is, read};
use crate::request::{HttpRequest, HttpVersion};
use crate::traffic::{Tls, Traffic};
use crate::verdict::{Outcome, Verdict};
use crate::{ext_authz, filter_state, jwt, rbac};

/// Lets a request pass.
pub(crate) fn pass(
    manager: &HttpConnectionManager,
    request: &HttpRequest,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    speaks(manager, request)?;
    traffic.headers = codec::read(manager, request)?;
    host::check(request.version, traffic)?;
    path::normalize(manager, traffic)?;
    host::normalize(manager, traffic);
    traffic.remote = address::remote(manager, traffic)?;
    sanitize(manager, traffic);
    peer::describe(manager, traffic)?;
    if manager.http_filters.is_empty() {
        return Err(unknown("a connection manager without filters"));
    }
    for filter in &manager.http_filters {
        if last(filter, manager, request, traffic, verdict)? {
            return Ok(());
        }
    }
    Err(unknown("a connection manager without router"))
}

/// A request that is no sound one.
pub(crate) fn bad_request(details: &str) -> Outcome {
    Outcome::Denied {
        status: 400,
        details: details.to_owned(),
    }
}

fn speaks(manager: &HttpConnectionManager, request: &HttpRequest) -> Result<(), Outcome> {
    match (CodecType::try_from(manager.codec_type), request.version) {
        (Ok(CodecType::Auto), _)
        | (Ok(CodecType::Http1), HttpVersion::Http1)
        | (Ok(CodecType::Http2), HttpVersion::Http2) => Ok(()),
        _ => Err(unknown("a version of HTTP that the port doesn't speak")),
    }
}

/// Headers that only say something between a proxy and its peer, or that only Envoy itself may
/// write.
fn sanitize(manager: &HttpConnectionManager, traffic: &mut Traffic<'_>) {
    const HOP: &[&str] = &[
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    const INTERNAL: &[&str] = &[
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-force-trace",
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-internal",
        "x-envoy-ip-tags",
        "x-envoy-max-retries",
        "x-envoy-original-url",
        "x-envoy-retriable-header-names",
        "x-envoy-retriable-status-codes",
        "x-envoy-retry-grpc-on",
        "x-envoy-retry-on",
        "x-envoy-upstream-alt-stat-name",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-upstream-rq-timeout-alt-response",
        "x-envoy-upstream-rq-timeout-ms",
    ];
    let headers = &mut traffic.headers;
    // Upgrades and trailers keep theirs; nobody should decide by them.
    for name in HOP {
        if headers.first(name).is_some() {
            headers.forget(name);
        }
    }
    // A request from an internal address would keep them; who is internal is not said here.
    let maybe_internal = headers.first("x-forwarded-for").is_some();
    for name in INTERNAL {
        if maybe_internal {
            headers.forget(name);
        } else {
            headers.remove(name);
        }
    }
    let secure = !matches!(traffic.connection.tls, Tls::None);
    let scheme = if secure { "https" } else { "http" };
    if headers.first("x-forwarded-proto").is_none() {
        headers.set("x-forwarded-proto", scheme);
    }
    if headers.first(":scheme").is_none() {
        headers.forget(":scheme");
    }
    if headers.first("x-request-id").is_none() {
        headers.forget("x-request-id");
    }
    if headers.first("referer").is_some() {
        headers.forget("referer");
    }
    if !manager.via.is_empty() {
        headers.forget("via");
    }
}

/// Asks a filter; whether it is the last one.
fn last(
    filter: &HttpFilter,
    manager: &HttpConnectionManager,
    request: &HttpRequest,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<bool, Outcome> {
    if filter.disabled {
        return Ok(false);
    }
    let name = &filter.name;
    let Some(ConfigType::TypedConfig(config)) = &filter.config_type else {
        return Err(unknown(format!("the filter {name}")));
    };
    if routes_configure(manager, name) {
        return Err(unknown(format!("what the route says of the filter {name}")));
    }
    if is::<envoy::router::Router>(config) {
        return Ok(true);
    }
    if is::<envoy::http_rbac::Rbac>(config) {
        rbac::request(name, &read(config)?, traffic, verdict)?;
    } else if is::<envoy::jwt_authn::JwtAuthentication>(config) {
        jwt::request(name, &read(config)?, request, traffic, verdict)?;
    } else if is::<envoy::ext_authz::ExtAuthz>(config) {
        ext_authz::request(name, &read(config)?, traffic, verdict)?;
    } else if is::<envoy::http_set_filter_state::Config>(config) {
        let config: envoy::http_set_filter_state::Config = read(config)?;
        filter_state::set(&config.on_request_headers, traffic)?;
    } else if is::<envoy::header_mutation::HeaderMutation>(config) {
        mutation::apply(&read(config)?, traffic)?;
    } else if !is_harmless(config)? {
        return Err(unknown(format!("the filter {name}")));
    }
    Ok(false)
}

/// Whether a filter neither refuses nor changes anything that others look at.
fn is_harmless(config: &envoy::Any) -> Result<bool, Outcome> {
    if is::<envoy::fault::HttpFault>(config) {
        let fault: envoy::fault::HttpFault = read(config)?;
        return Ok(fault.abort.is_none());
    }
    // Without a policy of the route, preflights pass.
    Ok(is::<envoy::cors::Cors>(config) || is::<envoy::grpc_stats::FilterConfig>(config))
}

/// Whether some route changes what a filter does. Which route a request takes is not known here.
fn routes_configure(manager: &HttpConnectionManager, filter: &str) -> bool {
    let Some(RouteSpecifier::RouteConfig(table)) = &manager.route_specifier else {
        return false;
    };
    table.typed_per_filter_config.contains_key(filter)
        || table.virtual_hosts.iter().any(|host| {
            host.typed_per_filter_config.contains_key(filter)
                || host
                    .routes
                    .iter()
                    .any(|route| route.typed_per_filter_config.contains_key(filter))
        })
}
