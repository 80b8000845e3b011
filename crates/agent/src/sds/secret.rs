//! Secrets in Envoy's words.

use ferromesh_envoy as envoy;
use ferromesh_identity::{Bundle, Certificate};

use envoy::core::DataSource;
use envoy::core::data_source::Specifier;
use envoy::tls::spiffe_cert_validator_config::TrustDomain;
use envoy::tls::{
    CertificateValidationContext, Secret, SpiffeCertValidatorConfig, TlsCertificate, secret,
};

use crate::identity::held::{Own, Trust};

/// The name of the workload's own certificate, as in Istio.
pub const OWN: &str = "default";

/// The name of who is trusted, as in Istio.
pub const ROOTS: &str = "ROOTCA";

/// Envoy's validator that keeps the roots of trust domains apart.
const SPIFFE_VALIDATOR: &str = "envoy.tls.cert_validator.spiffe";

/// The workload's own certificate and key.
pub fn own(own: &Own) -> Secret {
    let Own {
        identity: _,
        chain,
        key,
    } = own;
    let chain: String = chain.iter().map(Certificate::pem).collect();
    certificate(OWN, chain, key.pem())
}

/// A certificate and its key, as PEM.
pub fn certificate(name: &str, chain: String, key: String) -> Secret {
    let certificate = TlsCertificate {
        certificate_chain: Some(inline(chain)),
        private_key: Some(inline(key)),
        ..TlsCertificate::default()
    };
    named(name, secret::Type::TlsCertificate(certificate))
}

/// Who is trusted. With more than one trust domain each has its own roots: in one bundle, every authority could speak for
/// all of them.
pub fn roots(trust: &Trust) -> Secret {
    let Trust {
        version: _,
        own,
        others,
    } = trust;
    let context = if others.is_empty() {
        let (_, bundle) = own;
        plain(bundle.pem())
    } else {
        let domain = |(name, bundle): &(ferromesh_identity::TrustDomain, Bundle)| TrustDomain {
            name: name.to_string(),
            trust_bundle: Some(inline(bundle.pem())),
            ..TrustDomain::default()
        };
        let config = SpiffeCertValidatorConfig {
            trust_domains: std::iter::once(own).chain(others).map(domain).collect(),
            ..SpiffeCertValidatorConfig::default()
        };
        CertificateValidationContext {
            custom_validator_config: Some(envoy::core::TypedExtensionConfig {
                name: SPIFFE_VALIDATOR.to_owned(),
                typed_config: Some(envoy::any(&config)),
            }),
            ..CertificateValidationContext::default()
        }
    };
    named(ROOTS, secret::Type::ValidationContext(context))
}

/// Authorities, as PEM.
pub fn authorities(name: &str, pem: String) -> Secret {
    named(name, secret::Type::ValidationContext(plain(pem)))
}

fn plain(pem: String) -> CertificateValidationContext {
    CertificateValidationContext {
        trusted_ca: Some(inline(pem)),
        ..CertificateValidationContext::default()
    }
}

fn inline(pem: String) -> DataSource {
    DataSource {
        specifier: Some(Specifier::InlineString(pem)),
        ..DataSource::default()
    }
}

fn named(name: &str, kind: secret::Type) -> Secret {
    Secret {
        name: name.to_owned(),
        r#type: Some(kind),
    }
}
