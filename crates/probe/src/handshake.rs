//! The handshake: what TLS proves about the client, and whom it turns away.

use envoy::core::transport_socket::ConfigType;
use envoy::listener::FilterChain;
use envoy::matcher::string_matcher::MatchPattern;
use envoy::tls::certificate_validation_context::TrustChainVerification;
use envoy::tls::common_tls_context::ValidationContextType;
use envoy::tls::subject_alt_name_matcher::SanType;
use envoy::tls::{CertificateValidationContext, DownstreamTlsContext, SubjectAltNameMatcher};
use ferromesh_envoy as envoy;

use crate::answer::{Answer, unknown};
use crate::config::{is, read};
use crate::request::{Certificate, Chain, Peer};
use crate::text;
use crate::traffic::Tls;
use crate::verdict::Outcome;

/// Does the handshake that a chain asks for.
pub(crate) fn shake<'a>(chain: &FilterChain, peer: &'a Peer) -> Result<Tls<'a>, Outcome> {
    let Some(socket) = &chain.transport_socket else {
        return Ok(Tls::None);
    };
    let Some(ConfigType::TypedConfig(config)) = &socket.config_type else {
        return Err(unknown(format!("the transport socket {}", socket.name)));
    };
    if is::<envoy::api::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer>(config) {
        return Ok(Tls::None);
    }
    let context: DownstreamTlsContext = read(config)?;
    let required = context.require_client_certificate.unwrap_or(false);
    let validation = Validation::of(&context)?;
    let certificate = match peer {
        Peer::Plaintext => return Err(reset("the port takes only TLS")),
        Peer::Tls(_) => None,
        Peer::MutualTls(_, certificate) => Some(certificate),
    };
    match (certificate, validation) {
        (None, _) if required => Err(reset("the client has no certificate")),
        // Who demands a name demands a certificate.
        (None, Validation::By(context)) if !context.match_typed_subject_alt_names.is_empty() => {
            Err(reset("the client has no certificate"))
        }
        // Nobody asks for it.
        (None, _) => Ok(Tls::Anonymous),
        (Some(_), Validation::None) if !required => Ok(Tls::Anonymous),
        (Some(certificate), Validation::None) => Ok(Tls::Claimed(certificate)),
        (Some(certificate), Validation::By(context)) => {
            verify(certificate, &context)?;
            Ok(Tls::Verified(certificate))
        }
    }
}

/// How a certificate is verified.
enum Validation {
    None,
    By(Box<CertificateValidationContext>),
}

impl Validation {
    fn of(context: &DownstreamTlsContext) -> Result<Self, Outcome> {
        let common = context.common_tls_context.as_ref();
        Ok(
            match common.and_then(|it| it.validation_context_type.as_ref()) {
                None => Self::None,
                // Nothing is known of what comes by SDS but that it brings authorities.
                Some(ValidationContextType::ValidationContextSdsSecretConfig(_)) => {
                    Self::By(Box::default())
                }
                Some(ValidationContextType::ValidationContext(context)) => {
                    match (&context.trusted_ca, &context.custom_validator_config) {
                        (None, None) => Self::None,
                        _ => Self::By(Box::new(context.clone())),
                    }
                }
                Some(ValidationContextType::CombinedValidationContext(combined)) => {
                    Self::By(Box::new(
                        combined
                            .default_validation_context
                            .clone()
                            .unwrap_or_default(),
                    ))
                }
                Some(_) => return Err(unknown("how certificates are verified")),
            },
        )
    }
}

fn verify(
    certificate: &Certificate,
    context: &CertificateValidationContext,
) -> Result<(), Outcome> {
    if context.trust_chain_verification != TrustChainVerification::VerifyTrustChain as i32 {
        return Err(unknown("certificates that are accepted without trust"));
    }
    if !context.verify_certificate_hash.is_empty() || !context.verify_certificate_spki.is_empty() {
        return Err(unknown("certificates by their hash"));
    }
    match certificate.chain {
        Chain::Foreign => return Err(reset("the client's certificate is not trusted")),
        Chain::Trusted => {}
    }
    let names = &context.match_typed_subject_alt_names;
    let named = names.iter().map(|name| has_name(name, certificate));
    if names.is_empty() || Answer::any(named).decided()? {
        Ok(())
    } else {
        Err(reset(
            "the client's certificate has none of the names that are accepted",
        ))
    }
}

/// Whether a certificate has a name that matches.
pub(crate) fn has_name(matcher: &SubjectAltNameMatcher, certificate: &Certificate) -> Answer {
    let SubjectAltNameMatcher {
        san_type,
        matcher,
        oid: _,
    } = matcher;
    let Some(matcher) = matcher else {
        return Answer::unknown("a matcher of names without pattern");
    };
    let texts = |texts: &[String]| text::matches_any(matcher, texts.iter().map(|text| &**text));
    match SanType::try_from(*san_type) {
        Ok(SanType::Uri) => texts(&certificate.uris),
        Ok(SanType::Dns) => match &matcher.match_pattern {
            Some(MatchPattern::Exact(name)) => {
                let names = certificate.dns_names.iter();
                Answer::any(names.map(|pattern| is_host(pattern, name).into()))
            }
            _ => texts(&certificate.dns_names),
        },
        // Certificates as they are described here have no others.
        Ok(SanType::Email | SanType::IpAddress) => Answer::No,
        Ok(SanType::OtherName | SanType::Unspecified) | Err(_) => {
            Answer::unknown("a matcher of other names")
        }
    }
}

/// Whether a DNS name in a certificate, which may begin with `*.`, stands for a host.
fn is_host(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    let under = pattern.strip_prefix("*.");
    pattern == host
        || host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && under == Some(rest))
}

fn reset(details: &str) -> Outcome {
    Outcome::Reset {
        details: details.to_owned(),
    }
}
