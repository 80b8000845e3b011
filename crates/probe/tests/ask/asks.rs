//! External authorizers, and rules that are only tried.

use envoy::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use envoy::core::http_uri::HttpUpstreamType;
use envoy::ext_authz::ext_authz::Services;
use envoy::ext_authz::{ExtAuthz, HttpService};
use envoy::hcm::HttpFilter;
use envoy::matcher::metadata_matcher::PathSegment;
use envoy::matcher::metadata_matcher::path_segment::Segment;
use envoy::matcher::value_matcher::MatchPattern;
use envoy::matcher::{MetadataMatcher, PathMatcher, ValueMatcher, path_matcher};
use envoy::rbac::permission::Rule;
use envoy::rbac::{Permission, Rbac};
use ferromesh_envoy as envoy;
use ferromesh_probe::{ShadowOutcome, ask};

use crate::build::*;

fn admin() -> Permission {
    permission(Rule::UrlPath(PathMatcher {
        rule: Some(path_matcher::Rule::Path(prefix("/admin"))),
    }))
}

fn tried(rules: Rbac) -> HttpFilter {
    let config = envoy::http_rbac::Rbac {
        shadow_rules: Some(rules),
        shadow_rules_stat_prefix: "try_".to_owned(),
        ..Default::default()
    };
    http_filter(HTTP_RBAC, envoy::any(&config))
}

fn if_denied(filter: &str) -> MetadataMatcher {
    MetadataMatcher {
        filter: filter.to_owned(),
        path: vec![PathSegment {
            segment: Some(Segment::Key("try_shadow_engine_result".to_owned())),
        }],
        value: Some(ValueMatcher {
            match_pattern: Some(MatchPattern::StringMatch(exact("denied"))),
        }),
        invert: false,
    }
}

fn authorizer() -> HttpFilter {
    let config = ExtAuthz {
        filter_enabled_metadata: Some(if_denied(HTTP_RBAC)),
        services: Some(Services::HttpService(HttpService {
            server_uri: Some(envoy::core::HttpUri {
                http_upstream_type: Some(HttpUpstreamType::Cluster("judge".to_owned())),
                ..Default::default()
            }),
            ..Default::default()
        })),
        ..Default::default()
    };
    http_filter("ext_authz", envoy::any(&config))
}

#[test]
fn authorizers_are_asked_where_rules_say_so() {
    let with = |more: Vec<HttpFilter>| {
        let mut filters = vec![tried(rules(Action::Deny, admin(), anybody())), authorizer()];
        filters.extend(more);
        listener(vec![manager(filters, HttpConnectionManager::default())])
    };
    assert_eq!(says(&with(vec![]), &get("/admin")), "asks judge");
    assert_eq!(says(&with(vec![]), &get("/")), "allowed");
    // What is denied afterwards is denied whatever the authorizer says.
    let denied = || http_rbac(rules(Action::Deny, anything(), anybody()));
    assert_eq!(says(&with(vec![denied()]), &get("/admin")), "403");
}

#[test]
fn authorizers_are_asked_about_connections() {
    let ask_if = |port| {
        let rules = rules(
            Action::Deny,
            permission(Rule::DestinationPort(port)),
            anybody(),
        );
        let tried = network(&envoy::network_rbac::Rbac {
            shadow_rules: Some(rules),
            shadow_rules_stat_prefix: "try_".to_owned(),
            ..Default::default()
        });
        let asks = network(&envoy::network_ext_authz::ExtAuthz {
            filter_enabled_metadata: Some(if_denied("envoy.filters.network.rbac")),
            grpc_service: Some(envoy::core::GrpcService {
                target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                    cluster_name: "judge".to_owned(),
                    ..Default::default()
                })),
                ..Default::default()
            }),
            ..Default::default()
        });
        says(&listener(vec![tried, asks, tcp()]), &bytes())
    };
    assert_eq!(ask_if(8080), "asks judge");
    assert_eq!(ask_if(80), "allowed");
}

#[test]
fn rules_that_are_tried_change_nothing() {
    for (action, path, outcome, policy) in [
        (Action::Deny, "/admin", ShadowOutcome::Denied, true),
        (Action::Deny, "/", ShadowOutcome::Allowed, false),
        (Action::Allow, "/admin", ShadowOutcome::Allowed, true),
        (Action::Allow, "/", ShadowOutcome::Denied, false),
    ] {
        let filters = vec![tried(rules(action, admin(), anybody()))];
        let listener = listener(vec![manager(filters, HttpConnectionManager::default())]);
        let verdict = ask(&listener, &get(path));
        assert_eq!(word(&verdict), "allowed");
        let [shadow] = &*verdict.shadows else {
            panic!("{:?}", verdict.shadows)
        };
        assert_eq!(
            (shadow.outcome, shadow.policy.is_some()),
            (outcome, policy),
            "{action:?} {path}"
        );
        assert_eq!(shadow.prefix, "try_");
    }
}
