//! `networking.istio.io` PortSelector.

use serde::Deserialize;

/// A port of a service, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PortSelector {
    /// The number, 1 to 65535; absent = 0, which is refused.
    pub number: u32,
}
