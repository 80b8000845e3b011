//! Who asks: a proxy, reduced to what matters for its configuration.

use std::net::IpAddr;

use ferromesh_mesh::name::WorkloadName;

/// A proxy. What it *is* (labels, locality, node …) comes from the workload of that name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proxy {
    /// The workload beside which it runs.
    pub workload: WorkloadName,
    /// How it gets its traffic.
    pub interception: Interception,
    /// Where it finds the virtual hosts of its route tables.
    pub tables: Tables,
    /// Where it finds its certificate.
    pub certificates: Certificates,
}

/// Where a proxy finds its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certificates {
    /// Its agent serves it (SDS).
    Sds,
    /// Nowhere, as it says itself: it neither speaks nor demands the mesh's TLS.
    None,
}

/// How a proxy gets its traffic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interception {
    /// By redirection; the client's address is lost.
    Redirect,
    /// By transparent proxying inbound; the client's address is kept.
    Tproxy,
    /// Not at all: everything is bound.
    None(Bound),
}

/// The addresses of a proxy without interception.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bound {
    /// Where inbound traffic arrives: the workload's own address.
    pub inbound: IpAddr,
    /// Where the app listens.
    pub app: IpAddr,
    /// Where the app finds its outbound listeners.
    pub outbound: IpAddr,
    /// The HTTP proxy port on the outbound address; `None` = no such listener.
    pub http_proxy_port: Option<u16>,
}

/// Where a proxy finds the virtual hosts of its route tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tables {
    /// As resources of their own (VHDS): only over delta xDS.
    Separate,
    /// In the tables: over state-of-the-world xDS.
    Inline,
}
