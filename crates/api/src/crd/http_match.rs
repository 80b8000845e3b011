//! `networking.istio.io` HTTPMatchRequest.

use super::schema::{Field, Schema, boolean, list, map, may, object, string, uint32};
use super::string_match::string_match;

/// What a request must look like; all fields must hold.
pub fn http_match() -> Schema {
    let request = [
        may("name", "Name, appended to the rule's.", string()),
        may("uri", "The path without its query.", string_match()),
        may(
            "ignoreUriCase",
            "Whether case is ignored in uri.",
            boolean(),
        ),
        may("scheme", "The scheme.", string_match()),
        may("method", "The method.", string_match()),
        may("authority", "The authority.", string_match()),
        may(
            "headers",
            "Headers; an empty match = the header is there.",
            map(string_match()),
        ),
        may(
            "withoutHeaders",
            "Headers that must not match.",
            map(string_match()),
        ),
        may("queryParams", "Query parameters.", map(string_match())),
        may(
            "statPrefix",
            "Prefix of statistics; empty = none.",
            string(),
        ),
    ];
    object(request.into_iter().chain(client()))
}

/// What every kind of match says of the client, and of what it addressed.
pub fn client() -> [Field; 4] {
    [
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
    ]
}
