//! What holds for every snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferromesh_mesh::policy::mtls::MtlsMode;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::cluster::{ClusterName, Discovery, UpstreamTls};
use ferromesh_mesh::view::listener::{ListenerTraffic, Outbound, TcpForward};
use ferromesh_mesh::view::route_table::{TableHosts, TableName};
use ferromesh_mesh::view::security::InboundSecurity;
use ferromesh_mesh::view::virtual_host::{Action, BackendTarget, VirtualHost};

use crate::Snapshot;
use crate::edit::ProxyId;
use crate::proxy::{Certificates, Proxy};

/// A proxy's views by kind and name.
pub type Views = BTreeMap<String, View>;

/// The views of a proxy; its audiences must be disjoint.
pub fn views(snapshot: &Snapshot, proxy: ProxyId) -> Views {
    let mut views = Views::new();
    for (_, view) in snapshot.views_of(proxy) {
        let before = views.insert(name(view), view.clone());
        assert_eq!(before, None, "two views of one name");
    }
    views
}

/// Kind and name of a view.
pub fn name(view: &View) -> String {
    match view {
        View::Cluster(cluster) => format!("cluster {:?}", cluster.name),
        View::Endpoints(endpoints) => format!("endpoints {:?}", endpoints.cluster),
        View::Listener(listener) => format!("listener {:?}", listener.name),
        View::RouteTable(table) => format!("table {:?}", table.name),
        View::VirtualHost(host) => format!("host {:?}/{}:{}", host.table, host.host, host.port),
    }
}

/// Checks that Envoy could take the views of a proxy: names are there, domains are unique.
pub fn check(views: &Views) {
    let mut hosts: BTreeMap<TableName, Vec<Arc<VirtualHost>>> = BTreeMap::new();
    let mut wanted_tables = BTreeSet::new();
    let has = |cluster: &ClusterName| {
        assert!(
            views.contains_key(&format!("cluster {cluster:?}")),
            "no cluster {cluster:?}"
        );
    };
    for view in views.values() {
        match view {
            View::Cluster(cluster) => {
                let endpoints = format!("endpoints {:?}", cluster.name);
                let has_endpoints = cluster.discovery == Discovery::Endpoints;
                assert_eq!(views.contains_key(&endpoints), has_endpoints, "{endpoints}");
            }
            View::Endpoints(endpoints) => {
                has(&endpoints.cluster);
                let found: BTreeSet<u32> = endpoints.groups.iter().map(|g| g.priority).collect();
                let without_gaps = 0..u32::try_from(found.len()).unwrap();
                assert!(found.into_iter().eq(without_gaps), "{endpoints:?}");
            }
            View::Listener(listener) => {
                for cluster in clusters(&listener.traffic) {
                    has(&cluster);
                }
                wanted_tables.extend(tables(&listener.traffic));
            }
            View::RouteTable(table) => {
                if let TableHosts::Inline(inline) = &table.hosts {
                    hosts
                        .entry(table.name.clone())
                        .or_default()
                        .extend(inline.iter().cloned());
                }
            }
            View::VirtualHost(host) => hosts
                .entry(host.table.clone())
                .or_default()
                .push(host.clone()),
        }
    }
    for table in wanted_tables {
        assert!(
            views.contains_key(&format!("table {table:?}")),
            "no table {table:?}"
        );
    }
    for (table, hosts) in hosts {
        assert!(
            views.contains_key(&format!("table {table:?}")),
            "no table {table:?}"
        );
        let mut domains = BTreeSet::from([Arc::from(match table {
            TableName::HostPort(..) => "",
            TableName::Port(_) | TableName::HttpProxy => "*",
        })]);
        for host in hosts {
            assert!(
                !host.domains.is_empty() && !host.routes.is_empty(),
                "{host:?}"
            );
            for domain in &host.domains {
                assert!(
                    domains.insert(domain.clone()),
                    "{table:?} has {domain} twice"
                );
            }
            for route in &host.routes {
                if let Action::Forward(forward) = &route.action {
                    for backend in &forward.backends {
                        if let BackendTarget::Cluster(cluster) = &backend.target {
                            has(cluster);
                        }
                    }
                    for mirror in &forward.mirrors {
                        has(&mirror.cluster);
                    }
                }
            }
        }
    }
}

/// Checks that a proxy neither speaks nor demands what it has no certificate for, and that ports
/// and names come once and in order.
pub fn check_tls(proxy: &Proxy, views: &Views) {
    let without = proxy.certificates == Certificates::None;
    let is_off = |mode: &MtlsMode| *mode == MtlsMode::Disable;
    for view in views.values() {
        match view {
            View::Cluster(cluster) => match &cluster.tls {
                UpstreamTls::Auto(mesh) | UpstreamTls::Mesh(mesh) => {
                    assert!(!without, "{cluster:?}");
                    assert!(mesh.names.is_sorted_by(|a, b| a < b), "{mesh:?}");
                }
                UpstreamTls::Off | UpstreamTls::Other(..) => {}
            },
            View::Listener(listener) => match &listener.traffic {
                ListenerTraffic::VirtualInbound {
                    ports, rest_mtls, ..
                } => {
                    assert!(ports.is_sorted_by(|a, b| a.port < b.port), "{ports:?}");
                    let modes = ports.iter().map(|port| &port.mtls);
                    assert!(
                        !without || modes.chain([rest_mtls]).all(is_off),
                        "{ports:?}"
                    );
                }
                ListenerTraffic::Inbound { port, .. } => {
                    assert!(!without || is_off(&port.mtls), "{port:?}");
                }
                _ => {}
            },
            _ => {}
        }
    }
}

fn clusters(traffic: &ListenerTraffic) -> Vec<ClusterName> {
    let of = |forward: &TcpForward| -> Vec<ClusterName> {
        forward
            .clusters
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    };
    match traffic {
        ListenerTraffic::VirtualOutbound { fallback, .. } => vec![fallback.clone()],
        ListenerTraffic::Outbound {
            bind: _,
            ranges,
            traffic,
            fallback,
        } => {
            let mut all = vec![fallback.clone()];
            all.extend(ranges.iter().flat_map(|(_, forward)| of(forward)));
            match traffic {
                Outbound::Http(_) => {}
                Outbound::Tcp(tcp) | Outbound::Detect { http: _, tcp } => all.extend(of(tcp)),
            }
            all
        }
        ListenerTraffic::HttpProxy { .. } => Vec::new(),
        ListenerTraffic::VirtualInbound {
            ports,
            rest,
            security,
            ..
        } => ports
            .iter()
            .map(|port| port.cluster.clone())
            .chain([rest.clone()])
            .chain(authorizers(security))
            .collect(),
        ListenerTraffic::Inbound { port, security } => authorizers(security)
            .chain([port.cluster.clone()])
            .collect(),
    }
}

fn authorizers(security: &InboundSecurity) -> impl Iterator<Item = ClusterName> + '_ {
    security.authorizers.values().map(|a| a.cluster.clone())
}

fn tables(traffic: &ListenerTraffic) -> Vec<TableName> {
    match traffic {
        ListenerTraffic::Outbound {
            traffic: Outbound::Http(table) | Outbound::Detect { http: table, .. },
            ..
        }
        | ListenerTraffic::HttpProxy { table } => vec![table.clone()],
        ListenerTraffic::Outbound { .. }
        | ListenerTraffic::VirtualOutbound { .. }
        | ListenerTraffic::VirtualInbound { .. }
        | ListenerTraffic::Inbound { .. } => Vec::new(),
    }
}
