//! Virtual hosts and routes.

use std::sync::Arc;

use ferromesh_mesh::decl::http_routes::{HttpAction, Retry};
use ferromesh_mesh::decl::service::Resolution;
use ferromesh_mesh::decl::{Export, Visibility};
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::policy::matches::{NamedMatch, RequestMatch};
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::policy::retry::{PreviousHosts, RetryOn, RetryPolicy};
use ferromesh_mesh::policy::string_match::StringMatch;
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::virtual_host::Action;

use super::show::{check, compile, hosts, routes};
use crate::proxy::Tables;
use crate::tests::build::*;

const REVIEWS: &str = "reviews.a.svc.cluster.local";

fn premium() -> ferromesh_mesh::decl::http_routes::HttpMatch {
    let mut matches = any_match();
    matches.request.headers = vec![NamedMatch {
        name: Arc::from("user-type"),
        matches: StringMatch::Exact(Arc::from("premium")),
        invert: false,
    }];
    matches
}

fn reviews() -> Vec<Arc<Unit>> {
    vec![
        service_unit(service("a", "reviews")),
        policies_unit(policies("a", "reviews", REVIEWS, &["v1", "v2"])),
    ]
}

fn with(units: Vec<Arc<Unit>>) -> Vec<String> {
    routes(&compile(&[reviews(), units].concat(), proxy("a", "client")))
}

#[test]
fn a_service_without_routes_has_a_default_route() {
    check(
        with(vec![]),
        &["80/reviews.a.svc.cluster.local:80 -> 1*80||reviews.a"],
    );
}

#[test]
fn a_header_picks_a_subset_and_the_rest_is_split() {
    let (v1, v2) = (format!("{REVIEWS}|v1"), format!("{REVIEWS}|v2"));
    let canary = routes_of(vec![
        rule(vec![premium()], &[(&v2, 1)]),
        rule(vec![any_match()], &[(&v1, 90), (&v2, 10)]),
        rule(vec![any_match()], &[(REVIEWS, 1)]),
    ]);
    check(
        with(vec![canary]),
        &[
            "80/reviews.a.svc.cluster.local:80 -> some: 1*80|v2|reviews.a",
            "80/reviews.a.svc.cluster.local:80 -> 90*80|v1|reviews.a 10*80|v2|reviews.a",
        ],
    );
}

fn routes_of(rules: Vec<ferromesh_mesh::decl::http_routes::HttpRule>) -> Arc<Unit> {
    routes_unit(super::super::build::routes("a", "vs", &[REVIEWS], rules))
}

#[test]
fn a_backend_that_leads_nowhere_keeps_its_weight() {
    let cases = [
        ("missing.a.svc.cluster.local", "9*!80||missing.a"),
        ("reviews.a.svc.cluster.local|v3", "9*!80|v3|reviews.a"),
        ("reviews.a.svc.cluster.local:81", "9*!81||reviews.a"),
    ];
    for (text, shown) in cases {
        let split = routes_of(vec![rule(vec![any_match()], &[(REVIEWS, 1), (text, 9)])]);
        check(
            with(vec![split]),
            &[&format!("80/{REVIEWS}:80 -> 1*80||reviews.a {shown}")],
        );
    }
}

#[test]
fn the_only_port_of_a_destination_needs_no_number() {
    let mut ratings = service("a", "ratings");
    ratings.ports = vec![port("http", Protocol::Http, 8000, "8080")];
    let to = "ratings.a.svc.cluster.local";
    let units = vec![
        service_unit(ratings),
        routes_of(vec![rule(vec![any_match()], &[(to, 1)])]),
    ];
    check(
        with(units),
        &[
            "80/reviews.a.svc.cluster.local:80 -> 1*8000||ratings.a",
            "8000/ratings.a.svc.cluster.local:8000 -> 1*8000||ratings.a",
        ],
    );
}

#[test]
fn domains_depend_on_the_client() {
    let mut reviews = service("a", "reviews");
    reviews.addresses = vec![
        "10.96.0.1/32".parse().unwrap(),
        "fd00::1/128".parse().unwrap(),
    ];
    let units = [service_unit(reviews)];
    let domains = |namespace| {
        let views = compile(&units, proxy(namespace, "client"));
        hosts(&views)
            .iter()
            .flat_map(|host| host.domains.clone())
            .map(|domain| domain.to_string())
            .filter(|domain| !domain.ends_with(":80"))
            .collect::<Vec<_>>()
    };
    let anywhere = [
        "reviews.a.svc.cluster.local",
        "reviews.a",
        "reviews.a.svc",
        "10.96.0.1",
        "[fd00::1]",
    ];
    check(domains("b"), &anywhere);
    check(domains("a"), &[&anywhere[..], &["reviews"]].concat());
}

#[test]
fn the_most_specific_host_counts_then_the_oldest() {
    let object = |name: &str, host: &str, created: &str, to: &str| {
        let rules = vec![rule(vec![any_match()], &[(to, 1)])];
        let mut object = super::super::build::routes("a", name, &[host], rules);
        object.age = Age::new(created, name, "a");
        routes_unit(object)
    };
    let (v1, v2) = (format!("{REVIEWS}|v1"), format!("{REVIEWS}|v2"));
    let old = "2026-01-01T00:00:00Z";
    let new = "2026-02-01T00:00:00Z";
    let wild = object("wild", "*.a.svc.cluster.local", old, REVIEWS);
    let first = object("z", REVIEWS, old, &v1);
    let second = object("a", REVIEWS, new, &v2);
    let line = |shown: &str| format!("80/{REVIEWS}:80 -> {shown}");
    check(with(vec![wild.clone()]), &[&line("1*80||reviews.a")]);
    check(
        with(vec![wild, second.clone()]),
        &[&line("1*80|v2|reviews.a")],
    );
    check(with(vec![first, second]), &[&line("1*80|v1|reviews.a")]);
}

