//! Virtual hosts and tables of every sort.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh as mesh;

use mesh::name::Hostname;
use mesh::policy::cors::{Cors, UnmatchedPreflights};
use mesh::policy::direct_response::DirectResponse;
use mesh::policy::fault::{Abort, AbortWith, Delay, Fault};
use mesh::policy::headers::{HeaderChanges, MessageHeaders};
use mesh::policy::matches::{NamedMatch, PathMatch, RequestMatch};
use mesh::policy::percent::PartsPerMillion;
use mesh::policy::redirect::{Redirect, RedirectPath, RedirectPort};
use mesh::policy::retry::{CONDITIONS, PreviousHosts, RetryOn, RetryPolicy};
use mesh::policy::rewrite::{PathRewrite, Rewrite};
use mesh::policy::string_match::StringMatch;
use mesh::policy::timeout::Timeout;
use mesh::view::View;
use mesh::view::route_table::{RouteTable, TableHosts, TableName, UnknownHosts};
use mesh::view::virtual_host::{Action, BackendTarget, Forward, Route, RouteBackend};
use mesh::view::virtual_host::{RouteMirror, VirtualHost};

use super::clusters::{hash_keys, outbound};
use super::every;

/// A virtual host of the table of port 80.
pub fn host(name: &str, routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        table: TableName::Port(80),
        host: Hostname::new(name),
        port: 80,
        domains: vec![name.into(), format!("{name}:80").into(), "[::1]".into()],
        routes,
    }
}

/// A route for every request.
pub fn route(action: Action) -> Route {
    Route {
        name: "default".into(),
        request: RequestMatch::any(),
        stat_prefix: "".into(),
        action,
        headers: MessageHeaders::default(),
        cors: None,
        fault: None,
        origin: None,
    }
}

/// Forwarding to these backends, with nothing else.
pub fn forward(backends: Vec<RouteBackend>) -> Forward {
    Forward {
        backends,
        timeout: Timeout::Unlimited,
        retry: None,
        rewrite: Rewrite::default(),
        mirrors: Vec::new(),
        hash: Vec::new(),
    }
}

/// A backend with nothing else.
pub fn backend(target: BackendTarget, weight: u32) -> RouteBackend {
    RouteBackend {
        target,
        weight,
        headers: MessageHeaders::default(),
        authority: None,
    }
}

/// A backend that exists.
pub fn to(host: &str) -> RouteBackend {
    backend(BackendTarget::Cluster(outbound(host, None)), 1)
}

/// Changes of every sort in both directions.
pub fn headers() -> MessageHeaders {
    let changes = HeaderChanges {
        set: vec![("x-set".into(), "a".into()), (":path".into(), "/".into())],
        add: vec![("x-add".into(), "%START_TIME%".into())],
        remove: vec!["x-gone".into(), "Host".into()],
    };
    MessageHeaders {
        request: changes.clone(),
        response: changes,
    }
}

/// A retry policy with every field.
pub fn retry(previous_hosts: PreviousHosts) -> RetryPolicy {
    RetryPolicy {
        attempts: 3,
        per_try_timeout: Some(Duration::from_secs(2)),
        on: RetryOn {
            conditions: CONDITIONS.to_vec(),
            status_codes: vec![503, 418],
        },
        backoff: Some(Duration::from_millis(10)),
        previous_hosts,
        remote_localities: true,
    }
}

fn string_matches() -> Vec<StringMatch> {
    let mut all = every! {
        StringMatch::Exact(_) => StringMatch::Exact("/a".into()),
        StringMatch::Prefix(_) => StringMatch::Prefix("/a".into()),
        StringMatch::Regex(_) => StringMatch::Regex("/a/.*".into()),
        StringMatch::Present => StringMatch::Present,
    };
    all.extend([
        StringMatch::Exact("".into()),
        StringMatch::Prefix("".into()),
        StringMatch::Regex("".into()),
    ]);
    all
}

