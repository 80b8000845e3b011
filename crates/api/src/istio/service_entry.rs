//! `networking.istio.io` ServiceEntry.

use serde::Deserialize;

use super::{WorkloadEntry, WorkloadLabels};
use crate::part::Part;

/// A name that Kubernetes does not know.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEntry {
    /// DNS names, perhaps wildcards; at least one.
    pub hosts: Vec<String>,
    /// Virtual addresses, or blocks of them.
    pub addresses: Vec<String>,
    /// Ports.
    pub ports: Vec<Part<ServicePort>>,
    /// Whether it is outside of the mesh.
    pub location: Location,
    /// How its instances are found.
    pub resolution: Resolution,
    /// Its instances; not beside `workloadSelector`.
    pub endpoints: Vec<Part<WorkloadEntry>>,
    /// Workloads of the namespace that are its instances.
    pub workload_selector: Option<WorkloadLabels>,
    /// Who may see it; empty = as the mesh configuration says.
    pub export_to: Vec<String>,
    /// Names that the instances' certificates must have one of.
    pub subject_alt_names: Vec<String>,
}

/// A port of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Number; required.
    pub number: u32,
    /// What is spoken; empty = it is detected.
    pub protocol: String,
    /// Name; required.
    pub name: String,
    /// Port of the instances; absent or 0 = `number`.
    pub target_port: u32,
}

/// Whether a service is outside of the mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Location {
    /// It is.
    #[default]
    MeshExternal,
    /// It is not.
    MeshInternal,
}

/// How the instances of a service are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Resolution {
    /// The address that the client asked for.
    #[default]
    None,
    /// By the addresses of `endpoints` or of the selected workloads.
    Static,
    /// By DNS, all answers.
    Dns,
    /// By DNS, one answer at a time.
    DnsRoundRobin,
    /// By DNS of the name that each request asks for.
    DynamicDns,
}
