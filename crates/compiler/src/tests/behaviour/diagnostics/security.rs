//! Faults of policies that guard workloads.

use std::sync::Arc;

use ferromesh_identity::TrustDomain;
use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::service::Resolution;
use ferromesh_mesh::decl::sidecar::{AppEndpoint, CaptureMode, IngressListener, ListenerPort};
use ferromesh_mesh::decl::workload::PeerTls;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::policy::authorization::{
    Action, Condition, Operation, PathMatch, Source, TextAttribute, TextMatch,
};
use ferromesh_mesh::policy::ext_authz::{AuthorizerProtocol, HttpAuthorizer};
use ferromesh_mesh::policy::path_normalization::PathNormalization;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::policy::set::Set;
use ferromesh_mesh::policy::tls::ClientTls;
use ferromesh_mesh::unit::Unit;

use super::{check, diagnostics, faults};
use crate::proxy::Certificates;
use crate::tests::build::guards::{
    authorization, authorization_unit, authorizer, mode, peers, peers_unit, tokens, tokens_unit,
    uri,
};
use crate::tests::build::*;

/// A pod `a/reviews-1` of the service, and what is said about it.
fn told(units: Vec<Arc<Unit>>) -> Vec<String> {
    let mut reviews = pod("a", "reviews-1", "10.0.0.1", "app=reviews");
    reviews.peer_tls = PeerTls::Mesh;
    let mut all = vec![workload_unit(reviews)];
    all.extend(units);
    faults(all, vec![])
}

fn any(texts: &[&str]) -> Set<TextMatch> {
    Set {
        any_of: texts
            .iter()
            .map(|text| match text.strip_suffix('*') {
                Some(start) => TextMatch::Prefix(Arc::from(start)),
                None => TextMatch::Exact(Arc::from(*text)),
            })
            .collect(),
        none_of: Vec::new(),
    }
}

fn policy(action: Action, selector: &str) -> AuthorizationPolicy {
    authorization("a", "ap", selector, action)
}

fn from(action: Action, source: Source) -> Arc<Unit> {
    let mut policy = policy(action, "app=reviews");
    policy.rules[0].sources = vec![source];
    authorization_unit(policy)
}

fn to(action: Action, operation: Operation) -> Arc<Unit> {
    let mut policy = policy(action, "app=reviews");
    policy.rules[0].operations = vec![operation];
    authorization_unit(policy)
}

#[test]
fn a_selector_without_workloads_is_reported() {
    let all = |namespace: &str, selector: &str| {
        vec![
            peers_unit(peers(namespace, "pa", selector, "STRICT")),
            authorization_unit(authorization(namespace, "ap", selector, Action::Allow)),
            tokens_unit(tokens(
                namespace,
                "ra",
                selector,
                ferromesh_mesh::policy::jwt::KeySource::Nobody,
            )),
        ]
    };
    let kinds = [
        "AuthorizationPolicy",
        "PeerAuthentication",
        "RequestAuthentication",
    ];
    for (namespace, selector, is_found) in [
        ("a", "app=reviews", true),
        ("a", "", true),
        ("b", "", true),
        ("istio-system", "app=reviews", true),
        ("a", "app=review", false),
        ("b", "app=reviews", false),
        ("istio-system", "app=review", false),
    ] {
        let found: Vec<_> = told(all(namespace, selector))
            .into_iter()
            .filter(|line| line.contains("selects-nothing"))
            .collect();
        let names = kinds
            .iter()
            .zip(["ap", "pa", "ra"])
            .map(|(kind, name)| format!("{kind} {namespace}/{name} spec.selector selects-nothing"));
        let expected: Vec<String> = if is_found {
            Vec::new()
        } else {
            names.collect()
        };
        assert_eq!(found, expected, "{namespace} {selector}");
    }
}

