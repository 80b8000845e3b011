//! Policies that guard workloads.

use std::sync::Arc;

use ferromesh_identity::TrustDomain;
use ferromesh_mesh::decl::endpoints::EndpointState;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::policy::authorization::Action;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::policy::path_normalization::PathNormalization;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::listener::ListenerTraffic;
use ferromesh_mesh::view::security::InboundSecurity;

use super::show::{check, clusters, compile, endpoints, name};
use crate::Compiler;
use crate::tests::build::guards::{
    authorization, authorization_unit, authorizer, keys, peers, peers_unit, tokens, tokens_unit,
    uri,
};
use crate::tests::build::*;
use crate::tests::laws::Views;

fn world() -> Vec<Arc<Unit>> {
    vec![
        service_unit(service("a", "web")),
        workload_unit(pod("a", "web-1", "10.0.0.1", "app=web,version=v1")),
    ]
}

fn security(views: &Views) -> Arc<InboundSecurity> {
    let mut found = views.values().filter_map(|view| match view {
        View::Listener(listener) => match &listener.traffic {
            ListenerTraffic::VirtualInbound { security, .. }
            | ListenerTraffic::Inbound { security, .. } => Some(security.clone()),
            _ => None,
        },
        _ => None,
    });
    found.next().expect("an inbound listener")
}

fn guarded(units: Vec<Arc<Unit>>) -> Arc<InboundSecurity> {
    security(&compile(&[world(), units].concat(), proxy("a", "web-1")))
}

fn allow(namespace: &str, name: &str, selector: &str) -> Arc<Unit> {
    authorization_unit(authorization(namespace, name, selector, Action::Allow))
}

#[test]
fn policies_of_the_root_namespace_come_first_then_by_name() {
    let found = guarded(vec![
        allow("a", "z", ""),
        allow("a", "b", "app=web"),
        allow("a", "else", "app=else"),
        allow("a", "more", "app=web,version=v2"),
        allow("b", "a", ""),
        allow("istio-system", "y", "version=v1"),
        allow("istio-system", "x", ""),
        allow("istio-system", "w", "version=v2"),
    ]);
    let names: Vec<String> = found
        .authorization
        .iter()
        .map(|policy| format!("{}/{}", policy.namespace, policy.name))
        .collect();
    assert_eq!(names, ["istio-system/x", "istio-system/y", "a/b", "a/z"]);
    let [first, ..] = found.authorization.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((&first.action, first.rules.len()), (&Action::Allow, 1));
}

#[test]
fn the_mesh_says_how_paths_and_names_are_read() {
    let mut mesh = mesh_config();
    mesh.security.paths = PathNormalization::MergeSlashes;
    mesh.security.trust_domain = TrustDomain::new("td").unwrap();
    mesh.security.trust_domain_aliases = vec![TrustDomain::new("old").unwrap()];
    let found = guarded(vec![mesh_unit(mesh)]);
    assert_eq!(found.paths, PathNormalization::MergeSlashes);
    assert_eq!(found.trust_domain.as_str(), "td");
    assert_eq!(found.trust_domain_aliases.len(), 1);
}

#[test]
fn tokens_are_verified_by_the_keys_that_are_known() {
    let of = |name: &str, source: KeySource| tokens_unit(tokens("a", name, "", source));
    let found = guarded(vec![
        of("1", KeySource::Inline(Arc::from("inline"))),
        of("2", uri("https://x")),
        of("3", uri("https://y")),
        of("4", KeySource::Issuer(Arc::from("https://x"))),
        of("5", KeySource::Nobody),
        keys("k", uri("https://x"), "fetched"),
        keys("l", KeySource::Nobody, "never"),
    ]);
    let keys: Vec<&str> = found
        .tokens
        .iter()
        .map(|token| token.keys.as_deref().unwrap_or("-"))
        .collect();
    assert_eq!(keys, ["inline", "fetched", "-", "-", "-"]);
}

