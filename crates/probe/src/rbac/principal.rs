//! Who asks.

use envoy::mtls_authenticated::Config as MtlsAuthenticated;
use envoy::rbac::Principal;
use envoy::rbac::principal::{Authenticated, Identifier};
use ferromesh_envoy as envoy;

use super::{path, sourced};
use crate::answer::Answer;
use crate::config::read;
use crate::traffic::{Tls, Traffic};
use crate::{address, filter_state, handshake, header, metadata, text};

/// Whether this asks.
pub(super) fn matches(principal: &Principal, traffic: &Traffic<'_>) -> Answer {
    match &principal.identifier {
        Some(Identifier::AndIds(set)) => Answer::all(set.ids.iter().map(|id| matches(id, traffic))),
        Some(Identifier::OrIds(set)) => Answer::any(set.ids.iter().map(|id| matches(id, traffic))),
        Some(Identifier::NotId(id)) => matches(id, traffic).not(),
        // Envoy doesn't look at the value, which can't be false.
        Some(Identifier::Any(_)) => Answer::Yes,
        Some(Identifier::Authenticated(authenticated)) => is_named(authenticated, traffic),
        Some(Identifier::Custom(extension)) => {
            let config = extension.typed_config.as_ref();
            match config.map(read::<MtlsAuthenticated>) {
                Some(Ok(config)) => is_verified(&config, traffic),
                _ => Answer::unknown(format!("the principal {}", extension.name)),
            }
        }
        Some(Identifier::DirectRemoteIp(range)) => {
            address::contains(range, traffic.connection.source.ip())
        }
        Some(Identifier::RemoteIp(range)) => address::contains(range, traffic.remote.ip()),
        Some(Identifier::Header(matcher)) => header::matches(matcher, &traffic.headers),
        Some(Identifier::UrlPath(matcher)) => path(matcher, traffic),
        Some(Identifier::FilterState(matcher)) => {
            filter_state::matches(matcher, &traffic.filter_state)
        }
        Some(Identifier::SourcedMetadata(matcher)) => sourced(matcher, traffic),
        None => Answer::unknown("a principal without identifier"),
        Some(old) => deprecated(old, traffic),
    }
}

#[allow(deprecated, reason = "Envoy still reads the old forms")]
fn deprecated(identifier: &Identifier, traffic: &Traffic<'_>) -> Answer {
    match identifier {
        Identifier::SourceIp(range) => address::contains(range, traffic.connection.source.ip()),
        Identifier::Metadata(matcher) => metadata::matches(matcher, &traffic.metadata),
        _ => Answer::unknown("a principal of an unknown kind"),
    }
}

/// A name in the certificate, verified or not; without a matcher, any TLS will do.
fn is_named(authenticated: &Authenticated, traffic: &Traffic<'_>) -> Answer {
    let certificate = match traffic.connection.tls {
        Tls::None => return Answer::No,
        tls => tls.certificate(),
    };
    let Some(matcher) = &authenticated.principal_name else {
        return Answer::Yes;
    };
    match certificate {
        // Envoy then looks at an empty subject.
        None => text::matches(matcher, ""),
        Some(certificate) => {
            let names = certificate.uris.iter().chain(&certificate.dns_names);
            let all = names.chain([&certificate.subject]);
            text::matches_any(matcher, all.map(|name| &**name))
        }
    }
}

/// A name in a certificate that was verified, or any such certificate.
fn is_verified(config: &MtlsAuthenticated, traffic: &Traffic<'_>) -> Answer {
    let Tls::Verified(certificate) = traffic.connection.tls else {
        return Answer::No;
    };
    match &config.san_matcher {
        Some(matcher) => handshake::has_name(matcher, certificate),
        None => Answer::Yes,
    }
}
