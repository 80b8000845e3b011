//! Faults between objects.

mod security;

use std::sync::Arc;

use ferromesh_mesh::decl::service::Resolution;
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::policy::matches::PathMatch;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::policy::string_match::StringMatch;
use ferromesh_mesh::unit::Unit;

use super::show::check;
use crate::tests::build::*;
use crate::{Compiler, Proxy};

const REVIEWS: &str = "reviews.a.svc.cluster.local";

fn diagnostics(units: Vec<Arc<Unit>>, proxies: Vec<Proxy>) -> Vec<Diagnostic> {
    let mut compiler = Compiler::new();
    compiler.replace(service_unit(service("a", "reviews")));
    for unit in units {
        compiler.replace(unit);
    }
    for proxy in proxies {
        compiler.open(proxy);
    }
    compiler.compile();
    compiler.diagnostics()
}

fn faults(units: Vec<Arc<Unit>>, proxies: Vec<Proxy>) -> Vec<String> {
    diagnostics(units, proxies)
        .into_iter()
        .map(|diagnostic| {
            let object = diagnostic.object.map_or("-".into(), |o| o.to_string());
            format!("{object} {} {}", diagnostic.path, diagnostic.code)
        })
        .collect()
}

fn sends(name: &str, host: &str, to: &str) -> Arc<Unit> {
    let mut rule = rule(vec![any_match()], &[(to, 1)]);
    rule.origin = origin("VirtualService", "a", name, "spec.http[0]");
    routes_unit(routes("a", name, &[host], vec![rule]))
}

#[test]
fn what_leads_nowhere_is_reported_on_its_field() {
    let cases: Vec<(Arc<Unit>, &[&str])> = vec![
        (sends("vs", REVIEWS, REVIEWS), &[]),
        (
            sends("vs", REVIEWS, "nowhere.com"),
            &["VirtualService nowhere.com.host unknown-host"],
        ),
        (
            sends("vs", REVIEWS, "reviews.a.svc.cluster.local:81"),
            &["VirtualService reviews.a.svc.cluster.local:81.port.number unknown-port"],
        ),
        (
            sends("vs", REVIEWS, "reviews.a.svc.cluster.local|v9"),
            &["VirtualService reviews.a.svc.cluster.local|v9.subset unknown-subset"],
        ),
        (
            sends("vs", "shop.com", REVIEWS),
            &["VirtualService a/vs spec.hosts[0] unknown-host"],
        ),
        (
            policies_unit(policies("a", "dr", "nowhere.com", &[])),
            &["DestinationRule a/dr spec.host unknown-host"],
        ),
    ];
    for (unit, expected) in cases {
        let found: Vec<String> = faults(vec![unit], vec![])
            .into_iter()
            .map(|line| line.replace("VirtualService  ", "VirtualService "))
            .collect();
        check(found, expected);
    }
}

#[test]
fn the_younger_of_two_is_told_that_it_does_not_count() {
    let younger = |unit: fn(&str) -> Arc<Unit>| vec![unit("1"), unit("2")];
    let cases: Vec<(Vec<Arc<Unit>>, &[&str])> = vec![
        (
            younger(|name| sends(name, REVIEWS, REVIEWS)),
            &["VirtualService a/2 spec.hosts[0] conflicting-routes"],
        ),
        (
            younger(|name| policies_unit(policies("a", name, REVIEWS, &["v1"]))),
            &["DestinationRule a/2 spec.subsets conflicting-subsets"],
        ),
        (
            younger(|name| {
                let mut policies = policies("a", name, REVIEWS, &[]);
                policies.policy.all.outlier = Some(outlier());
                policies_unit(policies)
            }),
            &["DestinationRule a/2 spec.trafficPolicy conflicting-policies"],
        ),
        (
            younger(|name| sidecar_unit(sidecar("a", name, &["*/*"]))),
            &["Sidecar a/2 spec conflicting-sidecars"],
        ),
        (
            younger(|name| {
                let mut entry = entry("a", name, "ext.com", Resolution::Original);
                entry.age = Age::new("", name, "a");
                service_unit(entry)
            }),
            &["ServiceEntry a/2 spec conflicting-hosts"],
        ),
        (
            younger(|name| {
                let host = format!("{name}.com");
                let mut entry = entry("a", name, &host, Resolution::Original);
                entry.ports = vec![port("tcp", Protocol::Tcp, 81, "81")];
                service_unit(entry)
            }),
            &["ServiceEntry a/2 spec port-conflict"],
        ),
    ];
    for (units, expected) in cases {
        check(faults(units, vec![]), expected);
    }
}

