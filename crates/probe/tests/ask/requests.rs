//! What the connection manager makes of requests, and what rules then say.

use envoy::core::HttpProtocolOptions;
use envoy::core::http_protocol_options::HeadersWithUnderscoresAction;
use envoy::hcm::http_connection_manager::{ForwardClientCertDetails, StripPortMode};
use envoy::rbac::permission::Rule;
use envoy::rbac::{Permission, Policy};
use envoy::route::HeaderMatcher;
use envoy::route::header_matcher::HeaderMatchSpecifier;
use ferromesh_envoy as envoy;
use ferromesh_probe::{Action as Says, HttpVersion, Outcome, Said, ask};

use crate::build::*;

fn has(name: &str, specifier: Option<HeaderMatchSpecifier>) -> Permission {
    permission(Rule::Header(HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: specifier,
        ..Default::default()
    }))
}

fn is(name: &str, value: &str) -> Permission {
    has(name, Some(HeaderMatchSpecifier::StringMatch(exact(value))))
}

/// Whether a header is seen by filters, under this configuration.
fn sees(
    config: HttpConnectionManager,
    permission: Permission,
    request: &ferromesh_probe::Request,
) -> String {
    let rules = rules(Action::Allow, permission, anybody());
    says(
        &listener(vec![manager(vec![http_rbac(rules)], config)]),
        request,
    )
}

#[test]
fn unsound_requests_are_refused() {
    let plain = listener(vec![manager(Vec::new(), HttpConnectionManager::default())]);
    let method = |method: &str| with(get("/"), |it| it.method = method.to_owned());
    let host = |host: Option<&str>| with(get("/"), |it| it.authority = host.map(str::to_owned));
    for (request, expected) in [
        (get("/a b"), "400"),
        (get("/ä"), "400"),
        (get("/a\u{1}"), "400"),
        (get("a"), "400"),
        (get("*"), "400"),
        (get("/a#b"), "400"),
        (get("http://b.com/x"), "allowed"),
        (method("FOO"), "400"),
        (method("get"), "400"),
        (method("PATCH"), "allowed"),
        (host(None), "400"),
        (host(Some("")), "allowed"),
        (host(Some("a b")), "400"),
        (host(Some("a/b")), "400"),
        (host(Some("a,b@c")), "allowed"),
        (header(get("/"), "x y", "z"), "400"),
        (header(get("/"), "x", "a\0b"), "400"),
        (header(get("/"), "x", "a\tb"), "allowed"),
        (header(get("/"), ":authority", "z"), "400"),
    ] {
        assert_eq!(says(&plain, &request), expected, "{request:?}");
    }
    let options = with(method("OPTIONS"), |it| it.path = "*".to_owned());
    assert_eq!(says(&plain, &options), "404");
    let second = |request| with(request, |it| it.version = HttpVersion::Http2);
    for (request, expected) in [
        (get("/a b"), "reset"),
        (get("a"), "reset"),
        (get("/ä"), "allowed"),
        (get("/a#b"), "400"),
        (host(Some("a b")), "reset"),
        (header(get("/"), "x", "a\u{1}b"), "reset"),
        (
            with(method("OPTIONS"), |it| it.path = "*".to_owned()),
            "404",
        ),
    ] {
        assert_eq!(
            says(&plain, &second(request.clone())),
            expected,
            "{request:?}"
        );
    }
    let cookies = header(header(get("/"), "cookie", "a=1"), "cookie", "b=2");
    let joined = || is("cookie", "a=1; b=2");
    let config = HttpConnectionManager::default;
    assert_eq!(
        sees(config(), joined(), &second(cookies.clone())),
        "allowed"
    );
    assert_eq!(sees(config(), joined(), &cookies), "403");
    let custom = with(method("FOO"), |it| it.version = HttpVersion::Http2);
    assert_eq!(says(&plain, &custom), "allowed");
}

#[test]
fn hosts_are_whom_the_request_says() {
    let plain = HttpConnectionManager::default;
    let host = |host: &str| with(get("/"), |it| it.authority = Some(host.to_owned()));
    let twice = header(get("/"), "Host", "b.com");
    assert_eq!(
        sees(plain(), is(":authority", "a.com,b.com"), &twice),
        "allowed"
    );
    let absolute = get("http://b.com:81/x");
    assert_eq!(
        sees(plain(), is(":authority", "b.com:81"), &absolute),
        "allowed"
    );
    let any = HttpConnectionManager {
        strip_port_mode: Some(StripPortMode::StripAnyHostPort(true)),
        ..plain()
    };
    let matching = HttpConnectionManager {
        strip_matching_host_port: true,
        ..plain()
    };
    let dot = HttpConnectionManager {
        strip_trailing_host_dot: true,
        ..plain()
    };
    for (config, sent, seen) in [
        (plain(), "a.com:80", "a.com:80"),
        (plain(), "A.com.", "A.com."),
        (any, "a.com:80", "a.com"),
        (matching.clone(), "a.com:8080", "a.com"),
        (matching, "a.com:80", "a.com:80"),
        (dot, "a.com.", "a.com"),
    ] {
        let answer = sees(config.clone(), is(":authority", seen), &host(sent));
        assert_eq!(answer, "allowed", "{config:?} {sent}");
    }
}

