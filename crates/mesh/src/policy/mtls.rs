//! Mutual TLS, as a server demands it.

/// Which connections a port takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MtlsMode {
    /// Only those without the mesh's TLS; TLS of the application's own passes.
    Disable,
    /// Both.
    Permissive,
    /// Only those with the mesh's TLS and a certificate.
    Strict,
}

/// What a policy says about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MtlsSetting {
    /// As the next wider policy says; permissive without any (Istio's `UNSET`).
    #[default]
    Inherit,
    /// As this says.
    Mode(MtlsMode),
}
