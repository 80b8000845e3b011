//! Which condition a remark belongs to.

use ferromesh_mesh::diagnostic::{Diagnostic, REFUSED_BY_PROXY, Severity};

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// The object alone.
    Itself,
    /// Something that it refers to and that is not there; the word for that.
    Reference(&'static str),
    /// A name that nothing has, which is nevertheless good for something.
    Name,
    /// Another object that says otherwise.
    Conflict,
    /// What a proxy said about it.
    Proxy,
    /// What comes and goes with pods, or is worth knowing only: `analyze` tells it.
    Elsewhere,
}

/// What a remark is about.
pub(super) fn topic(diagnostic: &Diagnostic) -> Topic {
    match (diagnostic.code, diagnostic.severity) {
        (REFUSED_BY_PROXY, _) => Topic::Proxy,
        (_, Severity::Error) => Topic::Itself,
        // Hosts that routes are for need no service: requests to port 80 are routed all the same.
        ("unknown-host", _) if diagnostic.path.starts_with("spec.hosts[") => Topic::Name,
        ("unknown-host", _) => Topic::Reference("HostNotFound"),
        ("unknown-port", _) => Topic::Reference("PortNotFound"),
        ("unknown-subset", _) => Topic::Reference("SubsetNotFound"),
        ("unknown-provider", _) => Topic::Reference("ProviderNotFound"),
        ("unusable-provider", _) => Topic::Reference("ProviderUnusable"),
        ("missing-keys", _) => Topic::Reference("KeysNotFetched"),
        (
            "conflicting-hosts"
            | "conflicting-routes"
            | "conflicting-policies"
            | "conflicting-subsets"
            | "conflicting-sidecars"
            | "port-conflict",
            _,
        ) => Topic::Conflict,
        (
            "selects-nothing"
            | "unknown-workload"
            | "unknown-account"
            | "port-taken"
            | "without-certificate"
            | "requests-only"
            | "conflicting-tls"
            | "missing-request-authentication",
            _,
        )
        | (_, Severity::Info) => Topic::Elsewhere,
        (_, Severity::Warning) => Topic::Itself,
    }
}
