//! `networking.istio.io` ClientTLSSettings.

use super::schema::{Schema, boolean, choice, list, may, object, string};

/// TLS towards instances.
pub fn client_tls() -> Schema {
    object([
        may(
            "mode",
            "Whether and how; absent = DISABLE.",
            choice(["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]),
        ),
        may(
            "clientCertificate",
            "File with the client's certificate.",
            string(),
        ),
        may("privateKey", "File with its private key.", string()),
        may(
            "caCertificates",
            "File with the certificates that the server is verified by.",
            string(),
        ),
        may("caCrl", "File with revoked certificates.", string()),
        may("credentialName", "Secret with all of these.", string()),
        may(
            "subjectAltNames",
            "Names that the server's certificate must have one of.",
            list(string()),
        ),
        may("sni", "Server name to ask for.", string()),
        may(
            "insecureSkipVerify",
            "Whether the server's certificate is not verified; absent = it is.",
            boolean().nullable(),
        ),
    ])
}
