//! Identity, mutual TLS and authorization.

use std::collections::BTreeSet;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_identity::TrustDomain;
use ferromesh_mesh::decl::mesh_config::{AutoMtls, MeshSecurity};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::path_normalization::PathNormalization;
use ferromesh_mesh::policy::tls::{Compliance, TlsParameters, TlsVersion};

use super::{authorities, providers, proxy};
use crate::{faults, host, path_normalization, tls};

/// The security settings of a mesh configuration whose spec stands at the path `spec`.
pub(super) fn lower(
    config: &istio::MeshConfig,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> MeshSecurity {
    let compliance = proxy::lower(config.default_config.as_ref(), spec, remarks);
    let trust_domain = config
        .trust_domain
        .as_deref()
        .and_then(|domain| lower_domain(domain, &spec.field("trustDomain"), remarks))
        .unwrap_or_default();
    MeshSecurity {
        trust_domain_aliases: lower_aliases(config, &trust_domain, spec, remarks),
        trust_domain,
        authorities: authorities::lower(
            &config.ca_certificates,
            &spec.field("caCertificates"),
            remarks,
        ),
        auto_mtls: match config.enable_auto_mtls {
            None | Some(true) => AutoMtls::On,
            Some(false) => AutoMtls::Off,
        },
        mesh_tls: lower_mesh_tls(config.mesh_mtls.as_ref(), compliance, spec, remarks),
        outside_tls: lower_tls(
            config.tls_defaults.as_ref(),
            compliance,
            &spec.field("tlsDefaults"),
            remarks,
        ),
        paths: lower_paths(config.path_normalization.as_ref(), spec, remarks),
        authorizers: providers::lower(
            &config.extension_providers,
            &spec.field("extensionProviders"),
            remarks,
        ),
    }
}

/// A trust domain at the path `at`; `None` if it is unsound, which is an error.
pub(super) fn lower_domain(
    domain: &str,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<TrustDomain> {
    let labels = domain.strip_suffix('.').unwrap_or(domain);
    let lowered = TrustDomain::new(&domain.to_ascii_lowercase()).ok();
    if !labels.split('.').all(host::is_label) || lowered.is_none() {
        remarks
            .error(
                at,
                "invalid-trust-domain",
                format!("invalid trust domain {domain:?}"),
            )
            .advise("write a name such as cluster.local: letters, digits, \"-\" and \".\"");
        return None;
    }
    lowered
}

/// The aliases, sorted, without the trust domain itself.
fn lower_aliases(
    config: &istio::MeshConfig,
    own: &TrustDomain,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<TrustDomain> {
    let list = spec.field("trustDomainAliases");
    let mut aliases = BTreeSet::new();
    for (index, alias) in config.trust_domain_aliases.iter().enumerate() {
        aliases.extend(lower_domain(alias, &list.item(index), remarks));
    }
    aliases.remove(own);
    aliases.into_iter().collect()
}

/// Istio refuses curves here.
fn lower_mesh_tls(
    written: Option<&Part<istio::MeshTls>>,
    compliance: Compliance,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> TlsParameters {
    let at = spec.field("meshMTLS");
    let lowered = lower_tls(written, compliance, &at, remarks);
    if !lowered.curves.is_empty() {
        remarks
            .error(
                &at.field("ecdhCurves"),
                "unsupported-field",
                "is not supported for TLS inside the mesh",
            )
            .advise("write tlsDefaults.ecdhCurves for TLS towards others");
        return TlsParameters {
            curves: Vec::new(),
            min_version: lowered.min_version,
            cipher_suites: lowered.cipher_suites,
            compliance,
        };
    }
    lowered
}

/// Unreadable parameters are errors, and those of the highest version.
fn lower_tls(
    written: Option<&Part<istio::MeshTls>>,
    compliance: Compliance,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> TlsParameters {
    let mut parameters = TlsParameters {
        compliance,
        min_version: TlsVersion::V1_2,
        cipher_suites: Vec::new(),
        curves: Vec::new(),
    };
    let Some(part) = written else {
        return parameters;
    };
    match faults::read_part(part, at, remarks) {
        Some(written) => tls::parameters::lower(&written, compliance, at, remarks),
        None => {
            parameters.min_version = TlsVersion::V1_3;
            parameters
        }
    }
}

fn lower_paths(
    written: Option<&Part<istio::MeshPathNormalization>>,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> PathNormalization {
    let at = spec.field("pathNormalization");
    let written = written.and_then(|part| faults::read_part(part, &at, remarks));
    written.map_or(PathNormalization::Base, |written| {
        path_normalization::lower(&written)
    })
}
