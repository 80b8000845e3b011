//! Mutual TLS, on both sides.

use std::sync::Arc;

use ferromesh_identity::TrustDomain;
use ferromesh_mesh::decl::endpoints::Identity;
use ferromesh_mesh::decl::mesh_config::AutoMtls;
use ferromesh_mesh::decl::service::Resolution;
use ferromesh_mesh::decl::workload::{PeerTls, Workload};
use ferromesh_mesh::name::ServiceAccount;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::policy::tls::{ClientTls, ServerCheck, ServerTrust};
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::cluster::UpstreamTls;
use ferromesh_mesh::view::listener::ListenerTraffic;

use super::show::{check, compile, name};
use crate::proxy::{Certificates, Proxy};
use crate::tests::build::guards::{mode, peers, peers_unit};
use crate::tests::build::*;
use crate::tests::laws::Views;

/// A pod with a proxy.
fn meshed(name: &str, address: &str, account: &str) -> Workload {
    let mut pod = pod("a", name, address, "app=web,version=v1");
    pod.peer_tls = PeerTls::Mesh;
    pod.service_account = ServiceAccount::from(account);
    pod
}

/// What the pod's ports take: `8080 Strict, rest Permissive`.
fn inbound(policies: Vec<Arc<Unit>>, proxy: Proxy) -> String {
    let mut units = vec![
        service_unit(service("a", "web")),
        workload_unit(meshed("web-1", "10.0.0.1", "web")),
    ];
    units.extend(policies);
    let views = compile(&units, proxy);
    let lines: Vec<String> = views
        .values()
        .filter_map(|view| match view {
            View::Listener(listener) => match &listener.traffic {
                ListenerTraffic::VirtualInbound {
                    ports, rest_mtls, ..
                } => {
                    let ports = ports.iter().map(|p| format!("{} {:?}, ", p.port, p.mtls));
                    Some(format!("{}rest {rest_mtls:?}", ports.collect::<String>()))
                }
                ListenerTraffic::Inbound { port, .. } => {
                    Some(format!("{} {:?}", port.port, port.mtls))
                }
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join("; ")
}

#[test]
fn the_narrowest_policy_counts_then_the_oldest() {
    let at = |namespace: &str, name: &str, selector: &str, mode: &str| {
        peers_unit(peers(namespace, name, selector, mode))
    };
    let dated = |created: &str, name: &str, mode: &str| {
        let mut policy = peers("a", name, "app=web", mode);
        policy.age = Age::new(created, name, "a");
        peers_unit(policy)
    };
    let on_port = |port: u16, said: &str, all: &str| {
        let mut policy = peers("a", "w", "app=web", all);
        policy.ports.insert(port, mode(said));
        peers_unit(policy)
    };
    let root = || at("istio-system", "mesh", "", "STRICT");
    let cases: Vec<(Vec<Arc<Unit>>, &str)> = vec![
        (vec![], "8080 Permissive, rest Permissive"),
        (vec![root()], "8080 Strict, rest Strict"),
        (
            vec![at("b", "other", "", "STRICT")],
            "8080 Permissive, rest Permissive",
        ),
        (
            vec![root(), at("a", "ns", "", "DISABLE")],
            "8080 Disable, rest Disable",
        ),
        // UNSET inherits.
        (
            vec![root(), at("a", "ns", "", "")],
            "8080 Strict, rest Strict",
        ),
        (
            vec![
                root(),
                at("a", "ns", "", "DISABLE"),
                at("a", "w", "app=web", "PERMISSIVE"),
            ],
            "8080 Permissive, rest Permissive",
        ),
        (
            vec![root(), at("a", "w", "app=else", "DISABLE")],
            "8080 Strict, rest Strict",
        ),
        // A selector of the root namespace selects everywhere.
        (
            vec![at("istio-system", "w", "app=web", "STRICT")],
            "8080 Strict, rest Strict",
        ),
        (
            vec![dated("2026", "1", "STRICT"), dated("2025", "2", "DISABLE")],
            "8080 Disable, rest Disable",
        ),
        (
            vec![dated("", "2", "DISABLE"), dated("", "1", "STRICT")],
            "8080 Strict, rest Strict",
        ),
        (
            vec![on_port(8080, "DISABLE", "STRICT")],
            "8080 Disable, rest Strict",
        ),
        (
            vec![on_port(8080, "", "STRICT")],
            "8080 Strict, rest Strict",
        ),
        (
            vec![root(), on_port(8080, "DISABLE", "")],
            "8080 Disable, rest Strict",
        ),
        // No service has this port, but it is captured.
        (
            vec![on_port(7, "STRICT", "")],
            "7 Strict, 8080 Permissive, rest Permissive",
        ),
        (
            vec![on_port(7, "PERMISSIVE", "")],
            "8080 Permissive, rest Permissive",
        ),
    ];
    for (policies, expected) in cases {
        let shown = format!("{policies:?}");
        assert_eq!(inbound(policies, proxy("a", "web-1")), expected, "{shown}");
    }
    assert_eq!(
        inbound(vec![root()], bound_proxy("a", "web-1")),
        "8080 Strict"
    );
}

#[test]
fn a_proxy_without_certificates_neither_speaks_nor_demands_it() {
    let mut without = proxy("a", "web-1");
    without.certificates = Certificates::None;
    let strict = peers_unit(peers("istio-system", "mesh", "", "STRICT"));
    assert_eq!(
        inbound(vec![strict], without.clone()),
        "8080 Disable, rest Disable"
    );
    for said in [None, Some(mutual("", &[]))] {
        let views = compile(&world(said), without.clone());
        check(upstream(&views), &["80||web.a Off"]);
    }
}

fn mutual(sni: &str, names: &[&str]) -> ClientTls {
    ClientTls::Mesh {
        sni: Arc::from(sni),
        names: names.iter().map(|name| Arc::from(*name)).collect(),
    }
}

/// A service with two pods of two accounts, one of them without a proxy, under a policy.
fn world(said: Option<ClientTls>) -> Vec<Arc<Unit>> {
    let mut plain = meshed("web-2", "10.0.0.2", "old");
    plain.peer_tls = PeerTls::Plain;
    let mut policies = policies("a", "dr", "web.a.svc.cluster.local", &[]);
    policies.policy.all.tls = said;
    vec![
        service_unit(service("a", "web")),
        workload_unit(meshed("web-1", "10.0.0.1", "web")),
        workload_unit(plain),
        slice(
            "a",
            "web",
            "web",
            vec![
                pod_endpoint("a", "web-1", "10.0.0.1"),
                pod_endpoint("a", "web-2", "10.0.0.2"),
            ],
        ),
        policies_unit(policies),
    ]
}

/// `80||web.a Auto sni: names` for the clusters of services.
fn upstream(views: &Views) -> Vec<String> {
    views
        .values()
        .filter_map(|view| match view {
            View::Cluster(cluster) if cluster.service.is_some() => {
                let tls = match &cluster.tls {
                    UpstreamTls::Off => "Off".to_owned(),
                    UpstreamTls::Auto(mesh) => {
                        format!("Auto {}: {}", mesh.sni, mesh.names.join(" "))
                    }
                    UpstreamTls::Mesh(mesh) => {
                        format!("Mesh {}: {}", mesh.sni, mesh.names.join(" "))
                    }
                    UpstreamTls::Other(..) => "Other".to_owned(),
                };
                Some(format!("{} {tls}", name(&cluster.name)))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn clients_speak_it_to_who_understands_it_or_as_a_policy_says() {
    let own = "spiffe://cluster.local/ns/a/sa/old spiffe://cluster.local/ns/a/sa/web";
    let simple = ClientTls::Simple(ServerCheck {
        sni: Arc::from(""),
        trust: ServerTrust::System,
        names: Vec::new(),
        revoked: Arc::from(""),
    });
    for (said, expected) in [
        (None, format!("Auto : {own}")),
        (Some(ClientTls::Disable), "Off".to_owned()),
        (Some(mutual("x", &[])), format!("Mesh x: {own}")),
        (Some(mutual("", &["b", "a"])), "Mesh : a b".to_owned()),
        (Some(simple), "Other".to_owned()),
    ] {
        let views = compile(&world(said), proxy("b", "x"));
        check(upstream(&views), &[&format!("80||web.a {expected}")]);
    }
    let mut mesh = mesh_config();
    mesh.security.auto_mtls = AutoMtls::Off;
    let mut units = world(None);
    units.push(mesh_unit(mesh));
    check(
        upstream(&compile(&units, proxy("b", "x"))),
        &["80||web.a Off"],
    );
}

#[test]
fn accounts_have_the_names_of_the_trust_domain_and_its_aliases() {
    let mut mesh = mesh_config();
    mesh.security.trust_domain = TrustDomain::new("new").unwrap();
    mesh.security.trust_domain_aliases = vec![TrustDomain::new("old").unwrap()];
    let mut web = service("a", "web");
    web.names = vec![Arc::from("also.this")];
    let units = [
        mesh_unit(mesh),
        service_unit(web),
        workload_unit(meshed("web-1", "10.0.0.1", "web")),
        slice(
            "a",
            "web",
            "web",
            vec![endpoint("10.0.0.1", Identity::ByAddress)],
        ),
    ];
    check(
        upstream(&compile(&units, proxy("b", "x"))),
        &["80||web.a Auto : also.this spiffe://new/ns/a/sa/web spiffe://old/ns/a/sa/web"],
    );
}

#[test]
fn an_entry_names_the_servers_that_a_policy_does_not_name() {
    for (said, expected) in [(vec![], "entry"), (vec![Arc::from("policy")], "policy")] {
        let mut entry = entry("a", "e", "ext.com", Resolution::Declared);
        entry.names = vec![Arc::from("entry")];
        let mut policies = policies("a", "dr", "ext.com", &[]);
        policies.policy.all.tls = Some(ClientTls::Simple(ServerCheck {
            sni: Arc::from(""),
            trust: ServerTrust::System,
            names: said,
            revoked: Arc::from(""),
        }));
        let units = [service_unit(entry), policies_unit(policies)];
        let views = compile(&units, proxy("b", "x"));
        let names = views.values().find_map(|view| match view {
            View::Cluster(cluster) => match &cluster.tls {
                UpstreamTls::Other(ClientTls::Simple(server), _) => Some(server.names.clone()),
                _ => None,
            },
            _ => None,
        });
        assert_eq!(names, Some(vec![Arc::from(expected)]));
    }
}

/// Whether the instances speak it: `10.0.0.1 Mesh`.
fn instances(units: &[Arc<Unit>]) -> Vec<String> {
    let views = compile(units, proxy("b", "x"));
    let groups = views.values().filter_map(|view| match view {
        View::Endpoints(endpoints) => Some(&endpoints.groups),
        _ => None,
    });
    groups
        .flatten()
        .flat_map(|group| &group.endpoints)
        .map(|endpoint| format!("{} {:?}", endpoint.address, endpoint.peer_tls))
        .collect()
}

#[test]
fn an_instance_speaks_it_unless_its_policy_forbids_it() {
    check(
        instances(&world(None)),
        &["10.0.0.1 Mesh", "10.0.0.2 Plain"],
    );
    let with = |policies: Vec<Arc<Unit>>| instances(&[world(None), policies].concat());
    let off = peers_unit(peers("istio-system", "mesh", "", "DISABLE"));
    check(
        with(vec![off.clone()]),
        &["10.0.0.1 Plain", "10.0.0.2 Plain"],
    );
    let again = peers_unit(peers("a", "w", "version=v1", "STRICT"));
    check(with(vec![off, again]), &["10.0.0.1 Mesh", "10.0.0.2 Plain"]);
    let mut on_port = peers("a", "w", "version=v1", "STRICT");
    on_port.ports.insert(8080, mode("DISABLE"));
    check(
        with(vec![peers_unit(on_port)]),
        &["10.0.0.1 Plain", "10.0.0.2 Plain"],
    );
}

#[test]
fn where_clients_choose_the_instance_all_must_speak_it() {
    let headless = |instances: &[&str], policies: Vec<Arc<Unit>>| {
        let mut headless = service("a", "web");
        headless.resolution = Resolution::Headless;
        let mut units = world(None);
        units.push(service_unit(headless));
        let instances = instances.iter().zip(1..);
        let instances = instances.map(|(pod, at)| pod_endpoint("a", pod, &format!("10.0.0.{at}")));
        units.push(slice("a", "web", "web", instances.collect()));
        units.extend(policies);
        upstream(&compile(&units, proxy("b", "x")))
    };
    let web = "80||web.a Mesh : spiffe://cluster.local/ns/a/sa/web";
    check(headless(&["web-1"], vec![]), &[web]);
    check(headless(&["web-1", "web-2"], vec![]), &["80||web.a Off"]);
    check(headless(&["web-1", "unknown"], vec![]), &["80||web.a Off"]);
    check(headless(&[], vec![]), &["80||web.a Off"]);
    let off = |name: &str, selector: &str| peers_unit(peers("a", name, selector, "DISABLE"));
    check(
        headless(&["web-1"], vec![off("w", "app=web")]),
        &["80||web.a Off"],
    );
    check(headless(&["web-1"], vec![off("w", "app=else")]), &[web]);
}

#[test]
fn it_costs_nothing_where_nobody_could_speak_it() {
    let external = |tls: PeerTls, resolution: Resolution| {
        let mut identity = inline("", "");
        if let Identity::Inline {
            peer_tls,
            service_account,
            ..
        } = &mut identity
        {
            *peer_tls = tls;
            *service_account = ServiceAccount::from("vm");
        }
        let inline = ferromesh_mesh::decl::endpoints::Endpoints {
            host: ferromesh_mesh::name::Hostname::new("ext.com"),
            namespace: "a".into(),
            ports: std::collections::BTreeMap::new(),
            instances: vec![endpoint("10.0.0.9", identity)],
        };
        let units = [
            service_unit(entry("a", "e", "ext.com", resolution)),
            endpoints_unit("Endpoints", "e", inline),
        ];
        upstream(&compile(&units, proxy("b", "x")))
    };
    check(
        external(PeerTls::Plain, Resolution::Declared),
        &["80||ext.com Off"],
    );
    check(
        external(PeerTls::Mesh, Resolution::Declared),
        &["80||ext.com Auto : spiffe://cluster.local/ns/a/sa/vm"],
    );
    check(
        external(PeerTls::Mesh, Resolution::Dns(Vec::new())),
        &["80||ext.com Off"],
    );
}