#[test]
fn a_peer_authentication_that_never_counts_is_reported() {
    let at = |name: &str, namespace: &str, selector: &str| {
        let mut policy = peers(namespace, name, selector, "STRICT");
        policy.age = Age::new(&format!("202{name}"), name, namespace);
        policy
    };
    let pair = |namespace: &str, one: &str, other: &str| {
        told(vec![
            peers_unit(at("1", namespace, one)),
            peers_unit(at("2", namespace, other)),
        ])
    };
    for namespace in ["a", "istio-system"] {
        check(
            pair(namespace, "", ""),
            &[&format!(
                "PeerAuthentication {namespace}/2 spec conflicting-policies"
            )],
        );
        check(
            pair(namespace, "app=reviews", "app=reviews"),
            &[&format!(
                "PeerAuthentication {namespace}/2 spec conflicting-policies"
            )],
        );
        check(pair(namespace, "", "app=reviews"), &[]);
    }
    let mut on_port = at("1", "a", "app=reviews");
    on_port.ports = [(8080, mode("DISABLE")), (80, mode("STRICT"))].into();
    check(
        told(vec![peers_unit(on_port.clone())]),
        &["PeerAuthentication a/1 spec.portLevelMtls.80 unknown-port"],
    );
    // A Sidecar may say otherwise.
    let mut sidecar = sidecar("a", "s", &["*/*"]);
    sidecar.ingress = vec![IngressListener {
        port: ListenerPort {
            number: 80,
            name: Arc::from("x"),
            protocol: Protocol::Http,
        },
        bind: Arc::from(""),
        capture: CaptureMode::Default,
        app: AppEndpoint::Default,
        pool: None,
        origin: origin("Sidecar", "a", "s", "spec.ingress[0]"),
    }];
    check(told(vec![peers_unit(on_port), sidecar_unit(sidecar)]), &[]);
}

#[test]
fn what_only_requests_have_is_reported_on_ports_of_connections() {
    let methods = |ports: &[u16]| Operation {
        methods: any(&["GET"]),
        ports: Set {
            any_of: ports.to_vec(),
            none_of: Vec::new(),
        },
        ..Operation::default()
    };
    let mut tcp = service("a", "reviews");
    tcp.ports.push(port("tcp", Protocol::Tcp, 90, "9090"));
    let tcp = service_unit(tcp);
    let line = "AuthorizationPolicy a/ap spec.rules[0].to[0].operation.methods requests-only";
    for action in [Action::Allow, Action::Deny] {
        check(told(vec![to(action.clone(), methods(&[]))]), &[]);
        check(
            told(vec![to(action.clone(), methods(&[])), tcp.clone()]),
            &[line],
        );
        check(told(vec![to(action, methods(&[8080])), tcp.clone()]), &[]);
    }
    check(
        told(vec![to(Action::Allow, methods(&[81, 8080]))]),
        &["AuthorizationPolicy a/ap spec.rules[0].to[0].operation.ports[0] unknown-port"],
    );
    let mut header = policy(Action::Allow, "");
    let attribute = TextAttribute::Header(Arc::from("x"));
    header.rules[0].conditions = vec![Condition::Text(attribute, any(&["y"]))];
    check(
        told(vec![authorization_unit(header), tcp]),
        &["AuthorizationPolicy a/ap spec.rules[0].when[0].key requests-only"],
    );
}

#[test]
fn tokens_that_nobody_verifies_are_reported() {
    let principals = || {
        from(
            Action::Allow,
            Source {
                request_principals: any(&["issuer/*"]),
                ..Source::default()
            },
        )
    };
    let field = "spec.rules[0].from[0].source.requestPrincipals";
    check(
        told(vec![principals()]),
        &[&format!(
            "AuthorizationPolicy a/ap {field} missing-request-authentication"
        )],
    );
    let inline = ferromesh_mesh::policy::jwt::KeySource::Inline(Arc::from("{}"));
    let verified = tokens_unit(tokens("istio-system", "ra", "app=reviews", inline));
    check(told(vec![principals(), verified]), &[]);
    let mut claim = policy(Action::Allow, "app=reviews");
    let attribute = TextAttribute::Claim(vec![Arc::from("sub")]);
    claim.rules[0].conditions = vec![Condition::Text(attribute, any(&["y"]))];
    check(
        told(vec![authorization_unit(claim)]),
        &["AuthorizationPolicy a/ap spec.rules[0].when[0].key missing-request-authentication"],
    );
    check(
        told(vec![tokens_unit(tokens("a", "ra", "", uri("https://x")))]),
        &["RequestAuthentication a/ra spec.jwtRules[0] missing-keys"],
    );
}