#[test]
fn the_fetcher_is_told_whose_keys_are_wanted() {
    let mut compiler = Compiler::new();
    let mut slow = tokens("a", "1", "", uri("https://x"));
    slow.rules[0].fetch_timeout = std::time::Duration::from_secs(9);
    compiler.replace(tokens_unit(slow));
    compiler.replace(tokens_unit(tokens("a", "2", "", uri("https://x"))));
    let inline = KeySource::Inline(Arc::from("x"));
    compiler.replace(tokens_unit(tokens("a", "3", "", inline)));
    compiler.replace(tokens_unit(tokens("a", "4", "", KeySource::Nobody)));
    let wanted = |compiler: &Compiler| -> Vec<String> {
        let sources = compiler.key_sources();
        sources
            .iter()
            .map(|(s, t)| format!("{s:?} {t:?}"))
            .collect()
    };
    assert_eq!(wanted(&compiler), ["Uri(\"https://x\") 9s"]);
    compiler.replace(tokens_unit(tokens("a", "1", "", uri("https://y"))));
    assert_eq!(
        wanted(&compiler),
        ["Uri(\"https://x\") 5s", "Uri(\"https://y\") 5s"]
    );
    compiler.remove(&object("RequestAuthentication", "a", "2"));
    assert_eq!(wanted(&compiler), ["Uri(\"https://y\") 5s"]);
}

/// A mesh with an authorizer in namespace `b`, and a Sidecar that hides it.
fn asking(required: Option<&str>, port: u16) -> Vec<Arc<Unit>> {
    let mut mesh: MeshConfig = mesh_config();
    mesh.security.authorizers = [(
        Arc::from("opa"),
        authorizer(required, "opa.b.svc.cluster.local", port),
    )]
    .into();
    let ask = authorization("a", "ask", "app=web", Action::Custom(Arc::from("opa")));
    vec![
        mesh_unit(mesh),
        service_unit(service("b", "opa")),
        slice(
            "b",
            "opa",
            "opa",
            vec![pod_endpoint("b", "opa-1", "10.0.0.9")],
        ),
        authorization_unit(ask),
    ]
}

fn hiding() -> Arc<Unit> {
    sidecar_unit(sidecar("a", "s", &["./*"]))
}

#[test]
fn the_cluster_of_an_authorizer_is_there_whatever_the_sidecar_hides() {
    for hidden in [false, true] {
        let mut units = [world(), asking(None, 80)].concat();
        if hidden {
            units.push(hiding());
        }
        let views = compile(&units, proxy("a", "web-1"));
        let found = security(&views);
        let asked: Vec<String> = found
            .authorizers
            .iter()
            .map(|(name_of, authorizer)| format!("{name_of} {}", name(&authorizer.cluster)))
            .collect();
        assert_eq!(asked, ["opa 80||opa.b"]);
        assert!(clusters(&views).contains(&"80||opa.b endpoints".to_owned()));
        let instances = endpoints(&views);
        let of_opa = instances
            .iter()
            .filter(|line| line.starts_with("80||opa.b"));
        check(
            of_opa.cloned().collect(),
            &["80||opa.b p0 // w1: 10.0.0.9:8080 Ready"],
        );
    }
    // Nobody asks: it stays hidden.
    let mut units = [world(), asking(None, 80), vec![hiding()]].concat();
    units.push(allow("a", "ask", "app=web"));
    let views = compile(&units, proxy("a", "web-1"));
    let found = clusters(&views);
    assert!(
        !found.contains(&"80||opa.b endpoints".to_owned()),
        "{found:?}"
    );
}

#[test]
fn an_authorizer_that_is_not_known_is_not_asked() {
    let asked = |units: Vec<Arc<Unit>>| guarded(units).authorizers.len();
    assert_eq!(asked(asking(Some("b"), 80)), 1);
    assert_eq!(asked(asking(Some("c"), 80)), 0);
    assert_eq!(asked(asking(None, 81)), 0);
    let mut udp = service("b", "opa");
    udp.ports = vec![port("udp", Protocol::Udp, 80, "8080")];
    assert_eq!(
        asked([asking(None, 80), vec![service_unit(udp)]].concat()),
        0
    );
    let other = authorization("a", "ask", "app=web", Action::Custom(Arc::from("else")));
    let found = guarded([asking(None, 80), vec![authorization_unit(other)]].concat());
    assert_eq!((found.authorizers.len(), found.authorization.len()), (0, 1));
}

