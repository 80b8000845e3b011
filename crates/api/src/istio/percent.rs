//! `networking.istio.io` Percent.

use serde::Deserialize;

/// A percentage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Percent {
    /// 0.0 to 100.0; absent = 0, as in protobuf.
    pub value: f64,
}
