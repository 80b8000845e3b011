//! Peers, by the SPIFFE id in their certificate.
//!
//! "Anybody with an identity" is never Envoy's `authenticated: {}`, which a client without a
//! certificate satisfies, too.

use ferromesh_envoy as envoy;
use ferromesh_identity::TrustDomain;
use ferromesh_mesh as mesh;

use envoy::matcher::string_matcher::MatchPattern;
use envoy::mtls_authenticated::Config;
use envoy::rbac::Principal;
use envoy::rbac::principal::Identifier;
use envoy::tls::subject_alt_name_matcher::SanType;
use mesh::policy::authorization::{AccountMatch, TextMatch};
use mesh::view::security::InboundSecurity;

use super::logic::{Logic, principal as statement};
use super::text::{literal, regex};
use crate::tls;

/// In Istio, this domain in a policy means the mesh's own, whatever that is called.
const OWN: &str = "cluster.local";

fn certificate(config: &Config) -> Principal {
    statement(Identifier::Custom(envoy::core::TypedExtensionConfig {
        name: "envoy.rbac.principals.mtls_authenticated".to_owned(),
        typed_config: Some(envoy::any(config)),
    }))
}

fn anybody() -> Principal {
    certificate(&Config {
        any_validated_client_certificate: true,
        ..Default::default()
    })
}

fn id(pattern: MatchPattern) -> Principal {
    certificate(&Config {
        san_matcher: Some(tls::name(SanType::Uri, pattern)),
        ..Default::default()
    })
}

/// A peer as `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
pub(super) fn principal(text: &TextMatch, security: &InboundSecurity) -> Principal {
    match text {
        TextMatch::Present => anybody(),
        TextMatch::Exact(text) => Principal::any(
            in_all_domains(text, security)
                .map(|text| id(MatchPattern::Exact(format!("spiffe://{text}"))))
                .collect(),
        ),
        TextMatch::Prefix(text) => Principal::any(
            in_all_domains(text, security)
                .map(|text| id(MatchPattern::Prefix(format!("spiffe://{text}"))))
                .collect(),
        ),
        TextMatch::Suffix(text) => id(regex(format!("spiffe://.*{}", literal(text)))),
    }
}

/// The text under every name of the mesh's trust domain, if it begins with one of them.
fn in_all_domains<'a>(
    text: &'a str,
    security: &'a InboundSecurity,
) -> impl Iterator<Item = String> {
    let ours = || std::iter::once(&security.trust_domain).chain(&security.trust_domain_aliases);
    let rest = text
        .split_once('/')
        .filter(|(domain, _)| *domain == OWN || ours().any(|it| it.as_str() == *domain))
        .map(|(_, rest)| rest);
    let under = move |rest| move |domain: &TrustDomain| format!("{domain}/{rest}");
    let renamed = rest
        .into_iter()
        .flat_map(move |rest| ours().map(under(rest)));
    renamed.chain(rest.is_none().then(|| text.to_owned()))
}

/// A namespace, in any trust domain.
pub(super) fn namespace(text: &TextMatch) -> Principal {
    match part(text) {
        Some(part) => id(regex(format!("spiffe://[^/]+/ns/{part}/.*"))),
        None => Principal::never(),
    }
}

/// A trust domain.
pub(super) fn trust_domain(text: &TextMatch) -> Principal {
    match (text, part(text)) {
        (_, None) => Principal::never(),
        (TextMatch::Exact(domain), _) => id(MatchPattern::Prefix(format!("spiffe://{domain}/"))),
        (_, Some(part)) => id(regex(format!("spiffe://{part}/.*"))),
    }
}

/// An account of a namespace, in any trust domain.
pub(super) fn account(account: &AccountMatch) -> Principal {
    let AccountMatch { namespace, account } = account;
    id(regex(format!(
        "spiffe://[^/]+/ns/{}/sa/{}",
        literal(namespace),
        literal(account)
    )))
}

/// The regular expression of a part of an id; `None` if there can be none.
fn part(text: &TextMatch) -> Option<String> {
    let sound = |text: &str| !text.contains('/');
    match text {
        TextMatch::Exact(text) => (sound(text) && !text.is_empty()).then(|| literal(text)),
        TextMatch::Prefix(text) => sound(text).then(|| format!("{}[^/]*", literal(text))),
        TextMatch::Suffix(text) => sound(text).then(|| format!("[^/]*{}", literal(text))),
        TextMatch::Present => Some("[^/]+".to_owned()),
    }
}