/// A namespace of many workloads with proxies, each selected by a policy of its own.
fn many() -> Compiler {
    let mut compiler = Compiler::new();
    compiler.replace(service_unit(service("a", "web")));
    for at in 0..50 {
        let name = format!("p{at}");
        let labels = format!("app=web,name={name}");
        let address = format!("10.0.0.{at}");
        compiler.replace(workload_unit(pod("a", &name, &address, &labels)));
        let selector = format!("name={name}");
        compiler.replace(allow("a", &name, &selector));
        compiler.replace(peers_unit(peers("a", &name, &selector, "STRICT")));
        compiler.open(proxy("a", &name));
    }
    compiler.replace(slice(
        "a",
        "web",
        "web",
        vec![pod_endpoint("a", "p3", "10.0.0.3")],
    ));
    compiler.compile();
    compiler.work = Default::default();
    compiler
}

#[test]
fn a_policy_concerns_only_those_whom_it_may_select() {
    // A rule: nobody is linked again, the listeners that carry it are built.
    let mut compiler = many();
    let mut stricter = authorization("a", "p7", "name=p7", Action::Allow);
    stricter.rules.clear();
    compiler.replace(authorization_unit(stricter.clone()));
    assert_eq!(compiler.compile().len(), 1);
    assert_eq!((compiler.work.linked, compiler.work.built), (0, 1));
    // A selector: those whom it selected and those whom it selects.
    let mut moved = stricter;
    moved.selector = peers("a", "", "name=p8", "").selector;
    compiler.replace(authorization_unit(moved));
    compiler.compile();
    assert_eq!(compiler.work.linked, 2);
    // A mode.
    let mut compiler = many();
    compiler.replace(peers_unit(peers("a", "p7", "name=p7", "PERMISSIVE")));
    compiler.compile();
    assert_eq!((compiler.work.linked, compiler.work.built), (1, 1));
    // Policies of other namespaces concern nobody, those of the root namespace all.
    let mut compiler = many();
    compiler.replace(peers_unit(peers("b", "x", "", "STRICT")));
    assert_eq!(compiler.compile(), []);
    assert_eq!(compiler.work.linked, 0);
    compiler.replace(peers_unit(peers("istio-system", "x", "", "STRICT")));
    assert_eq!(compiler.compile(), []);
    assert_eq!((compiler.work.linked, compiler.work.built), (50, 0));
    // Keys: the listeners that need them.
    let mut compiler = many();
    compiler.replace(tokens_unit(tokens("a", "t", "name=p7", uri("https://x"))));
    compiler.compile();
    compiler.work = Default::default();
    compiler.replace(keys("k", uri("https://x"), "fetched"));
    assert_eq!(compiler.compile().len(), 1);
    assert_eq!((compiler.work.linked, compiler.work.built), (0, 1));
}

#[test]
fn an_address_touches_endpoints_only_whatever_policies_say() {
    let mut compiler = many();
    compiler.replace(peers_unit(peers("a", "off", "name=p4", "DISABLE")));
    compiler.replace(peers_unit(peers("istio-system", "off", "", "DISABLE")));
    compiler.compile();
    compiler.work = Default::default();
    // A new instance of the same account under a new name.
    compiler.replace(workload_unit(pod("a", "new", "10.0.1.1", "app=web")));
    compiler.replace(slice(
        "a",
        "web",
        "web",
        vec![pod_endpoint("a", "new", "10.0.1.1")],
    ));
    let edits = compiler.compile();
    assert_eq!(edits.len(), 1, "{edits:?}");
    assert_eq!((compiler.work.linked, compiler.work.built), (0, 1));
    // One that is another account's touches the cluster, too.
    let mut other = pod("a", "new", "10.0.1.1", "app=web");
    other.service_account = "other".into();
    compiler.replace(workload_unit(other.clone()));
    let edits = compiler.compile();
    assert_eq!(edits.len(), 1, "{edits:?}");
    assert_eq!(compiler.work.built, 3);
    // Whether it is ready does not.
    other.state = EndpointState::NotReady;
    compiler.replace(workload_unit(other));
    assert_eq!(compiler.compile(), []);
    assert_eq!(compiler.work.built, 3);
}
