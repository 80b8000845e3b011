//! `networking.istio.io` TLSRoute and TCPRoute.

use super::destination::destination;
use super::http_match::client;
use super::schema::{Schema, int32, list, may, must, object, string};

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
    let connection = [
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
    ];
    object(connection.into_iter().chain(client()))
}

fn l4_match() -> Schema {
    let connection = [
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
    ];
    object(connection.into_iter().chain(client()))
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