fn matched() -> Vec<RequestMatch> {
    let paths = every! {
        PathMatch::Any => PathMatch::Any,
        PathMatch::Path { .. } => PathMatch::Path {
            matches: StringMatch::Exact("/a".into()),
            ignore_case: true,
        },
    };
    let paths = paths
        .into_iter()
        .chain(string_matches().into_iter().map(|matches| PathMatch::Path {
            matches,
            ignore_case: false,
        }));
    let named = |name: &str, invert| -> Vec<_> {
        let named = |matches| NamedMatch {
            name: name.into(),
            matches,
            invert,
        };
        string_matches().into_iter().map(named).collect()
    };
    let mut headers = named(":authority", false);
    headers.extend(named("x-user", true));
    let query = named("q", false);
    paths
        .map(|path| RequestMatch {
            path,
            headers: Vec::new(),
            query: Vec::new(),
        })
        .chain([RequestMatch {
            path: PathMatch::Any,
            headers,
            query,
        }])
        .collect()
}

fn redirects() -> Vec<Redirect> {
    let paths = every! {
        RedirectPath::Keep => RedirectPath::Keep,
        RedirectPath::Full(_) => RedirectPath::Full("/new".into()),
        RedirectPath::Prefix(_) => RedirectPath::Prefix("/new".into()),
    };
    let ports = every! {
        RedirectPort::FromRequest => RedirectPort::FromRequest,
        RedirectPort::SchemeDefault => RedirectPort::SchemeDefault,
        RedirectPort::Port(_) => RedirectPort::Port(8443),
    };
    let statuses = [301, 302, 303];
    let full = paths.into_iter().zip(ports).zip(statuses);
    full.map(|((path, port), status)| Redirect {
        path,
        authority: Some("new.test".into()),
        scheme: Some("https".into()),
        port,
        status,
    })
    .chain([307, 308].map(|status| Redirect {
        path: RedirectPath::Keep,
        authority: None,
        scheme: None,
        port: RedirectPort::Port(80),
        status,
    }))
    .collect()
}

fn faults() -> Vec<Fault> {
    let share = PartsPerMillion::from_percent(12.5);
    let answers = every! {
        AbortWith::Http(_) => AbortWith::Http(503),
        AbortWith::Grpc(_) => AbortWith::Grpc(14),
    };
    let delay = |duration| Some(Delay { duration, share });
    answers
        .into_iter()
        .map(|with| Fault {
            delay: delay(Duration::from_secs(7)),
            abort: Some(Abort { with, share }),
        })
        .chain([Fault {
            delay: delay(Duration::ZERO),
            abort: None,
        }])
        .collect()
}

fn cors() -> Vec<Cors> {
    let preflights = every! {
        UnmatchedPreflights::Forward => UnmatchedPreflights::Forward,
        UnmatchedPreflights::Ignore => UnmatchedPreflights::Ignore,
    };
    preflights
        .into_iter()
        .map(|unmatched_preflights| Cors {
            allow_origins: string_matches(),
            allow_methods: vec!["GET".into(), "POST".into()],
            allow_headers: vec!["x-a".into()],
            expose_headers: vec!["x-b".into()],
            max_age: Some(Duration::from_secs(86_400)),
            allow_credentials: Some(true),
            unmatched_preflights,
        })
        .collect()
}

fn forwards() -> Vec<Forward> {
    let missing = || BackendTarget::Missing(outbound("missing.test", Some("v9")));
    let targets = every! {
        BackendTarget::Cluster(_) => BackendTarget::Cluster(outbound("a.test", Some("v1"))),
        BackendTarget::Missing(_) => missing(),
    };
    let rich = RouteBackend {
        headers: headers(),
        authority: Some("b.test".into()),
        ..to("a.test")
    };
    let mut all: Vec<_> = targets
        .into_iter()
        .map(|target| forward(vec![backend(target, 1)]))
        .collect();
    all.extend([
        forward(vec![rich.clone()]),
        forward(vec![rich.clone(), backend(missing(), 99)]),
        forward(vec![backend(missing(), 0), rich.clone()]),
        forward(vec![backend(missing(), 0), backend(missing(), 0)]),
        forward(vec![
            backend(missing(), u32::MAX),
            backend(missing(), u32::MAX),
        ]),
    ]);
    let previous = every! {
        PreviousHosts::Avoid => PreviousHosts::Avoid,
        PreviousHosts::Reuse => PreviousHosts::Reuse,
        PreviousHosts::AvoidUnlessHashed => PreviousHosts::AvoidUnlessHashed,
    };
    all.extend(previous.into_iter().map(|previous| Forward {
        retry: Some(retry(previous)),
        ..forward(vec![to("a.test")])
    }));
    all.extend(rewrites().into_iter().map(|rewrite| Forward {
        rewrite,
        ..forward(vec![to("a.test")])
    }));
    let timeouts = every! {
        Timeout::Unlimited => Timeout::Unlimited,
        Timeout::After(_) => Timeout::After(Duration::from_millis(1500)),
    };
    let mirror = |share| RouteMirror {
        cluster: outbound("shadow.test", None),
        share,
    };
    all.extend(timeouts.into_iter().map(|timeout| Forward {
        timeout,
        mirrors: vec![mirror(PartsPerMillion::ALL), mirror(PartsPerMillion(0))],
        hash: hash_keys(),
        ..forward(vec![to("a.test")])
    }));
    all
}

