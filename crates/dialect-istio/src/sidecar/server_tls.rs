//! What Istio's admission refuses and warns about of TLS by the proxy, which has no effect yet.

use ferromesh_api::istio::{self, ServerTlsMode, TlsVersion};
use ferromesh_api::part::Part;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use crate::{effect, faults};

/// Checks TLS settings of an inbound listener whose port speaks `protocol`.
pub(super) fn check(
    tls: &Part<istio::ServerTls>,
    protocol: &str,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    effect::not_yet(at, remarks);
    let Some(tls) = faults::read_part(tls, at, remarks) else {
        return;
    };
    let is_tls = ["https", "tls"].contains(&protocol.to_ascii_lowercase().as_str());
    if !is_tls {
        remarks.error(
            at,
            "conflicting-fields",
            "needs a port with protocol HTTPS or TLS",
        );
    }
    refuse_unsupported(&tls, at, remarks);
    match tls.mode {
        ServerTlsMode::IstioMutual | ServerTlsMode::AutoPassthrough => {
            remarks.error(
                &at.field("mode"),
                "unsupported-field",
                "this mode is not for Sidecars",
            );
        }
        ServerTlsMode::Passthrough => warn_of_certificates(&tls, at, remarks),
        ServerTlsMode::Simple => require_certificates(&tls, at, remarks),
        ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual => {
            if tls.ca_certificates.is_empty() && !has_credential(&tls) {
                remarks.error(
                    &at.field("caCertificates"),
                    "missing-field",
                    "is required with this mode",
                );
            }
            require_certificates(&tls, at, remarks);
        }
    }
    if tls.mode == ServerTlsMode::Simple && !tls.ca_crl.is_empty() {
        effect::conflict(&at.field("caCrl"), "mode: SIMPLE", remarks);
    }
    let old = matches!(
        tls.min_protocol_version,
        TlsVersion::V1_0 | TlsVersion::V1_1
    );
    if old && tls.cipher_suites.is_empty() {
        remarks.warning(
            &at.field("minProtocolVersion"),
            "missing-field",
            "TLS below 1.2 needs compatible cipherSuites",
        );
    }
}

/// What a Gateway can have and a Sidecar can't.
fn refuse_unsupported(tls: &istio::ServerTls, at: &Path<'_>, remarks: &mut Remarks) {
    for (field, written) in [
        ("subjectAltNames", !tls.subject_alt_names.is_empty()),
        ("httpsRedirect", tls.https_redirect),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
    ] {
        if written {
            remarks.error(
                &at.field(field),
                "unsupported-field",
                "is not supported in a Sidecar",
            );
        }
    }
}

fn has_credential(tls: &istio::ServerTls) -> bool {
    !tls.credential_name.is_empty() || !tls.credential_names.is_empty()
}

fn warn_of_certificates(tls: &istio::ServerTls, at: &Path<'_>, remarks: &mut Remarks) {
    for (field, value) in [
        ("serverCertificate", &tls.server_certificate),
        ("privateKey", &tls.private_key),
        ("caCertificates", &tls.ca_certificates),
        ("caCrl", &tls.ca_crl),
    ] {
        if !value.is_empty() {
            effect::none(&at.field(field), "mode is PASSTHROUGH", remarks);
        }
    }
}

fn require_certificates(tls: &istio::ServerTls, at: &Path<'_>, remarks: &mut Remarks) {
    // These are refused as a whole, so that there is nothing to ask for.
    if has_credential(tls) || !tls.tls_certificates.is_empty() {
        return;
    }
    for (field, value) in [
        ("serverCertificate", &tls.server_certificate),
        ("privateKey", &tls.private_key),
    ] {
        if value.is_empty() {
            remarks.error(
                &at.field(field),
                "missing-field",
                "is required with this mode",
            );
        }
    }
}
