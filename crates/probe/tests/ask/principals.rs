//! Who asks.

use envoy::core::TypedExtensionConfig;
use envoy::mtls_authenticated::Config;
use envoy::rbac::Principal;
use envoy::rbac::principal::{Authenticated, Identifier, Set};
use envoy::tls::subject_alt_name_matcher::SanType;
use ferromesh_envoy as envoy;
use ferromesh_probe::{Peer, Request};

use crate::build::*;

fn verified(config: &Config) -> Principal {
    principal(Identifier::Custom(TypedExtensionConfig {
        name: "mtls".to_owned(),
        typed_config: Some(envoy::any(config)),
    }))
}

fn anybody_verified() -> Principal {
    verified(&Config {
        any_validated_client_certificate: true,
        ..Default::default()
    })
}

fn named(kind: SanType, matcher: envoy::matcher::StringMatcher) -> Principal {
    verified(&Config {
        san_matcher: Some(san(kind, matcher)),
        ..Default::default()
    })
}

fn authenticated(name: Option<envoy::matcher::StringMatcher>) -> Principal {
    principal(Identifier::Authenticated(Authenticated {
        principal_name: name,
    }))
}

fn anonymous() -> Request {
    Request {
        peer: Peer::Tls(hello()),
        ..get("/")
    }
}

#[test]
fn certificates_are_needed_for_identities() {
    let web = || by(get("/"), &[WEB], &["web.a", "*.wild.example"]);
    let ids = || [get("/"), anonymous(), web()];
    for (principal, expected) in [
        (anybody_verified(), [false, false, true]),
        (named(SanType::Uri, exact(WEB)), [false, false, true]),
        (named(SanType::Uri, prefix("spiffe://other/")), [false; 3]),
        (
            named(SanType::Uri, regex("spiffe://[^/]+/ns/a/.*")),
            [false, false, true],
        ),
        (named(SanType::Uri, exact("web.a")), [false; 3]),
        (named(SanType::Dns, exact("web.a")), [false, false, true]),
        (
            named(SanType::Dns, exact("x.wild.example")),
            [false, false, true],
        ),
        (named(SanType::Dns, exact("x.y.wild.example")), [false; 3]),
        (authenticated(Some(exact(WEB))), [false, false, true]),
        (authenticated(Some(exact("web.a"))), [false, false, true]),
        (authenticated(Some(exact("web"))), [false; 3]),
        // That is why nobody should ever write it.
        (authenticated(None), [false, true, true]),
    ] {
        let answers = ids().map(|request| is_meant(principal.clone(), &request));
        assert_eq!(answers, expected, "{principal:?}");
    }
}

#[test]
fn connections_have_identities_too() {
    let web = by(bytes(), &[WEB], &[]);
    assert!(is_meant(named(SanType::Uri, exact(WEB)), &web));
    assert!(!is_meant(named(SanType::Uri, exact(WEB)), &bytes()));
}

#[test]
fn addresses_are_direct_or_forwarded() {
    let direct = |it: &str| principal(Identifier::DirectRemoteIp(range(it)));
    let remote = |it: &str| principal(Identifier::RemoteIp(range(it)));
    let forwarded = header(get("/"), "X-Forwarded-For", "192.0.2.1, 192.0.2.2");
    for (principal, plain, with_header) in [
        (direct("10.0.0.9/32"), true, true),
        (direct("192.0.2.0/24"), false, false),
        (remote("10.0.0.9/32"), true, false),
        (remote("192.0.2.2/32"), false, true),
        (remote("192.0.2.1/32"), false, false),
    ] {
        assert_eq!(
            is_meant(principal.clone(), &get("/")),
            plain,
            "{principal:?}"
        );
        assert_eq!(
            is_meant(principal.clone(), &forwarded),
            with_header,
            "{principal:?}"
        );
    }
}

#[test]
fn principals_are_combined() {
    let no = || principal(Identifier::NotId(Box::new(anybody())));
    let set = |ids: Vec<Principal>| Set { ids };
    for (identifier, expected) in [
        (Identifier::AndIds(set(vec![anybody(), no()])), false),
        (Identifier::AndIds(set(vec![anybody(), anybody()])), true),
        (Identifier::OrIds(set(vec![no(), anybody()])), true),
        (Identifier::OrIds(set(vec![no()])), false),
        (Identifier::NotId(Box::new(no())), true),
    ] {
        let principal = principal(identifier);
        assert_eq!(
            is_meant(principal.clone(), &get("/")),
            expected,
            "{principal:?}"
        );
    }
}
