//! `networking.istio.io` ClientTLSSettings.

use serde::Deserialize;

/// TLS towards instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientTls {
    /// Whether and how.
    pub mode: ClientTlsMode,
    /// File with the client's certificate.
    pub client_certificate: String,
    /// File with its private key.
    pub private_key: String,
    /// File with the certificates that the server is verified by.
    pub ca_certificates: String,
    /// Secret with all of these.
    pub credential_name: String,
    /// Names that the server's certificate must have one of.
    pub subject_alt_names: Vec<String>,
    /// Server name to ask for.
    pub sni: String,
    /// Whether the server's certificate is not verified.
    pub insecure_skip_verify: Option<bool>,
    /// File with revoked certificates.
    pub ca_crl: String,
}

/// Whether and how TLS is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientTlsMode {
    /// It is not.
    #[default]
    Disable,
    /// Only the server has a certificate.
    Simple,
    /// The client presents one, too.
    Mutual,
    /// Mutual, with the mesh's certificates.
    IstioMutual,
}
