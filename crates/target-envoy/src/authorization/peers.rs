//! Peers, by the SPIFFE id in their certificate.
//!
//! "Anybody with an identity" is never Envoy's `authenticated: {}`, which a client without a
//! certificate satisfies, too.

use ferromesh_envoy as envoy;
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

/// A peer as `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. It is known by every name of its trust domain
/// if that is the mesh's own.
pub(super) fn principal(text: &TextMatch, security: &InboundSecurity) -> Principal {
    let ours = || std::iter::once(&security.trust_domain).chain(&security.trust_domain_aliases);
    let own = |domain: &str| domain == OWN || ours().any(|it| it.as_str() == domain);
    let exact = |text: String| id(MatchPattern::Exact(format!("spiffe://{text}")));
    let prefix = |text: String| id(MatchPattern::Prefix(format!("spiffe://{text}")));
    match text {
        TextMatch::Present => anybody(),
        TextMatch::Exact(text) => match text.split_once('/') {
            Some((domain, rest)) if own(domain) => {
                Principal::any(ours().map(|it| exact(format!("{it}/{rest}"))).collect())
            }
            Some(_) | None => exact(text.to_string()),
        },
        TextMatch::Prefix(text) => match text.split_once('/') {
            Some((domain, rest)) if own(domain) => {
                Principal::any(ours().map(|it| prefix(format!("{it}/{rest}"))).collect())
            }
            None if ours().any(|it| it.as_str().starts_with(&**text)) => {
                let all = ours().map(|it| prefix(format!("{it}/")));
                Principal::any(all.chain([prefix(text.to_string())]).collect())
            }
            Some(_) | None => prefix(text.to_string()),
        },
        TextMatch::Suffix(text) => {
            let as_written = id(regex(format!("spiffe://.*{}", literal(text))));
            let renamed = text
                .split_once('/')
                .filter(|(domain, rest)| {
                    rest.starts_with("ns/") && ours().any(|it| it.as_str().ends_with(domain))
                })
                .map(|(_, rest)| ours().map(move |it| exact(format!("{it}/{rest}"))));
            let renamed = renamed.into_iter().flatten();
            Principal::any([as_written].into_iter().chain(renamed).collect())
        }
    }
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