#[test]
fn principals_that_nobody_has_are_reported() {
    let principals = |texts: &[&str]| {
        from(
            Action::Allow,
            Source {
                principals: any(texts),
                ..Source::default()
            },
        )
    };
    let line = |code: &str| {
        format!("AuthorizationPolicy a/ap spec.rules[0].from[0].source.principals[0] {code}")
    };
    let known = "cluster.local/ns/a/sa/default";
    check(told(vec![principals(&[known])]), &[]);
    check(told(vec![principals(&["cluster.local/ns/b/sa/any"])]), &[]);
    check(
        told(vec![principals(&["cluster.local/ns/a/sa/any", known])]),
        &[&line("unknown-account")],
    );
    for foreign in ["old/ns/a/sa/default", "old/ns/a/*"] {
        check(
            told(vec![principals(&[foreign])]),
            &[&line("foreign-trust-domain")],
        );
        let mut mesh = mesh_config();
        mesh.security.trust_domain_aliases = vec![TrustDomain::new("old").unwrap()];
        check(told(vec![principals(&[foreign]), mesh_unit(mesh)]), &[]);
    }
}

#[test]
fn paths_that_another_spelling_passes_are_reported() {
    let paths = |action: Action, text: &str| {
        let paths = any(&[text]);
        to(
            action,
            Operation {
                paths: Set {
                    any_of: paths.any_of.into_iter().map(PathMatch::Text).collect(),
                    none_of: Vec::new(),
                },
                ..Operation::default()
            },
        )
    };
    let line = "AuthorizationPolicy a/ap spec.rules[0].to[0].operation.paths[0] path-variants";
    check(told(vec![paths(Action::Deny, "/admin")]), &[line]);
    check(told(vec![paths(Action::Deny, "/admin/*")]), &[line]);
    check(told(vec![paths(Action::Deny, "/*")]), &[]);
    check(told(vec![paths(Action::Allow, "/admin")]), &[]);
    let mut mesh = mesh_config();
    mesh.security.paths = PathNormalization::MergeSlashes;
    check(
        told(vec![paths(Action::Deny, "/admin"), mesh_unit(mesh)]),
        &[],
    );
}

