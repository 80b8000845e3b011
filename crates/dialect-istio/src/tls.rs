//! TLS towards instances, and parameters of TLS.

pub(crate) mod parameters;

use std::sync::Arc;

use ferromesh_api::istio::{self, ClientTlsMode};
use ferromesh_api::part::Part;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::tls::{ClientTls, ServerCheck, ServerTrust};

use crate::{effect, faults};

/// Istio's word for the authorities of the operating system.
const SYSTEM: &str = "system";

/// What stands for a file that can't be: no file has this name, so nothing is trusted, and no
/// connection comes about.
const NO_FILE: &str = "credential:";

/// TLS settings at the path `at`. Unsound ones are errors, and refuse every connection: none may
/// be in plain text, or unverified, because its author mistyped something.
pub(crate) fn lower(
    part: &Part<istio::ClientTls>,
    author: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> ClientTls {
    let errors = remarks.errors();
    let Some(tls) = faults::read_part(part, at, remarks) else {
        return refuse("", "");
    };
    check(&tls, author, at, remarks);
    if remarks.errors() > errors {
        return refuse(&tls.sni, "");
    }
    warn_of_effects(&tls, at, remarks);
    let names = tls.subject_alt_names.iter().map(String::as_str);
    let names = names.map(Arc::from).collect();
    match tls.mode {
        ClientTlsMode::Disable => ClientTls::Disable,
        ClientTlsMode::IstioMutual => ClientTls::Mesh {
            sni: Arc::from(tls.sni.as_str()),
            names,
        },
        ClientTlsMode::Simple | ClientTlsMode::Mutual if !tls.credential_name.is_empty() => {
            remarks
                .warning(
                    &at.field("credentialName"),
                    "no-effect-yet",
                    "secrets are not read yet: every connection fails, as none is verified",
                )
                .advise("write caCertificates, clientCertificate and privateKey: files where the proxy runs");
            refuse(&tls.sni, &tls.credential_name)
        }
        ClientTlsMode::Simple => ClientTls::Simple(lower_server(&tls, names)),
        ClientTlsMode::Mutual => ClientTls::Mutual {
            certificate: Arc::from(tls.client_certificate.as_str()),
            key: Arc::from(tls.private_key.as_str()),
            server: lower_server(&tls, names),
        },
    }
}

/// TLS by which no connection comes about.
pub(crate) fn refuse(sni: &str, credential: &str) -> ClientTls {
    ClientTls::Simple(ServerCheck {
        sni: Arc::from(sni),
        trust: ServerTrust::File(Arc::from(format!("{NO_FILE}{credential}"))),
        names: Vec::new(),
        revoked: Arc::from(""),
    })
}

fn lower_server(tls: &istio::ClientTls, names: Vec<Arc<str>>) -> ServerCheck {
    let trust = if tls.insecure_skip_verify == Some(true) {
        ServerTrust::Nobody
    } else if tls.ca_certificates.is_empty() || tls.ca_certificates == SYSTEM {
        ServerTrust::System
    } else {
        ServerTrust::File(Arc::from(tls.ca_certificates.as_str()))
    };
    ServerCheck {
        sni: Arc::from(tls.sni.as_str()),
        trust,
        names,
        revoked: Arc::from(tls.ca_crl.as_str()),
    }
}

/// What Istio's admission refuses.
fn check(tls: &istio::ClientTls, author: &Namespace, at: &Path<'_>, remarks: &mut Remarks) {
    check_config_map(
        &tls.credential_name,
        author,
        &at.field("credentialName"),
        remarks,
    );
    let simple = tls.mode == ClientTlsMode::Simple;
    let mutual = tls.mode == ClientTlsMode::Mutual;
    if !simple && !mutual {
        return;
    }
    check_files(tls, at, remarks);
    let has_credential = !tls.credential_name.is_empty();
    if tls.insecure_skip_verify == Some(true) {
        // In mode MUTUAL the secret may hold just the client's certificate.
        for (field, written) in [
            ("caCertificates", !tls.ca_certificates.is_empty()),
            ("subjectAltNames", !tls.subject_alt_names.is_empty()),
            ("credentialName", simple && has_credential),
        ] {
            if written {
                effect::conflict(&at.field(field), "insecureSkipVerify: true", remarks);
            }
        }
    }
    let client = [
        ("clientCertificate", &tls.client_certificate),
        ("privateKey", &tls.private_key),
    ];
    let server = [
        ("caCertificates", &tls.ca_certificates),
        ("caCrl", &tls.ca_crl),
    ];
    if has_credential {
        for (field, value) in client.into_iter().chain(server) {
            if !value.is_empty() {
                effect::conflict(&at.field(field), "credentialName", remarks);
            }
        }
    } else if mutual {
        for (field, value) in client {
            if value.is_empty() {
                let message = "is required with mode MUTUAL";
                remarks.error(&at.field(field), "missing-field", message);
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

/// The names of files become parts of the names of secrets, where `~` stands between two.
fn check_files(tls: &istio::ClientTls, at: &Path<'_>, remarks: &mut Remarks) {
    for (field, value) in [
        ("clientCertificate", &tls.client_certificate),
        ("privateKey", &tls.private_key),
        ("caCertificates", &tls.ca_certificates),
        ("caCrl", &tls.ca_crl),
    ] {
        let divided = value.contains('~') && ["clientCertificate", "privateKey"].contains(&field);
        if divided || value.starts_with(NO_FILE) || value.contains('\0') {
            remarks
                .error(
                    &at.field(field),
                    "invalid-file",
                    format!("{value:?} can't be the name of a file here"),
                )
                .advise("write an absolute path without \"~\"");
        }
    }
    let list = at.field("subjectAltNames");
    for (index, name) in tls.subject_alt_names.iter().enumerate() {
        if name.is_empty() {
            remarks.error(&list.item(index), "invalid-value", "must not be empty");
        }
    }
}

/// Fields that say nothing with the mode that is written.
fn warn_of_effects(tls: &istio::ClientTls, at: &Path<'_>, remarks: &mut Remarks) {
    let istio::ClientTls {
        mode,
        client_certificate,
        private_key,
        ca_certificates,
        credential_name,
        subject_alt_names,
        sni,
        insecure_skip_verify,
        ca_crl,
    } = tls;
    let (reason, without) = match mode {
        ClientTlsMode::Disable => ("mode is DISABLE", &[][..]),
        ClientTlsMode::IstioMutual => ("mode is ISTIO_MUTUAL", &["subjectAltNames", "sni"][..]),
        ClientTlsMode::Simple => (
            "mode is SIMPLE",
            &[
                "caCertificates",
                "caCrl",
                "credentialName",
                "insecureSkipVerify",
                "subjectAltNames",
                "sni",
            ][..],
        ),
        ClientTlsMode::Mutual => return,
    };
    for (field, written) in [
        ("clientCertificate", !client_certificate.is_empty()),
        ("privateKey", !private_key.is_empty()),
        ("caCertificates", !ca_certificates.is_empty()),
        ("credentialName", !credential_name.is_empty()),
        ("subjectAltNames", !subject_alt_names.is_empty()),
        ("sni", !sni.is_empty()),
        ("insecureSkipVerify", *insecure_skip_verify == Some(true)),
        ("caCrl", !ca_crl.is_empty()),
    ] {
        if written && !without.contains(&field) {
            effect::none(&at.field(field), reason, remarks);
        }
    }
}
