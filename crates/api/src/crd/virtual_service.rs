//! `networking.istio.io` VirtualService.

use super::definition::{AGE, Column, Definition, column};
use super::destination::destination;
use super::http_match::http_match;
use super::http_policy::{
    cors, delegate, direct_response, fault, headers, mirror, percent, redirect, rewrite,
};
use super::http_retry::http_retry;
use super::l4_route::{tcp_route, tls_route};
use super::schema::{Presence, Schema, duration, int32, list, may, must, object, string, uint32};
use super::{NETWORKING, TRAFFIC};

/// The kind.
pub fn virtual_service() -> Definition {
    const COLUMNS: &[Column] = &[
        column(
            "Gateways",
            ".spec.gateways",
            "Gateways that it is bound to.",
        ),
        column("Hosts", ".spec.hosts", "Hosts whose traffic it routes."),
        AGE,
    ];
    Definition {
        group: NETWORKING,
        kind: "VirtualService",
        about: "How traffic to hosts is routed.",
        plural: "virtualservices",
        short_names: &["vs"],
        versions: TRAFFIC,
        columns: COLUMNS,
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    object([
        may(
            "hosts",
            "Hosts; none = this is a delegate of another VirtualService.",
            list(string()),
        ),
        may(
            "gateways",
            "Gateways that it is bound to; none, or mesh among them = the sidecars.",
            list(string()),
        ),
        may(
            "http",
            "Rules for HTTP; the first that matches counts.",
            list(http_route()),
        ),
        may(
            "tls",
            "Rules for TLS that is not terminated.",
            list(tls_route()),
        ),
        may("tcp", "Rules for everything else.", list(tcp_route())),
        may(
            "exportTo",
            "Namespaces that see it; none = as the mesh configuration says.",
            list(string()),
        ),
    ])
}

fn http_route() -> Schema {
    object([
        may("name", "Name, for logs and statistics.", string()),
        may(
            "match",
            "Alternatives; none = everything matches.",
            list(http_match()),
        ),
        may(
            "route",
            "Where requests are forwarded to.",
            list(http_route_destination()),
        ),
        may("redirect", "Or where clients are sent instead.", redirect()),
        may(
            "directResponse",
            "Or what is answered instead.",
            direct_response(),
        ),
        may(
            "delegate",
            "Or the VirtualService that decides.",
            delegate(),
        ),
        may("rewrite", "Rewriting before forwarding.", rewrite()),
        may("timeout", "Time limit; absent = none.", duration()),
        may(
            "retries",
            "Retries; absent = as the mesh configuration says.",
            http_retry(),
        ),
        may("fault", "Injected faults.", fault()),
        may("mirror", "Where copies go.", destination()),
        may(
            "mirrors",
            "Or where copies go, with their shares.",
            list(mirror()),
        ),
        may(
            "mirrorPercentage",
            "The share of mirror; absent = all.",
            percent(),
        ),
        may(
            "mirrorPercent",
            "Deprecated: mirrorPercentage.",
            uint32().nullable(),
        ),
        may(
            "mirror_percent",
            "Deprecated: mirrorPercentage.",
            uint32().nullable(),
        ),
        may("corsPolicy", "Cross-origin resource sharing.", cors()),
        may("headers", "Changes to headers.", headers()),
    ])
}

fn http_route_destination() -> Schema {
    object([
        must("destination", "Where to.", destination()),
        may(
            "weight",
            "The share, relative to the sum of all; without effect on a single one.",
            int32(),
        ),
        may("headers", "Changes to headers.", headers()),
    ])
}
