//! `security.istio.io` PeerAuthentication.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::MatchLabels;
use crate::part::Part;

/// Which connections workloads take.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerAuthentication {
    /// Workloads; absent = all of the namespace.
    pub selector: Option<Part<MatchLabels>>,
    /// For all ports; absent = inherited.
    pub mtls: Option<Part<MutualTls>>,
    /// By port of the workload; only beside `selector`.
    pub port_level_mtls: Option<BTreeMap<String, Part<MutualTls>>>,
}

/// Which connections a port takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MutualTls {
    /// How.
    pub mode: MutualTlsMode,
}

/// Which connections a port takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MutualTlsMode {
    /// As a wider policy says; permissive without any.
    #[default]
    Unset,
    /// Those without the mesh's TLS.
    Disable,
    /// All.
    Permissive,
    /// Those with the mesh's TLS and a certificate.
    Strict,
}
