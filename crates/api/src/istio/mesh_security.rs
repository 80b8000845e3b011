//! Parts of MeshConfig (`istio.mesh.v1alpha1`) that say how traffic is protected.

use serde::Deserialize;

/// Certificates of authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CaCertificates {
    /// Certificates in PEM; not beside `spiffeBundleUrl`.
    pub pem: String,
    /// Where a bundle of SPIFFE is.
    pub spiffe_bundle_url: String,
    /// Signers of Kubernetes that they are for; empty = all.
    pub cert_signers: Vec<String>,
    /// Trust domains that they are for; empty = the mesh's own.
    pub trust_domains: Vec<String>,
}

/// Parameters of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshTls {
    /// Lowest version.
    pub min_protocol_version: MeshTlsVersion,
    /// Curves; empty = Envoy's.
    pub ecdh_curves: Vec<String>,
    /// Cipher suites of TLS 1.2; empty = Envoy's.
    pub cipher_suites: Vec<String>,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum MeshTlsVersion {
    /// 1.2.
    #[default]
    #[serde(rename = "TLS_AUTO")]
    Auto,
    /// 1.2.
    #[serde(rename = "TLSV1_2")]
    V1_2,
    /// 1.3.
    #[serde(rename = "TLSV1_3")]
    V1_3,
}

/// Normalisation of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshPathNormalization {
    /// How.
    pub normalization: MeshPathNormalizationKind,
}

/// How paths are normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MeshPathNormalizationKind {
    /// As `BASE`.
    #[default]
    Default,
    /// Not at all.
    None,
    /// By RFC 3986.
    Base,
    /// Also `//` becomes `/`.
    MergeSlashes,
    /// Also encoded slashes are decoded before.
    DecodeAndMergeSlashes,
}
