//! TLS: secrets, which the agent holds, parameters, and names that peers must have.
//!
//! Secrets have Istio's names. None is ever part of a resource.

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_identity::TrustDomain;
use ferromesh_mesh as mesh;

use envoy::matcher::string_matcher::MatchPattern;
use envoy::tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
use envoy::tls::subject_alt_name_matcher::SanType;
use envoy::tls::tls_parameters::{CompliancePolicy, TlsProtocol};
use envoy::tls::{CertificateValidationContext, SdsSecretConfig, SubjectAltNameMatcher};
use mesh::policy::tls::{Compliance, TlsParameters, TlsVersion};

use crate::config_source;

/// What HTTP is called in the mesh's TLS: a mark for the server to tell it by. No server ever
/// agrees on one of these, so that a connection's HTTP version shows in its first bytes.
pub(crate) const HTTP_MARKS: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// What anything else is called in it.
pub(crate) const TCP_MARKS: [&str; 2] = ["istio-peer-exchange", "istio"];

/// How long a cluster waits for a secret that comes from a file, which may not be there. (It
/// holds up the acknowledgement of all clusters, and afterwards serves nobody.)
const FILE_WAIT: Duration = Duration::from_secs(5);

/// The workload's own certificate and key.
pub(crate) fn own_certificate() -> SdsSecretConfig {
    secret("default".to_owned(), Duration::ZERO)
}

/// The authorities of the mesh.
pub(crate) fn mesh_authorities() -> SdsSecretConfig {
    secret("ROOTCA".to_owned(), Duration::ZERO)
}

/// A certificate and key from files.
pub(crate) fn certificate_file(certificate: &str, key: &str) -> SdsSecretConfig {
    secret(format!("file-cert:{certificate}~{key}"), FILE_WAIT)
}

/// Authorities from a file.
pub(crate) fn authorities_file(path: &str) -> SdsSecretConfig {
    secret(format!("file-root:{path}"), FILE_WAIT)
}

/// The authorities that the operating system trusts.
pub(crate) fn system_authorities() -> SdsSecretConfig {
    authorities_file("system")
}

fn secret(name: String, wait: Duration) -> SdsSecretConfig {
    SdsSecretConfig {
        name,
        sds_config: Some(config_source::agent(wait)),
    }
}

/// Parameters. Envoy's clients stop at TLS 1.2 unless they are told not to.
pub(crate) fn parameters(parameters: &TlsParameters) -> envoy::tls::TlsParameters {
    let TlsParameters {
        min_version,
        cipher_suites,
        curves,
        compliance,
    } = parameters;
    let minimum = match min_version {
        TlsVersion::V1_2 => TlsProtocol::TlSv12,
        TlsVersion::V1_3 => TlsProtocol::TlSv13,
    };
    envoy::tls::TlsParameters {
        tls_minimum_protocol_version: minimum as i32,
        tls_maximum_protocol_version: TlsProtocol::TlSv13 as i32,
        cipher_suites: cipher_suites.iter().map(ToString::to_string).collect(),
        ecdh_curves: curves.iter().map(ToString::to_string).collect(),
        compliance_policies: match compliance {
            Compliance::Free => Vec::new(),
            Compliance::Fips => vec![CompliancePolicy::Fips202205 as i32],
        },
        ..Default::default()
    }
}

/// A peer must have one of these names, vouched for by these authorities.
pub(crate) fn vouched(
    authorities: SdsSecretConfig,
    names: Vec<SubjectAltNameMatcher>,
    revoked: &str,
) -> ValidationContextType {
    let file = |path: &str| envoy::core::DataSource {
        specifier: Some(envoy::core::data_source::Specifier::Filename(
            path.to_owned(),
        )),
        ..Default::default()
    };
    ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(CertificateValidationContext {
            match_typed_subject_alt_names: names,
            crl: (!revoked.is_empty()).then(|| file(revoked)),
            ..Default::default()
        }),
        validation_context_sds_secret_config: Some(authorities),
        ..Default::default()
    })
}

/// The name of anybody in a trust domain. Without it, an authority could vouch for identities
/// of every other domain.
pub(crate) fn anybody_in(domain: &TrustDomain) -> SubjectAltNameMatcher {
    let prefix = MatchPattern::Prefix(format!("spiffe://{domain}/"));
    name(SanType::Uri, prefix)
}

/// Exactly this name: a URI, or a DNS name.
pub(crate) fn exactly(text: &str) -> SubjectAltNameMatcher {
    let kind = if text.contains("://") {
        SanType::Uri
    } else {
        SanType::Dns
    };
    name(kind, MatchPattern::Exact(text.to_owned()))
}

/// A name of this kind that matches.
pub(crate) fn name(kind: SanType, pattern: MatchPattern) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: kind as i32,
        matcher: Some(envoy::matcher::StringMatcher {
            match_pattern: Some(pattern),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A transport socket that speaks TLS.
pub(crate) fn socket<M: envoy::Message + envoy::Name>(
    settings: &M,
) -> envoy::core::TransportSocket {
    envoy::core::TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(envoy::core::transport_socket::ConfigType::TypedConfig(
            envoy::any(settings),
        )),
    }
}
