//! `networking.istio.io` Destination.

use serde::Deserialize;

use super::PortSelector;

/// A service, perhaps narrowed to a subset and a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// The service, by short or full name.
    pub host: String,
    /// The subset, as a DestinationRule names it; empty = all instances.
    #[serde(default)]
    pub subset: String,
    /// The port; absent = the only one of the service.
    #[serde(default)]
    pub port: Option<PortSelector>,
}
