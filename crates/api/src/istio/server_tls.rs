//! `networking.istio.io` ServerTLSSettings.

use serde::Deserialize;

/// TLS by the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerTls {
    /// Whether plaintext requests are redirected.
    pub https_redirect: bool,
    /// Who must have a certificate.
    pub mode: ServerTlsMode,
    /// File with the server's certificate.
    pub server_certificate: String,
    /// File with its private key.
    pub private_key: String,
    /// File with the certificates that clients are verified by.
    pub ca_certificates: String,
    /// File with revoked certificates.
    pub ca_crl: String,
    /// Secret with certificate and key.
    pub credential_name: String,
    /// Secrets with certificates and keys, at most two.
    pub credential_names: Vec<String>,
    /// Secret or ConfigMap with the certificates that clients are verified by.
    pub ca_cert_credential_name: String,
    /// Files with certificates and keys, at most two.
    pub tls_certificates: Vec<TlsCertificate>,
    /// Names that a client's certificate must have one of.
    pub subject_alt_names: Vec<String>,
    /// Hashes of the keys that clients may have.
    pub verify_certificate_spki: Vec<String>,
    /// Hashes of the certificates that clients may have.
    pub verify_certificate_hash: Vec<String>,
    /// Lowest TLS version.
    pub min_protocol_version: TlsVersion,
    /// Highest TLS version.
    pub max_protocol_version: TlsVersion,
    /// Cipher suites.
    pub cipher_suites: Vec<String>,
    /// Whether clients' certificates are not verified.
    pub insecure_skip_verify: Option<bool>,
}

/// Files with a certificate and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsCertificate {
    /// File with the server's certificate.
    pub server_certificate: String,
    /// File with its private key.
    pub private_key: String,
    /// File with the certificates that clients are verified by.
    pub ca_certificates: String,
}

/// Who must have a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServerTlsMode {
    /// Nobody: TLS is passed through by server name.
    #[default]
    Passthrough,
    /// The server.
    Simple,
    /// Server and client.
    Mutual,
    /// Nobody: TLS is passed through by the server name of the mesh.
    AutoPassthrough,
    /// Server and client, with the mesh's certificates.
    IstioMutual,
    /// The server; the client may.
    OptionalMutual,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    /// The proxy's default.
    #[default]
    #[serde(rename = "TLS_AUTO")]
    Auto,
    /// TLS 1.0.
    #[serde(rename = "TLSV1_0")]
    V1_0,
    /// TLS 1.1.
    #[serde(rename = "TLSV1_1")]
    V1_1,
    /// TLS 1.2.
    #[serde(rename = "TLSV1_2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "TLSV1_3")]
    V1_3,
}