#[test]
fn what_is_never_reached_is_reported() {
    let path = |text: &str, exact: bool| {
        let mut matches = any_match();
        matches.origin = origin("VirtualService", "a", "vs", text);
        matches.request.path = PathMatch::Path {
            matches: if exact {
                StringMatch::Exact(Arc::from(text))
            } else {
                StringMatch::Prefix(Arc::from(text))
            },
            ignore_case: false,
        };
        matches
    };
    let mut rules = vec![
        rule(vec![path("/a", false)], &[(REVIEWS, 1)]),
        rule(vec![path("/a/b", true), path("/c", false)], &[(REVIEWS, 1)]),
        rule(vec![path("/a/c", false)], &[(REVIEWS, 1)]),
        rule(vec![any_match()], &[(REVIEWS, 1)]),
        rule(vec![path("/d", false)], &[(REVIEWS, 1)]),
    ];
    for (at, rule) in rules.iter_mut().enumerate() {
        rule.origin = origin("VirtualService", "a", "vs", &format!("spec.http[{at}]"));
    }
    let unit = routes_unit(routes("a", "vs", &[REVIEWS], rules));
    check(
        faults(vec![unit], vec![]),
        &[
            "VirtualService a/vs /a/b unreachable-match",
            "VirtualService a/vs spec.http[2] unreachable-rule",
            "VirtualService a/vs spec.http[4] unreachable-rule",
        ],
    );
}

#[test]
fn what_is_wrong_where_a_proxy_is_is_reported() {
    let mut taken = service("a", "taken");
    taken.ports = vec![port("http", Protocol::Http, 15002, "8080")];
    check(
        faults(vec![service_unit(taken)], vec![bound_proxy("a", "ghost")]),
        &["-  unknown-workload", "Service a/taken spec port-taken"],
    );
}

#[test]
fn a_way_out_says_what_to_do() {
    let shadowed = {
        let at = |text: &str| {
            let mut matches = any_match();
            matches.origin = origin("VirtualService", "a", "vs", text);
            matches
        };
        let mut rules = vec![
            rule(vec![at("spec.http[0].match[0]")], &[(REVIEWS, 1)]),
            rule(vec![at("spec.http[1].match[0]")], &[(REVIEWS, 1)]),
        ];
        for (at, rule) in rules.iter_mut().enumerate() {
            rule.origin = origin("VirtualService", "a", "vs", &format!("spec.http[{at}]"));
        }
        routes_unit(routes("a", "vs", &[REVIEWS], rules))
    };
    let subsets = |name| policies_unit(policies("a", name, REVIEWS, &["v1"]));
    for (units, proxies, hint) in [
        (
            vec![sends("vs", REVIEWS, "nowhere.com")],
            vec![],
            "declare a Service or ServiceEntry for it, or correct the name",
        ),
        (
            vec![sends("vs", REVIEWS, "reviews.b.svc.cluster.local")],
            vec![],
            "did you mean \"reviews.a.svc.cluster.local\"?",
        ),
        (
            vec![],
            vec![bound_proxy("a", "ghost")],
            "declare a Pod or WorkloadEntry of this name, or correct --workload and --namespace",
        ),
        (
            vec![subsets("1"), subsets("2")],
            vec![],
            "rename or remove one of them",
        ),
        (vec![shadowed], vec![], "put this rule before spec.http[0]"),
    ] {
        let hints: Vec<_> = diagnostics(units, proxies)
            .into_iter()
            .map(|diagnostic| diagnostic.hint.unwrap_or_default())
            .collect();
        assert_eq!(hints, [hint]);
    }
}