#[test]
fn underscores_in_headers_are_a_matter_of_configuration() {
    let request = || header(get("/"), "x_role", "admin");
    for (action, expected) in [
        (HeadersWithUnderscoresAction::Allow, "allowed"),
        (HeadersWithUnderscoresAction::DropHeader, "403"),
        (HeadersWithUnderscoresAction::RejectRequest, "400"),
    ] {
        let config = HttpConnectionManager {
            common_http_protocol_options: Some(HttpProtocolOptions {
                headers_with_underscores_action: action as i32,
                ..Default::default()
            }),
            ..Default::default()
        };
        let answer = sees(config, is("x_role", "admin"), &request());
        assert_eq!(answer, expected, "{action:?}");
    }
    let plain = HttpConnectionManager::default();
    assert_eq!(sees(plain, is("x-role", "admin"), &request()), "403");
}

#[test]
fn only_proven_peers_are_described() {
    let header_of = |request| header(request, "x-forwarded-client-cert", "URI=forged");
    let seen = |details: ForwardClientCertDetails, request| {
        let config = HttpConnectionManager {
            forward_client_cert_details: details as i32,
            ..Default::default()
        };
        let rules = rules(
            Action::Allow,
            is("x-forwarded-client-cert", "URI=forged"),
            anybody(),
        );
        let filters = vec![manager(vec![http_rbac(rules)], config)];
        let plain = chain("only", None, filters);
        let is_tls = matches!(
            request,
            ferromesh_probe::Request {
                peer: ferromesh_probe::Peer::MutualTls(..),
                ..
            }
        );
        let only = if is_tls {
            secured(plain, Demand::Required, Vec::new())
        } else {
            plain
        };
        says(&with_chains(vec![only]), &request)
    };
    let forged = || header_of(get("/"));
    let proven = || header_of(by(get("/"), &[WEB], &[]));
    let rewritten = "unknown: the header x-forwarded-client-cert";
    for (details, clear, mutual) in [
        (ForwardClientCertDetails::Sanitize, "403", "403"),
        (ForwardClientCertDetails::AppendForward, "403", rewritten),
        (ForwardClientCertDetails::SanitizeSet, "403", rewritten),
        (ForwardClientCertDetails::ForwardOnly, "403", "allowed"),
        (
            ForwardClientCertDetails::AlwaysForwardOnly,
            "allowed",
            "allowed",
        ),
    ] {
        assert_eq!(seen(details, forged()), clear, "{details:?}");
        assert_eq!(seen(details, proven()), mutual, "{details:?}");
    }
}

#[test]
fn the_first_policy_by_name_decides() {
    let policy = |permission| Policy {
        permissions: vec![permission],
        principals: vec![anybody()],
        ..Default::default()
    };
    let all = || {
        vec![
            ("ns[a]-policy[z]-rule[0]", policy(is(":method", "GET"))),
            ("ns[a]-policy[b]-rule[1]", policy(is(":method", "POST"))),
            ("ns[a]-policy[b]-rule[0]", policy(anything())),
        ]
    };
    let verdict = |action, policies| {
        let rules = named(action, policies);
        let filters = vec![manager(
            vec![http_rbac(rules)],
            HttpConnectionManager::default(),
        )];
        ask(&listener(filters), &get("/"))
    };
    let denied = verdict(Action::Deny, all());
    let details = "rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]]".to_owned();
    assert_eq!(
        denied.outcome,
        Outcome::Denied {
            status: 403,
            details
        }
    );
    assert_eq!(denied.policy.as_deref(), Some("ns[a]-policy[b]-rule[0]"));
    let allowed = verdict(Action::Allow, all());
    assert_eq!(allowed.policy.as_deref(), Some("ns[a]-policy[b]-rule[0]"));
    let nobody = verdict(Action::Allow, Vec::new());
    let details = "rbac_access_denied_matched_policy[none]".to_owned();
    assert_eq!(
        nobody.outcome,
        Outcome::Denied {
            status: 403,
            details
        }
    );
    assert_eq!(nobody.policy, None);
    let nothing = verdict(Action::Deny, Vec::new());
    assert_eq!(nothing.outcome, Outcome::Allowed);
    let logged = verdict(Action::Log, all());
    assert_eq!(
        (&logged.outcome, &logged.policy),
        (&Outcome::Allowed, &None)
    );
    let said = &logged.steps.first().expect("a step").said;
    assert!(
        matches!(said, Said::Rules { action: Says::Log, policy: Some(_), policies } if policies.len() == 3),
        "{said:?}"
    );
}

#[test]
fn unknown_filters_are_said() {
    let other = http_filter("lua", envoy::Any::default());
    let filters = vec![manager(vec![other], HttpConnectionManager::default())];
    assert_eq!(
        says(&listener(filters), &get("/")),
        "unknown: the filter lua"
    );
}
