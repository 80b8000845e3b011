//! TLS towards instances, and its parameters.

use std::sync::Arc;

/// TLS towards instances, as a policy asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientTls {
    /// None.
    Disable,
    /// With the mesh's own certificates (Istio's `ISTIO_MUTUAL`).
    Mesh {
        /// Server name to ask for; empty = the mesh's own.
        sni: Arc<str>,
        /// URI or DNS names that the server must have one of; empty = those of the instances.
        names: Vec<Arc<str>>,
    },
    /// Only the server has a certificate.
    Simple(ServerCheck),
    /// The client presents the one of these files, too.
    Mutual {
        /// File with the client's chain.
        certificate: Arc<str>,
        /// File with its key.
        key: Arc<str>,
        /// How the server is verified.
        server: ServerCheck,
    },
}

/// How a server is verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerCheck {
    /// Server name to ask for; empty = the host that is asked for.
    pub sni: Arc<str>,
    /// By which authorities.
    pub trust: ServerTrust,
    /// Names that the certificate must have one of; empty = the server name, if one is verified at all.
    pub names: Vec<Arc<str>>,
    /// File with revoked certificates; empty = none.
    pub revoked: Arc<str>,
}

/// By which authorities a server is verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerTrust {
    /// Those of this file.
    File(Arc<str>),
    /// Those of the operating system.
    System,
    /// It is not (`insecureSkipVerify`).
    Nobody,
}

/// Parameters of TLS. Empty lists are Envoy's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsParameters {
    /// The lowest version.
    pub min_version: TlsVersion,
    /// Cipher suites of TLS 1.2, in BoringSSL's names.
    pub cipher_suites: Vec<Arc<str>>,
    /// Curves for the key exchange, in BoringSSL's names.
    pub curves: Vec<Arc<str>>,
    /// Rules that bound all of that.
    pub compliance: Compliance,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// 1.2.
    V1_2,
    /// 1.3.
    V1_3,
}

/// Rules that bound the parameters of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compliance {
    /// None.
    Free,
    /// FIPS 140: only its versions, cipher suites and curves (`COMPLIANCE_POLICY`).
    Fips,
}

impl Default for TlsParameters {
    /// Istio's: TLS 1.2 and up.
    fn default() -> Self {
        Self {
            min_version: TlsVersion::V1_2,
            cipher_suites: Vec::new(),
            curves: Vec::new(),
            compliance: Compliance::Free,
        }
    }
}
