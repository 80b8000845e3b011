//! Views as short lines of text.

use std::sync::Arc;

use ferromesh_mesh::policy::matches::RequestMatch;
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::cluster::{ClusterName, Discovery};
use ferromesh_mesh::view::endpoints::{ClusterEndpoints, EndpointGroup};
use ferromesh_mesh::view::listener::{Bind, ListenerTraffic, Outbound, TcpForward};
use ferromesh_mesh::view::route_table::{TableHosts, TableName};
use ferromesh_mesh::view::virtual_host::{Action, BackendTarget, Route, VirtualHost};

use crate::proxy::Proxy;
use crate::tests::laws::{self, Views};
use crate::{Compiler, Snapshot};

/// What a proxy gets in a world.
pub fn compile(units: &[Arc<Unit>], proxy: Proxy) -> Views {
    let mut compiler = Compiler::new();
    for unit in units {
        compiler.replace(unit.clone());
    }
    let id = compiler.open(proxy);
    let mut snapshot = Snapshot::new();
    for edit in compiler.compile() {
        assert!(snapshot.apply(edit));
    }
    let views = laws::views(&snapshot, id);
    laws::check(&views);
    views
}

/// Checks lines in any order.
pub fn check(found: Vec<String>, expected: &[&str]) {
    let mut found = found;
    let mut expected = expected.to_vec();
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

fn shown<T>(views: &Views, show: impl Fn(&View) -> Option<T>) -> Vec<T> {
    views.values().filter_map(show).collect()
}

/// `outbound|80|v1|host endpoints`.
pub fn clusters(views: &Views) -> Vec<String> {
    shown(views, |view| match view {
        View::Cluster(cluster) => {
            let found = match &cluster.discovery {
                Discovery::Endpoints => "endpoints".to_owned(),
                Discovery::Original { sources } => match sources.as_slice() {
                    [] => "original".to_owned(),
                    sources => {
                        let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
                        format!("original from {}", sources.join(", "))
                    }
                },
                Discovery::Static { address, source: _ } => format!("{address:?}"),
                Discovery::Dns { targets, .. } => targets
                    .iter()
                    .map(|t| format!("{}:{}@{}", t.address, t.port, t.priority))
                    .collect::<Vec<_>>()
                    .join(" "),
                Discovery::Named => "named".to_owned(),
                Discovery::Nothing => "nothing".to_owned(),
            };
            Some(format!("{} {found}", name(&cluster.name)))
        }
        _ => None,
    })
}

/// `name r1/z1/ p0 w2`, those of all clusters.
pub fn dns_instances(views: &Views) -> Vec<String> {
    let lines = shown(views, |view| match view {
        View::Cluster(cluster) => match &cluster.discovery {
            Discovery::Dns { targets, .. } => Some(
                targets
                    .iter()
                    .map(|t| format!("{} {} p{} w{}", t.address, t.locality, t.priority, t.weight))
                    .collect::<Vec<_>>(),
            ),
            _ => None,
        },
        _ => None,
    });
    lines.concat()
}

/// `outbound|80||host p0 r1/z1/ w2: 10.0.0.1:8080; …`.
pub fn endpoints(views: &Views) -> Vec<String> {
    shown(views, |view| match view {
        View::Endpoints(endpoints) => Some(format!(
            "{} {}",
            name(&endpoints.cluster),
            groups(endpoints)
        )),
        _ => None,
    })
}

/// The groups of one view.
pub fn groups(endpoints: &ClusterEndpoints) -> String {
    let group = |group: &EndpointGroup| {
        let instances: Vec<String> = group
            .endpoints
            .iter()
            .map(|e| format!("{}:{} {:?}", e.address, e.port, e.state))
            .collect();
        format!(
            "p{} {} w{}: {}",
            group.priority,
            group.locality,
            group.weight,
            instances.join(", ")
        )
    };
    let groups: Vec<String> = endpoints.groups.iter().map(group).collect();
    groups.join("; ")
}

/// `80/host:80 -> …`, one line for each route.
pub fn routes(views: &Views) -> Vec<String> {
    hosts(views)
        .iter()
        .flat_map(|host| {
            host.routes.iter().map(|route| {
                let table = table(&host.table);
                format!("{table}/{}:{} -> {}", host.host, host.port, action(route))
            })
        })
        .collect()
}

/// All virtual hosts, wherever they are.
pub fn hosts(views: &Views) -> Vec<Arc<VirtualHost>> {
    shown(views, |view| match view {
        View::VirtualHost(host) => Some(vec![host.clone()]),
        View::RouteTable(table) => match &table.hosts {
            TableHosts::Inline(hosts) => Some(hosts.clone()),
            TableHosts::Separate => None,
        },
        _ => None,
    })
    .into_iter()
    .flatten()
    .collect()
}

fn action(route: &Route) -> String {
    let guard = if route.request == RequestMatch::any() {
        ""
    } else {
        "some: "
    };
    let Action::Forward(forward) = &route.action else {
        return format!("{guard}{:?}", route.action);
    };
    let backends: Vec<String> = forward
        .backends
        .iter()
        .map(|backend| match &backend.target {
            BackendTarget::Cluster(cluster) => format!("{}*{}", backend.weight, name(cluster)),
            BackendTarget::Missing(cluster) => format!("{}*!{}", backend.weight, name(cluster)),
        })
        .collect();
    let hash = if forward.hash.is_empty() {
        ""
    } else {
        " hashed"
    };
    format!("{guard}{}{hash}", backends.join(" "))
}

/// `0.0.0.0_80 captured http 80`.
pub fn listeners(views: &Views) -> Vec<String> {
    shown(views, |view| match view {
        View::Listener(listener) => Some(match &listener.traffic {
            ListenerTraffic::VirtualOutbound { fallback, .. } => {
                format!("virtualOutbound {}", name(fallback))
            }
            ListenerTraffic::Outbound {
                bind,
                ranges,
                traffic,
                fallback: _,
            } => {
                let bind = match bind {
                    Bind::Captured => "captured",
                    Bind::Bound => "bound",
                };
                let ranges: String = ranges
                    .iter()
                    .map(|(range, forward)| format!(" {range} {}", tcp(forward)))
                    .collect();
                let traffic = match traffic {
                    Outbound::Http(name) => format!("http {}", table(name)),
                    Outbound::Tcp(forward) => format!("tcp {}", tcp(forward)),
                    Outbound::Detect { http, tcp: forward } => {
                        format!("detect {} or {}", table(http), tcp(forward))
                    }
                };
                format!("{:?} {bind}{ranges} {traffic}", listener.name)
            }
            ListenerTraffic::HttpProxy { table: name } => {
                format!("{:?} http {}", listener.name, table(name))
            }
            ListenerTraffic::VirtualInbound { ports, .. } => {
                let ports: Vec<String> = ports
                    .iter()
                    .map(|p| format!("{} {:?} {}", p.port, p.traffic, p.label))
                    .collect();
                format!("virtualInbound {}", ports.join(", "))
            }
            ListenerTraffic::Inbound { port, security: _ } => {
                format!("{:?} {:?} {}", listener.name, port.traffic, port.label)
            }
        }),
        _ => None,
    })
}

fn tcp(forward: &TcpForward) -> String {
    let clusters: Vec<String> = forward.clusters.iter().map(|(c, _)| name(c)).collect();
    let first = if forward.server_first {
        " server first"
    } else {
        ""
    };
    format!("{}{first}", clusters.join(" "))
}

fn table(table: &TableName) -> String {
    match table {
        TableName::Port(port) => port.to_string(),
        TableName::HostPort(host, port) => format!("{host}:{port}"),
        TableName::HttpProxy => "http_proxy".to_owned(),
    }
}

/// A cluster's name; the usual suffix of hosts is left out.
pub fn name(name: &ClusterName) -> String {
    match name {
        ClusterName::Outbound { port, subset, host } => {
            let subset = subset.as_ref().map_or("", |subset| subset.as_str());
            let host = host.as_str().trim_end_matches(".svc.cluster.local");
            format!("{port}|{subset}|{host}")
        }
        ClusterName::Inbound { port } => format!("inbound|{port}"),
        ClusterName::Passthrough => "passthrough".to_owned(),
        ClusterName::BlackHole => "black hole".to_owned(),
        ClusterName::InboundPassthrough => "inbound passthrough".to_owned(),
    }
}
