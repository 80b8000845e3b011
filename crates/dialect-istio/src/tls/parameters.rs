//! Parameters of TLS.

use std::sync::Arc;

use ferromesh_api::istio::{MeshTls, MeshTlsVersion};
use ferromesh_mesh::closest::closest;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::tls::{Compliance, TlsParameters, TlsVersion};

/// Suites of TLS 1.2 that Envoy has, by BoringSSL's names.
const CIPHER_SUITES: &[&str] = &[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "DES-CBC3-SHA",
];

/// Curves that Envoy has. It refuses any other, and any that is written twice.
const CURVES: &[&str] = &["X25519", "X25519MLKEM768", "P-256", "P-384", "P-521"];

/// Parameters at the path `at`. Unknown names are errors, and left out: Envoy would refuse all
/// that mentions them.
pub(crate) fn lower(
    written: &MeshTls,
    compliance: Compliance,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> TlsParameters {
    let MeshTls {
        min_protocol_version,
        ecdh_curves,
        cipher_suites,
    } = written;
    TlsParameters {
        min_version: match min_protocol_version {
            MeshTlsVersion::Auto | MeshTlsVersion::V1_2 => TlsVersion::V1_2,
            MeshTlsVersion::V1_3 => TlsVersion::V1_3,
        },
        cipher_suites: names(
            cipher_suites,
            CIPHER_SUITES,
            &at.field("cipherSuites"),
            remarks,
        ),
        curves: names(ecdh_curves, CURVES, &at.field("ecdhCurves"), remarks),
        compliance,
    }
}

fn names(
    written: &[String],
    known: &[&'static str],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::with_capacity(written.len());
    for (index, name) in written.iter().enumerate() {
        let at = at.item(index);
        if !known.contains(&name.as_str()) {
            let way_out = closest(name, known.iter().copied())
                .map(|meant| format!("did you mean {meant:?}?"))
                .unwrap_or_else(|| format!("known: {}", known.join(", ")));
            remarks
                .error(&at, "unknown-name", format!("Envoy has no {name:?}"))
                .advise(way_out);
        } else if names.iter().any(|earlier| **earlier == **name) {
            remarks.warning(&at, "no-effect", format!("{name:?} is written before"));
        } else {
            names.push(Arc::from(name.as_str()));
        }
    }
    names
}
