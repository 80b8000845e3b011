//! What is asked for.

use envoy::matcher::PathMatcher;
use envoy::matcher::path_matcher;
use envoy::rbac::Permission;
use envoy::rbac::permission::{Rule, Set};
use envoy::route::HeaderMatcher;
use envoy::route::header_matcher::HeaderMatchSpecifier;
use ferromesh_envoy as envoy;

use crate::build::*;

fn path(matcher: envoy::matcher::StringMatcher) -> Permission {
    permission(Rule::UrlPath(PathMatcher {
        rule: Some(path_matcher::Rule::Path(matcher)),
    }))
}

fn named(name: &str, matcher: envoy::matcher::StringMatcher) -> Permission {
    permission(Rule::Header(HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher)),
        ..Default::default()
    }))
}

fn not(other: Permission) -> Permission {
    permission(Rule::NotRule(Box::new(other)))
}

#[test]
fn paths_are_matched_without_query() {
    for (matcher, sent, expected) in [
        (exact("/a"), "/a", true),
        (exact("/a"), "/a?b", true),
        (exact("/a"), "/a/", false),
        (exact("/a?b"), "/a?b", false),
        (prefix("/a"), "/ab", true),
        (regex("/a/.*"), "/a/b?c", true),
        (regex("/a"), "/ab", false),
    ] {
        let answer = permits(path(matcher.clone()), &get(sent));
        assert_eq!(answer, expected, "{matcher:?} {sent}");
    }
}

#[test]
fn headers_methods_and_hosts_are_headers() {
    let request = header(header(get("/a?b"), "X-Role", "admin"), "x-role", "user");
    for (name, matcher, expected) in [
        (":path", exact("/a?b"), true),
        (":path", exact("/a"), false),
        (":method", exact("GET"), true),
        (":authority", exact("a.com"), true),
        ("host", exact("a.com"), true),
        ("x-role", exact("admin"), true),
        ("x-role", exact("user"), true),
        ("x-role", exact("admin,user"), false),
        ("x-other", exact(""), false),
    ] {
        let answer = permits(named(name, matcher.clone()), &request);
        assert_eq!(answer, expected, "{name} {matcher:?}");
    }
}

#[test]
fn addresses_ports_and_server_names_belong_to_the_connection() {
    let tls = by(get("/"), &[WEB], &[]);
    for (rule, request, expected) in [
        (Rule::DestinationPort(8080), get("/"), true),
        (Rule::DestinationPort(80), get("/"), false),
        (Rule::DestinationPort(8080), bytes(), true),
        (Rule::DestinationIp(range("10.0.0.0/8")), get("/"), true),
        (Rule::DestinationIp(range("10.0.0.9/32")), get("/"), false),
        (
            Rule::RequestedServerName(exact("server.name")),
            tls.clone(),
            true,
        ),
        (Rule::RequestedServerName(exact("Server.Name")), tls, false),
        (Rule::RequestedServerName(exact("")), get("/"), true),
    ] {
        let rule = permission(rule);
        assert_eq!(permits(rule.clone(), &request), expected, "{rule:?}");
    }
    for (start, end, expected) in [(8080, 8081, true), (8000, 8080, false), (1, 65_535, true)] {
        let range = envoy::types::Int32Range { start, end };
        let rule = permission(Rule::DestinationPortRange(range));
        assert_eq!(permits(rule, &get("/")), expected, "{start} to {end}");
    }
}

#[test]
fn rules_are_combined() {
    let (yes, no) = (anything, || not(anything()));
    let set = |rules: Vec<Permission>| Set { rules };
    let all = |rules| permission(Rule::AndRules(set(rules)));
    let any = |rules| permission(Rule::OrRules(set(rules)));
    for (rule, expected) in [
        (yes(), true),
        (no(), false),
        (all(vec![yes(), yes()]), true),
        (all(vec![yes(), no()]), false),
        (any(vec![no(), yes()]), true),
        (any(vec![no(), no()]), false),
        (not(any(vec![no(), no()])), true),
        (all(vec![]), true),
        (any(vec![]), false),
    ] {
        assert_eq!(permits(rule.clone(), &get("/")), expected, "{rule:?}");
    }
}

#[test]
fn templates_are_matched() {
    let template = |path_template: &str| {
        permission(Rule::UriTemplate(envoy::core::TypedExtensionConfig {
            name: "template".to_owned(),
            typed_config: Some(envoy::any(&envoy::uri_template::UriTemplateMatchConfig {
                path_template: path_template.to_owned(),
            })),
        }))
    };
    assert!(permits(template("/a/*/c"), &get("/a/b/c?d")));
    assert!(!permits(template("/a/*/c"), &get("/a/b/b/c")));
    assert!(permits(template("/a/**"), &get("/a/b/b/c")));
}

#[test]
fn what_is_not_known_is_never_a_guess() {
    let other = permission(Rule::Matcher(envoy::core::TypedExtensionConfig {
        name: "other".to_owned(),
        typed_config: None,
    }));
    let judged = |permission| {
        let rules = rules(Action::Deny, permission, anybody());
        let filters = vec![manager(
            vec![http_rbac(rules)],
            HttpConnectionManager::default(),
        )];
        says(&listener(filters), &get("/"))
    };
    assert_eq!(judged(other.clone()), "unknown: the matcher other");
    let set = Set {
        rules: vec![other, not(anything())],
    };
    assert_eq!(judged(permission(Rule::AndRules(set))), "allowed");
}
