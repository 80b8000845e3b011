//! `networking.istio.io` TLSRoute and TCPRoute.

use super::destination::destination;
use super::schema::{Schema, int32, list, map, may, must, object, string, uint32};

/// A rule for TLS that is not terminated.
pub fn tls_route() -> Schema {
    object([
        must("match", "Alternatives.", list(tls_match())),
        may("route", "Where connections go.", list(route_destination())),
    ])
}

/// A rule for connections.
pub fn tcp_route() -> Schema {
    object([
        may(
            "match",
            "Alternatives; none = everything matches.",
            list(l4_match()),
        ),
        may("route", "Where connections go.", list(route_destination())),
    ])
}

fn tls_match() -> Schema {
    object([
        must(
            "sniHosts",
            "Server names, possibly wildcards.",
            list(string()),
        ),
        may(
            "destinationSubnets",
            "Networks that the client addressed.",
            list(string()),
        ),
        may(
            "port",
            "The port that the client addressed; 0 = any.",
            uint32(),
        ),
        may(
            "sourceLabels",
            "Labels that the client must have.",
            map(string()),
        ),
        may(
            "sourceNamespace",
            "The client's namespace; empty = any.",
            string(),
        ),
        may(
            "gateways",
            "Gateways at which it counts; none = those of the VirtualService.",
            list(string()),
        ),
    ])
}

fn l4_match() -> Schema {
    object([
        may(
            "destinationSubnets",
            "Networks that the client addressed.",
            list(string()),
        ),
        may(
            "sourceSubnet",
            "Without effect: Istio never implemented it.",
            string(),
        ),
        may(
            "port",
            "The port that the client addressed; 0 = any.",
            uint32(),
        ),
        may(
            "sourceLabels",
            "Labels that the client must have.",
            map(string()),
        ),
        may(
            "sourceNamespace",
            "The client's namespace; empty = any.",
            string(),
        ),
        may(
            "gateways",
            "Gateways at which it counts; none = those of the VirtualService.",
            list(string()),
        ),
    ])
}

fn route_destination() -> Schema {
    object([
        must("destination", "Where to.", destination()),
        may(
            "weight",
            "The share, relative to the sum of all; without effect on a single one.",
            int32(),
        ),
    ])
}
