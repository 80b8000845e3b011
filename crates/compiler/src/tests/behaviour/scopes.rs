//! What proxies import, and what they share.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_mesh::decl::mesh_config::OutboundPolicy;
use ferromesh_mesh::decl::sidecar::{ListenerPort, Sidecar};
use ferromesh_mesh::decl::{Export, Selector, Visibility};
use ferromesh_mesh::name::Locality;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::route_table::UnknownHosts;

use super::show::{check, clusters, compile, listeners};
use crate::tests::build::*;
use crate::{Compiler, Interception, Proxy, Snapshot, Tables};

fn services() -> Vec<Arc<Unit>> {
    [("a", "s"), ("b", "s"), ("b", "t")]
        .map(|(namespace, name)| service_unit(service(namespace, name)))
        .to_vec()
}

/// Outbound clusters of a client in namespace `a` with label `app=x`.
fn imported(sidecars: Vec<Sidecar>, more: Vec<Arc<Unit>>) -> Vec<String> {
    let sidecars = sidecars.into_iter().map(sidecar_unit).collect();
    let client = vec![workload_unit(pod("a", "x", "10.0.0.1", "app=x"))];
    let units = [services(), sidecars, client, more].concat();
    clusters(&compile(&units, proxy("a", "x")))
        .into_iter()
        .filter_map(|line| line.strip_suffix(" endpoints").map(str::to_owned))
        .collect()
}

#[test]
fn a_sidecar_restricts_what_is_imported() {
    let all = ["80||s.a", "80||s.b", "80||t.b"];
    let cases: [(&[&str], &[&str]); 7] = [
        (&["*/*"], &all),
        (&["./*"], &["80||s.a"]),
        (&["b/*"], &["80||s.b", "80||t.b"]),
        (
            &["*/*", "~b/s.b.svc.cluster.local"],
            &["80||s.a", "80||t.b"],
        ),
        (&["*/*.b.svc.cluster.local"], &["80||s.b", "80||t.b"]),
        // A selector of the namespace hides those for any namespace.
        (&["b/t.b.svc.cluster.local", "*/*"], &["80||s.a", "80||t.b"]),
        (&["~/*"], &[]),
    ];
    for (egress, expected) in cases {
        check(imported(vec![sidecar("a", "s", egress)], vec![]), expected);
    }
    check(imported(vec![], vec![]), &all);
}

#[test]
fn the_most_specific_sidecar_counts() {
    let root = sidecar("istio-system", "root", &["./*"]);
    let default = sidecar("a", "default", &["b/*"]);
    let mut selecting = sidecar("a", "selecting", &["b/t.b.svc.cluster.local"]);
    selecting.selector = Selector(labels("app=x"));
    check(imported(vec![root.clone()], vec![]), &["80||s.a"]);
    check(
        imported(vec![root.clone(), default.clone()], vec![]),
        &["80||s.b", "80||t.b"],
    );
    check(
        imported(vec![root, default, selecting], vec![]),
        &["80||t.b"],
    );
}

#[test]
fn destinations_of_imported_routes_are_imported_too() {
    let rules = vec![rule(vec![any_match()], &[("t.b.svc.cluster.local", 1)])];
    let sent = routes("a", "vs", &["s.a.svc.cluster.local"], rules);
    check(
        imported(vec![sidecar("a", "s", &["./*"])], vec![routes_unit(sent)]),
        &["80||s.a", "80||t.b"],
    );
}

#[test]
fn a_port_of_a_sidecar_has_hosts_of_its_own() {
    let mut declared = sidecar("a", "s", &["./*"]);
    let mut port = egress_listener(&["b/*"]);
    port.port = Some(ListenerPort {
        number: 80,
        name: Arc::from("x"),
        protocol: Protocol::Http,
    });
    declared.egress.insert(0, port);
    check(imported(vec![declared], vec![]), &["80||s.b", "80||t.b"]);
}

