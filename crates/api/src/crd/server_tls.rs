//! `networking.istio.io` ServerTLSSettings, of Gateway and Sidecar.
//!
//! Istio has a third rule, which by its message is to keep `credentialName` and
//! `tlsCertificates` apart, but says what the first says. It is left out, not mended: who
//! writes both is no worse off than with Istio.

use super::schema::{Schema, boolean, choice, list, may, object, string};

/// TLS by the proxy.
pub fn server_tls() -> Schema {
    let mode = choice([
        "PASSTHROUGH",
        "SIMPLE",
        "MUTUAL",
        "AUTO_PASSTHROUGH",
        "ISTIO_MUTUAL",
        "OPTIONAL_MUTUAL",
    ]);
    object([
        may(
            "httpsRedirect",
            "Whether plaintext requests are redirected.",
            boolean(),
        ),
        may(
            "mode",
            "Who must have a certificate; absent = PASSTHROUGH.",
            mode,
        ),
        may(
            "serverCertificate",
            "File with the server's certificate.",
            string(),
        ),
        may("privateKey", "File with its private key.", string()),
        may(
            "caCertificates",
            "File with the certificates that clients are verified by.",
            string(),
        ),
        may("caCrl", "File with revoked certificates.", string()),
        may(
            "credentialName",
            "Secret with certificate and key.",
            string(),
        ),
        may(
            "credentialNames",
            "Secrets with certificates and keys.",
            pair(string()),
        ),
        may(
            "caCertCredentialName",
            "Secret or ConfigMap with the certificates that clients are verified by.",
            string(),
        ),
        may(
            "tlsCertificates",
            "Files with certificates and keys.",
            pair(tls_certificate()),
        ),
        may(
            "subjectAltNames",
            "Names that a client's certificate must have one of.",
            list(string()),
        ),
        may(
            "verifyCertificateSpki",
            "Hashes of the keys that clients may have.",
            list(string()),
        ),
        may(
            "verifyCertificateHash",
            "Hashes of the certificates that clients may have.",
            list(string()),
        ),
        may(
            "minProtocolVersion",
            "Lowest TLS version; absent = 1.2.",
            tls_version(),
        ),
        may(
            "maxProtocolVersion",
            "Highest TLS version; absent = 1.3.",
            tls_version(),
        ),
        may(
            "cipherSuites",
            "Cipher suites; none = Envoy's.",
            list(string()),
        ),
        may(
            "insecureSkipVerify",
            "Whether clients' certificates are not verified; absent = they are.",
            boolean().nullable(),
        ),
    ])
    .exclusive(["credentialNames", "tlsCertificates"])
    .exclusive(["credentialName", "credentialNames"])
}

/// One for each kind of key.
fn pair(item: Schema) -> Schema {
    list(item).some_items().max_items(2)
}

fn tls_certificate() -> Schema {
    object([
        may(
            "serverCertificate",
            "File with the server's certificate.",
            string(),
        ),
        may("privateKey", "File with its private key.", string()),
        may(
            "caCertificates",
            "File with the certificates that clients are verified by.",
            string(),
        ),
    ])
}

fn tls_version() -> Schema {
    choice(["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"])
}
