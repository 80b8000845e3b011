//! What Istio's admission refuses of TLS towards instances.

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;

use crate::effect;

/// Checks client TLS settings at the path `at`.
pub(super) fn check(
    tls: &istio::ClientTls,
    author: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let istio::ClientTls {
        mode,
        client_certificate,
        private_key,
        ca_certificates,
        credential_name,
        subject_alt_names,
        sni: _,
        insecure_skip_verify,
        ca_crl,
    } = tls;
    let simple = *mode == istio::ClientTlsMode::Simple;
    let mutual = *mode == istio::ClientTlsMode::Mutual;
    check_config_map(
        credential_name,
        author,
        &at.field("credentialName"),
        remarks,
    );
    if *insecure_skip_verify == Some(true) && (simple || mutual) {
        // In mode MUTUAL the secret may hold just the client's certificate.
        for (field, written) in [
            ("caCertificates", !ca_certificates.is_empty()),
            ("subjectAltNames", !subject_alt_names.is_empty()),
            ("credentialName", simple && !credential_name.is_empty()),
        ] {
            if written {
                effect::conflict(&at.field(field), "insecureSkipVerify: true", remarks);
            }
        }
    }
    if (simple || mutual) && !credential_name.is_empty() {
        for (field, value) in [
            ("clientCertificate", client_certificate),
            ("privateKey", private_key),
            ("caCertificates", ca_certificates),
            ("caCrl", ca_crl),
        ] {
            if !value.is_empty() {
                effect::conflict(&at.field(field), "credentialName", remarks);
            }
        }
        return;
    }
    if mutual {
        for (field, value) in [
            ("clientCertificate", client_certificate),
            ("privateKey", private_key),
        ] {
            if value.is_empty() {
                remarks.error(
                    &at.field(field),
                    "missing-field",
                    "is required with mode MUTUAL",
                );
            }
        }
    }
}

/// `configmap://[NAMESPACE/]NAME` must be of the author's own namespace.
fn check_config_map(credential: &str, author: &Namespace, at: &Path<'_>, remarks: &mut Remarks) {
    let Some(name) = credential.strip_prefix("configmap://") else {
        return;
    };
    let sound = match name.split_once('/') {
        Some((namespace, name)) => namespace == author.as_str() && !name.is_empty(),
        None => !name.is_empty(),
    };
    if !sound {
        remarks.error(
            at,
            "invalid-credential",
            format!("must name a ConfigMap of namespace {author}"),
        );
    }
}
