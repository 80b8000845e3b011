//! Single routes.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::route_match::PathSpecifier;
use mesh::policy::headers::MessageHeaders;
use mesh::view::cluster::ClusterName;
use mesh::view::virtual_host::{Action, BackendTarget, Route, RouteBackend, VirtualHost};

use super::{
    PerFilter, References, cors, direct_response, fault, forward, headers, matches, redirect,
};
use crate::filters::http::HttpFilter;
use crate::names;

/// The route of a virtual host.
pub(super) fn route(
    host: &VirtualHost,
    route: &Route,
    references: &mut References,
) -> envoy::route::Route {
    let Route {
        name,
        request,
        stat_prefix,
        action,
        headers: changes,
        cors,
        fault,
        origin: _,
    } = route;
    let r#match = matches::route_match(request);
    let mut per_filter = PerFilter::new();
    if let Some(fault) = fault {
        per_filter.insert(HttpFilter::Fault.name(), envoy::any(&fault::fault(fault)));
    }
    if let Some(cors) = cors {
        per_filter.insert(HttpFilter::Cors.name(), envoy::any(&cors::cors(cors)));
    }
    // Only weighted clusters have a place for headers of their own.
    let own = single_backend(action).map(|backend| &backend.headers);
    let [request_headers, response_headers] = headers_of(changes, own);
    envoy::route::Route {
        name: name.to_string(),
        decorator: Some(decorator(host, action, &r#match)),
        r#match: Some(r#match),
        action: Some(self::action(host, action, references)),
        stat_prefix: stat_prefix.to_string(),
        typed_per_filter_config: per_filter,
        request_headers_to_add: request_headers.add,
        request_headers_to_remove: request_headers.remove,
        response_headers_to_add: response_headers.add,
        response_headers_to_remove: response_headers.remove,
        ..Default::default()
    }
}

fn action(
    host: &VirtualHost,
    action: &Action,
    references: &mut References,
) -> envoy::route::route::Action {
    match action {
        Action::Forward(forward) => forward::action(forward, references),
        Action::Redirect(redirect) => {
            envoy::route::route::Action::Redirect(redirect::redirect(redirect, host.port))
        }
        Action::DirectResponse(answer) => {
            envoy::route::route::Action::DirectResponse(direct_response::direct_response(answer))
        }
    }
}

fn single_backend(action: &Action) -> Option<&RouteBackend> {
    match action {
        Action::Forward(forward) => match forward.backends.as_slice() {
            [backend] => Some(backend),
            _ => None,
        },
        Action::Redirect(_) | Action::DirectResponse(_) => None,
    }
}

/// Changes in the direction of requests and of responses.
fn headers_of(changes: &MessageHeaders, own: Option<&MessageHeaders>) -> [headers::Changes; 2] {
    let MessageHeaders { request, response } = changes;
    [
        headers::changes([Some(request), own.map(|own| &own.request)]),
        headers::changes([Some(response), own.map(|own| &own.response)]),
    ]
}

/// The name of the operation in traces: `host:port/path*`, of the backend if there is but one.
fn decorator(
    host: &VirtualHost,
    action: &Action,
    r#match: &envoy::route::RouteMatch,
) -> envoy::route::Decorator {
    let path = match &r#match.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => format!("{prefix}*"),
        Some(PathSpecifier::Path(path)) => path.clone(),
        Some(PathSpecifier::SafeRegex(regex)) => regex.regex.clone(),
        _ => "/*".to_owned(),
    };
    let service = match single_backend(action).map(|backend| &backend.target) {
        Some(
            BackendTarget::Cluster(ClusterName::Outbound { port, host, .. })
            | BackendTarget::Missing(ClusterName::Outbound { port, host, .. }),
        ) => names::host_port(host, *port),
        _ => names::host_port(&host.host, host.port),
    };
    envoy::route::Decorator {
        operation: format!("{service}{path}"),
        ..Default::default()
    }
}
