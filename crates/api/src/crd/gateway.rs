//! `networking.istio.io` Gateway.

use super::definition::Definition;
use super::schema::{Presence, Schema, list, map, may, must, object, string, uint32};
use super::server_tls::server_tls;
use super::{NETWORKING, TRAFFIC};

/// The kind.
pub fn gateway() -> Definition {
    Definition {
        group: NETWORKING,
        kind: "Gateway",
        about: "What proxies at the edge listen on.",
        plural: "gateways",
        short_names: &["gw"],
        versions: TRAFFIC,
        columns: &[],
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    object([
        may(
            "selector",
            "Labels of the proxies that it is for.",
            map(string()),
        ),
        may("servers", "What they listen on.", list(server())),
    ])
}

fn server() -> Schema {
    object([
        must("port", "The port.", port()),
        must("hosts", "Hosts, as host or namespace/host.", list(string())),
        may("name", "Name, for statistics.", string()),
        may(
            "bind",
            "The IP address, or unix:///path; empty = all.",
            string(),
        ),
        may("tls", "TLS by the proxy.", server_tls()),
        may(
            "defaultEndpoint",
            "Without effect: Istio never implemented it.",
            string(),
        ),
    ])
}

fn port() -> Schema {
    object([
        must("number", "Number.", uint32()),
        must("protocol", "What is spoken.", string()),
        must("name", "Name.", string()),
        may("targetPort", "Deprecated, and without effect.", uint32()),
    ])
}