#[test]
fn services_are_seen_by_whom_they_are_exported_to() {
    let mut hidden = service("b", "hidden");
    hidden.export = Export::To(Visibility::Only(["b".into()].into()));
    let all = ["80||s.a", "80||s.b", "80||t.b"];
    check(imported(vec![], vec![service_unit(hidden.clone())]), &all);
    let mut mesh = mesh_config();
    mesh.service_export = Visibility::Own;
    check(imported(vec![], vec![mesh_unit(mesh)]), &["80||s.a"]);
}

#[test]
fn unknown_traffic_goes_where_the_sidecar_says() {
    let mut strict = sidecar("a", "s", &["*/*"]);
    strict.outbound = Some(OutboundPolicy::RegistryOnly);
    let first = |units: &[Arc<Unit>]| {
        listeners(&compile(units, proxy("a", "x")))
            .into_iter()
            .find(|line| line.starts_with("virtualOutbound"))
    };
    assert_eq!(first(&[]).as_deref(), Some("virtualOutbound passthrough"));
    assert_eq!(
        first(&[sidecar_unit(strict)]).as_deref(),
        Some("virtualOutbound black hole")
    );
}

#[test]
fn requests_to_unknown_hosts_go_to_whom_they_name_where_nothing_is_captured() {
    let mut strict = sidecar("a", "s", &["*/*"]);
    strict.outbound = Some(OutboundPolicy::RegistryOnly);
    let services = [service_unit(service("a", "s"))];
    let strictly = [services.to_vec(), vec![sidecar_unit(strict)]].concat();
    let inline = |proxy| Proxy {
        tables: Tables::Inline,
        ..proxy
    };
    let cases = [
        (&services[..], proxy("a", "x"), UnknownHosts::Original, 1),
        (&services, bound_proxy("a", "x"), UnknownHosts::Named, 2),
        (
            &services,
            inline(bound_proxy("a", "x")),
            UnknownHosts::Named,
            2,
        ),
        (&strictly, bound_proxy("a", "x"), UnknownHosts::Refused, 2),
        (&strictly, proxy("a", "x"), UnknownHosts::Refused, 1),
    ];
    for (units, proxy, expected, tables) in cases {
        let is_bound = proxy.interception != Interception::Redirect;
        let views = compile(units, proxy);
        let found: Vec<_> = views
            .values()
            .filter_map(|view| match view {
                View::RouteTable(table) => Some(table.fallback),
                _ => None,
            })
            .collect();
        assert_eq!(found, vec![expected; tables]);
        let passthrough = clusters(&views)
            .into_iter()
            .find(|line| line.starts_with("passthrough"));
        let discovery = if is_bound { "named" } else { "original" };
        assert_eq!(passthrough, Some(format!("passthrough {discovery}")));
    }
}

#[test]
fn proxies_that_differ_only_in_their_place_share_what_does_not_depend_on_it() {
    let mut nearest = policies("a", "dr", "s.a.svc.cluster.local", &[]);
    nearest.policy.all.outlier = Some(outlier());
    let mut compiler = Compiler::new();
    for unit in services() {
        compiler.replace(unit);
    }
    compiler.replace(policies_unit(nearest));
    let ids = ["z1", "z2"].map(|zone| {
        let mut workload = pod("a", zone, "10.0.0.1", "");
        workload.locality = Some(Locality::parse(&format!("r/{zone}")));
        compiler.replace(workload_unit(workload));
        compiler.open(proxy("a", zone))
    });
    // The same workload once more, and one in another namespace.
    let again = compiler.open(proxy("a", "z1"));
    let elsewhere = compiler.open(proxy("b", "x"));
    let mut snapshot = Snapshot::new();
    for edit in compiler.compile() {
        assert!(snapshot.apply(edit));
    }
    let views = |id| {
        let views = snapshot.views_of(id).map(|(view, _)| view);
        views.collect::<BTreeSet<_>>()
    };
    let difference: Vec<_> = views(ids[0]).difference(&views(ids[1])).copied().collect();
    // Only the instances of the service whose instances are ranked.
    assert_eq!(difference.len(), 1, "{difference:?}");
    assert_eq!(views(ids[0]), views(again));
    // Another namespace shares all clusters and instances, and the virtual hosts of services
    // whose bare names it can't use anyway.
    let shared = views(ids[0]).intersection(&views(elsewhere)).count();
    assert!(shared >= 9, "{shared}");
}