fn rewrites() -> Vec<Rewrite> {
    let paths = every! {
        PathRewrite::Matched(_) => PathRewrite::Matched("/b".into()),
        PathRewrite::Regex { .. } => PathRewrite::Regex {
            pattern: "^/(.*)$".into(),
            substitution: "/x/\\1".into(),
        },
    };
    paths
        .into_iter()
        .map(|path| Rewrite {
            path: Some(path),
            authority: Some("rewritten.test".into()),
        })
        .collect()
}

/// A route for every value of every part.
pub fn routes() -> Vec<Route> {
    let answer = |body: &[u8]| {
        Action::DirectResponse(DirectResponse {
            status: 418,
            body: body.into(),
        })
    };
    let mut actions = every! {
        Action::Forward(_) => Action::Forward(Box::new(forward(vec![to("a.test")]))),
        Action::Redirect(_) => Action::Redirect(Redirect {
            path: RedirectPath::Keep,
            authority: None,
            scheme: None,
            port: RedirectPort::SchemeDefault,
            status: 301,
        }),
        Action::DirectResponse(_) => answer(b"teapot"),
    };
    actions.push(answer(b""));
    actions.push(answer(&[b'x'; 100_000]));
    actions.extend(redirects().into_iter().map(Action::Redirect));
    actions.extend(
        forwards()
            .into_iter()
            .map(|it| Action::Forward(Box::new(it))),
    );
    let simple = || route(Action::Forward(Box::new(forward(vec![to("a.test")]))));
    let mut routes: Vec<_> = actions.into_iter().map(route).collect();
    routes.extend(matched().into_iter().map(|request| Route {
        request,
        stat_prefix: "stats".into(),
        headers: headers(),
        ..simple()
    }));
    routes.extend(faults().into_iter().map(|fault| Route {
        fault: Some(fault),
        ..simple()
    }));
    routes.extend(cors().into_iter().map(|cors| Route {
        cors: Some(cors),
        ..simple()
    }));
    routes
}

/// Virtual hosts and tables.
pub fn all() -> Vec<View> {
    let mut tables = every! {
        TableName::Port(_) => TableName::Port(80),
        TableName::HostPort(..) => TableName::HostPort(Hostname::new("a.test"), 9000),
        TableName::HttpProxy => TableName::HttpProxy,
    };
    tables.push(TableName::Port(8000));
    let fallbacks = every! {
        UnknownHosts::Original => UnknownHosts::Original,
        UnknownHosts::Named => UnknownHosts::Named,
        UnknownHosts::Refused => UnknownHosts::Refused,
    };
    let mut views = Vec::new();
    for table in tables {
        let full = VirtualHost {
            table: table.clone(),
            ..host("a.test", routes())
        };
        views.push(View::VirtualHost(Arc::new(full.clone())));
        let everything = VirtualHost {
            table: table.clone(),
            domains: vec!["*".into()],
            ..host("*", Vec::new())
        };
        for fallback in &fallbacks {
            let hosts = every! {
                TableHosts::Separate => TableHosts::Separate,
                TableHosts::Inline(_) => TableHosts::Inline(vec![Arc::new(full.clone())]),
            };
            let inline = TableHosts::Inline(vec![Arc::new(everything.clone())]);
            views.extend(hosts.into_iter().chain([inline]).map(|hosts| {
                View::RouteTable(Arc::new(RouteTable {
                    name: table.clone(),
                    hosts,
                    fallback: *fallback,
                }))
            }));
        }
    }
    views
}
