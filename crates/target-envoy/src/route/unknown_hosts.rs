//! The virtual host for hosts that a table does not know.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::header_matcher::HeaderMatchSpecifier;
use envoy::route::route::Action;
use mesh::policy::string_match::StringMatch;
use mesh::view::cluster::ClusterName;
use mesh::view::route_table::{TableName, UnknownHosts};

use super::{References, matches, unlimited};
use crate::{forward_proxy, names, string_match};

/// The port of an authority without one, where the table doesn't say it.
const HTTP: u16 = 80;

/// Has a `>` for each time that a request was passed on by its name.
const PASSED: &str = "x-ferromesh-passed";

/// How often a request is passed on by its name: more often than anybody needs, and less than
/// for ever. An authority may mean the proxy itself, which would get the request back.
const MOST_PASSES: u8 = 4;

/// The virtual host.
pub(super) fn virtual_host(
    table: &TableName,
    hosts: UnknownHosts,
    references: &mut References,
) -> envoy::route::VirtualHost {
    let mut passes = || {
        let cluster = names::cluster(&ClusterName::Passthrough);
        references.insert(cluster.clone());
        Action::Route(unlimited(cluster))
    };
    let (name, routes) = match hosts {
        UnknownHosts::Original => {
            let all = route(names::ALLOW_ANY, matches::any(), passes());
            (names::ALLOW_ANY, vec![all])
        }
        UnknownHosts::Named => (names::ALLOW_ANY, by_name(table, &passes())),
        UnknownHosts::Refused => {
            let all = route(names::BLOCK_ALL, matches::any(), answer(502));
            (names::BLOCK_ALL, vec![all])
        }
    };
    envoy::route::VirtualHost {
        name: name.to_owned(),
        domains: vec!["*".to_owned()],
        routes,
        include_request_attempt_count: true,
        ..Default::default()
    }
}

/// Requests to whom they name.
fn by_name(table: &TableName, action: &Action) -> Vec<envoy::route::Route> {
    let too_often = headed(PASSED, &format!(".*>{{{MOST_PASSES}}}"));
    let too_often = route(names::ALLOW_ANY, too_often, answer(508));
    let pass = |requests| envoy::route::Route {
        request_headers_to_add: vec![forward_proxy::header(PASSED, format!("%REQ({PASSED})%>"))],
        ..route(names::ALLOW_ANY, requests, action.clone())
    };
    match table {
        TableName::Port(port) | TableName::HostPort(_, port) if *port != HTTP => vec![
            too_often,
            pass(headed(":authority", ".*:[0-9]+")),
            forward_proxy::with_port(pass(matches::any()), *port),
        ],
        TableName::Port(_) | TableName::HostPort(..) | TableName::HttpProxy => {
            vec![too_often, pass(matches::any())]
        }
    }
}

fn route(name: &str, requests: envoy::route::RouteMatch, action: Action) -> envoy::route::Route {
    envoy::route::Route {
        name: name.to_owned(),
        r#match: Some(requests),
        action: Some(action),
        ..Default::default()
    }
}

fn answer(status: u32) -> Action {
    Action::DirectResponse(envoy::route::DirectResponseAction {
        status,
        ..Default::default()
    })
}

/// Requests with a header that matches a regular expression as a whole.
fn headed(name: &str, pattern: &str) -> envoy::route::RouteMatch {
    let matcher = string_match::matcher(&StringMatch::Regex(pattern.into()));
    envoy::route::RouteMatch {
        headers: vec![envoy::route::HeaderMatcher {
            name: name.to_owned(),
            header_match_specifier: matcher.map(HeaderMatchSpecifier::StringMatch),
            ..Default::default()
        }],
        ..matches::any()
    }
}