#[test]
fn authorizers_that_can_not_be_asked_are_reported() {
    let ask = || authorization_unit(policy(Action::Custom(Arc::from("opa")), ""));
    let mesh = |authorizers: &[(&str, &str, Option<&str>, u16)]| {
        let mut mesh: MeshConfig = mesh_config();
        mesh.security.authorizers = authorizers
            .iter()
            .map(|(name, host, namespace, port)| {
                (Arc::from(*name), authorizer(*namespace, host, *port))
            })
            .collect();
        mesh_unit(mesh)
    };
    let host = "reviews.a.svc.cluster.local";
    let line = |code: &str| format!("AuthorizationPolicy a/ap spec.provider.name {code}");
    check(told(vec![ask()]), &[&line("unknown-provider")]);
    check(told(vec![ask(), mesh(&[("opa", host, None, 80)])]), &[]);
    check(
        told(vec![ask(), mesh(&[("opa", host, Some("a"), 80)])]),
        &[],
    );
    for unusable in [
        ("opa", "x.com", None, 80),
        ("opa", host, None, 81),
        ("opa", host, Some("b"), 80),
    ] {
        check(
            told(vec![ask(), mesh(&[unusable])]),
            &[&line("unusable-provider")],
        );
    }
    let mut headless = service("a", "reviews");
    headless.resolution = Resolution::Headless;
    check(
        told(vec![
            ask(),
            mesh(&[("opa", host, None, 80)]),
            service_unit(headless),
        ]),
        &[&line("unusable-provider")],
    );
    let mut by_http = authorizer(None, host, 80);
    by_http.protocol = AuthorizerProtocol::Http(HttpAuthorizer {
        path_prefix: Arc::from(""),
        request_headers: Vec::new(),
        added_headers: Vec::new(),
        upstream_headers: Vec::new(),
        allowed_headers: Vec::new(),
        denied_headers: Vec::new(),
    });
    let mut http_only = mesh_config();
    http_only.security.authorizers = [(Arc::from("opa"), by_http)].into();
    let mut tcp = service("a", "reviews");
    tcp.ports.push(port("tcp", Protocol::Tcp, 90, "9090"));
    let units = vec![ask(), mesh_unit(http_only)];
    check(told(units.clone()), &[]);
    check(
        told([units, vec![service_unit(tcp)]].concat()),
        &[&line("requests-only")],
    );
    let hints: Vec<_> = diagnostics(vec![ask(), mesh(&[("opa2", host, None, 80)])], vec![])
        .into_iter()
        .filter_map(|diagnostic| diagnostic.hint)
        .collect();
    assert_eq!(hints, ["did you mean \"opa2\"?"]);
}

#[test]
fn clients_and_servers_that_speak_another_tls_are_reported() {
    let client = |tls: ClientTls, on_subset: bool| {
        let mut policies = policies("a", "dr", "*.a.svc.cluster.local", &["v1"]);
        if on_subset {
            policies.subsets[0].labels = labels("app=reviews");
            policies.subsets[0].policy.all.tls = Some(tls);
        } else {
            policies.policy.all.tls = Some(tls);
        }
        policies_unit(policies)
    };
    let mesh = || ClientTls::Mesh {
        sni: Arc::from(""),
        names: Vec::new(),
    };
    let server = |said: &str| peers_unit(peers("a", "pa", "", said));
    let line = "DestinationRule a/dr spec.trafficPolicy.tls.mode conflicting-tls";
    for (tls, said, is_fine) in [
        (ClientTls::Disable, "STRICT", false),
        (ClientTls::Disable, "PERMISSIVE", true),
        (mesh(), "DISABLE", false),
        (mesh(), "STRICT", true),
    ] {
        let found = told(vec![client(tls.clone(), false), server(said)]);
        let all = [line];
        check(found, if is_fine { &[] } else { &all });
    }
    check(
        told(vec![client(ClientTls::Disable, true), server("STRICT")]),
        &["DestinationRule a/dr spec.subsets.trafficPolicy.tls.mode conflicting-tls"],
    );
    let plain = workload_unit(pod("a", "reviews-1", "10.0.0.1", "app=reviews"));
    check(faults(vec![plain, client(mesh(), false)], vec![]), &[line]);
}

#[test]
fn what_a_proxy_without_certificates_leaves_open_is_reported() {
    let mut without = proxy("a", "reviews-1");
    let units = || {
        let mut policies = policies("a", "dr", "reviews.a.svc.cluster.local", &[]);
        policies.policy.all.tls = Some(ClientTls::Mesh {
            sni: Arc::from(""),
            names: Vec::new(),
        });
        let mut reviews = pod("a", "reviews-1", "10.0.0.1", "app=reviews");
        reviews.peer_tls = PeerTls::Mesh;
        vec![
            workload_unit(reviews),
            peers_unit(peers("a", "pa", "", "STRICT")),
            policies_unit(policies),
        ]
    };
    check(faults(units(), vec![without.clone()]), &[]);
    without.certificates = Certificates::None;
    check(
        faults(units(), vec![without]),
        &[
            "DestinationRule a/dr spec without-certificate",
            "PeerAuthentication a/pa spec without-certificate",
        ],
    );
}
