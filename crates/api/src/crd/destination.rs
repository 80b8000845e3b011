//! `networking.istio.io` Destination and PortSelector.

use super::schema::{Schema, may, must, object, string, uint32};

/// Instances of a host.
pub fn destination() -> Schema {
    object([
        must("host", "Host, as a DNS name.", string()),
        may("subset", "Subset; empty = all instances.", string()),
        may(
            "port",
            "Port; absent = the only one of the host.",
            port_selector(),
        ),
    ])
}

/// A port by its number.
pub fn port_selector() -> Schema {
    object([may("number", "Its number.", uint32())])
}