#[test]
fn routes_count_for_whom_they_are_exported_to() {
    let rules = vec![rule(vec![any_match()], &[(REVIEWS, 7)])];
    let mut hidden = super::super::build::routes("a", "vs", &[REVIEWS], rules);
    hidden.export = Export::To(Visibility::Only([Namespace::from("a")].into()));
    let units = [reviews(), vec![routes_unit(hidden)]].concat();
    let line = |weight| format!("80/{REVIEWS}:80 -> {weight}*80||reviews.a");
    check(routes(&compile(&units, proxy("a", "x"))), &[&line(7)]);
    check(routes(&compile(&units, proxy("b", "x"))), &[&line(1)]);
}

#[test]
fn rules_count_for_their_port_and_clients() {
    let mut by_port = any_match();
    by_port.port = Some(81);
    let mut by_label = any_match();
    by_label.source_labels = labels("app=special");
    let mut by_namespace = any_match();
    by_namespace.source_namespace = Some(Namespace::from("b"));
    let units = [
        reviews(),
        vec![
            routes_of(vec![
                rule(vec![by_port], &[(REVIEWS, 2)]),
                rule(vec![by_label], &[(REVIEWS, 3)]),
                rule(vec![by_namespace], &[(REVIEWS, 4)]),
            ]),
            workload_unit(pod("a", "special", "10.0.0.9", "app=special")),
        ],
    ]
    .concat();
    let line = |weight| format!("80/{REVIEWS}:80 -> {weight}*80||reviews.a");
    // Nothing is for other clients: they get the default route.
    for (namespace, name, weight) in [("a", "special", 3), ("a", "x", 1), ("b", "x", 4)] {
        let views = compile(&units, proxy(namespace, name));
        check(routes(&views), &[&line(weight)]);
    }
}

#[test]
fn a_host_that_only_routes_know_is_reached_on_port_80() {
    let rules = vec![rule(vec![any_match()], &[(REVIEWS, 1)])];
    let alone = super::super::build::routes("a", "vs", &["shop.example.com"], rules.clone());
    let mut ratings = service("a", "ratings");
    ratings.ports = vec![port("http", Protocol::Http, 8000, "8080")];
    let hosts = ["shop.example.com", "ratings.a.svc.cluster.local"];
    let together = super::super::build::routes("a", "vs", &hosts, rules);
    let default = format!("80/{REVIEWS}:80 -> 1*80||reviews.a");
    let on = |table: &str, host: &str| format!("{table}/{host}:{table} -> 1*80||reviews.a");
    check(
        with(vec![routes_unit(alone)]),
        &[&default, &on("80", "shop.example.com")],
    );
    check(
        with(vec![service_unit(ratings), routes_unit(together)]),
        &[
            &default,
            &on("80", "shop.example.com"),
            &on("80", "ratings.a.svc.cluster.local"),
            &on("8000", "shop.example.com"),
            &on("8000", "ratings.a.svc.cluster.local"),
        ],
    );
}

#[test]
fn a_domain_belongs_to_one_virtual_host() {
    // An entry that is called like a service's alias takes that domain from it.
    let squatter = entry("b", "e", "reviews.a", Resolution::Original);
    let units = [reviews(), vec![service_unit(squatter)]].concat();
    let views = compile(&units, proxy("c", "x"));
    let domains: Vec<String> = hosts(&views)
        .iter()
        .map(|host| format!("{}: {}", host.host, host.domains.join(" ")))
        .collect();
    check(
        domains,
        &[
            "reviews.a: reviews.a reviews.a:80",
            "reviews.a.svc.cluster.local: reviews.a.svc.cluster.local \
             reviews.a.svc.cluster.local:80 reviews.a.svc reviews.a.svc:80",
        ],
    );
}

#[test]
fn tables_carry_their_virtual_hosts_for_the_old_protocol() {
    let mut old = proxy("a", "client");
    old.tables = Tables::Inline;
    let views = compile(&reviews(), old);
    assert!(!views.keys().any(|name| name.starts_with("host ")));
    check(
        routes(&views),
        &["80/reviews.a.svc.cluster.local:80 -> 1*80||reviews.a"],
    );
}

#[test]
fn retries_are_the_mesh_default_unless_said_otherwise() {
    let policy = |attempts| RetryPolicy {
        attempts,
        per_try_timeout: None,
        on: RetryOn {
            conditions: vec!["5xx"],
            status_codes: Vec::new(),
        },
        backoff: None,
        previous_hosts: PreviousHosts::Avoid,
        remote_localities: false,
    };
    let mut mesh = mesh_config();
    mesh.default_retry = Some(policy(2));
    let cases = [
        (Retry::MeshDefault, Some(2)),
        (Retry::Off, None),
        (Retry::Policy(policy(5)), Some(5)),
    ];
    for (said, expected) in cases {
        let mut rule = rule(vec![any_match()], &[]);
        let mut forward = forward(&[(REVIEWS, 1)]);
        forward.retry = said;
        rule.action = HttpAction::Forward(Box::new(forward));
        let units = [
            reviews(),
            vec![routes_of(vec![rule]), mesh_unit(mesh.clone())],
        ]
        .concat();
        let views = compile(&units, proxy("a", "x"));
        let host = hosts(&views).remove(0);
        let Action::Forward(forward) = &host.routes[0].action else {
            panic!("{host:?}");
        };
        assert_eq!(forward.retry.as_ref().map(|retry| retry.attempts), expected);
        assert_eq!(host.routes[0].request, RequestMatch::any());
    }
}
