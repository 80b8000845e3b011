//! Messages of a rule of a VirtualService: headers, redirects, answers, rewriting, faults,
//! copies and CORS.

use super::destination::destination;
use super::schema::{
    Schema, boolean, choice, double, duration, int32, list, map, may, must, object, string, uint32,
};
use super::string_match::string_match;

/// `networking.istio.io` Percent.
pub fn percent() -> Schema {
    object([may("value", "In percent, 0 to 100.", double())])
}

/// Headers.
pub fn headers() -> Schema {
    object([
        may("request", "On the way to the backend.", header_operations()),
        may("response", "On the way back.", header_operations()),
    ])
}

fn header_operations() -> Schema {
    object([
        may("set", "Overwrites.", map(string())),
        may("add", "Appends.", map(string())),
        may("remove", "Removes.", list(string())),
    ])
}

/// HTTPRedirect.
pub fn redirect() -> Schema {
    let derive_port = choice(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]);
    object([
        may("uri", "The new path; empty = unchanged.", string()),
        may(
            "prefixRewrite",
            "Or what replaces the matched prefix; empty = unchanged.",
            string(),
        ),
        may(
            "authority",
            "The new authority; empty = unchanged.",
            string(),
        ),
        may("port", "The new port.", uint32()),
        may("derivePort", "Or how to find it.", derive_port),
        may("scheme", "The new scheme; empty = unchanged.", string()),
        may("redirectCode", "Status; 0 = 301.", uint32()),
    ])
    .one_of(["port", "derivePort"])
}

/// HTTPDirectResponse.
pub fn direct_response() -> Schema {
    let body = object([
        may("string", "As text.", string()),
        may("bytes", "Or as bytes, in base64.", string().format("byte")),
    ]);
    object([
        must("status", "Status.", uint32()),
        may(
            "body",
            "Body; absent = none.",
            body.one_of(["string", "bytes"]),
        ),
    ])
}

/// Delegate.
pub fn delegate() -> Schema {
    object([
        may("name", "Name of the VirtualService.", string()),
        may("namespace", "Its namespace; empty = the same.", string()),
    ])
}

/// HTTPRewrite.
pub fn rewrite() -> Schema {
    let regex = object([
        may("match", "The expression, in RE2 syntax.", string()),
        may(
            "rewrite",
            "The replacement, with references such as \\1.",
            string(),
        ),
    ]);
    object([
        may(
            "uri",
            "What replaces the matched part of the path; empty = unchanged.",
            string(),
        ),
        may(
            "authority",
            "The new authority; empty = unchanged.",
            string(),
        ),
        may("uriRegexRewrite", "Or a replacement in the path.", regex),
    ])
}

/// HTTPFaultInjection.
pub fn fault() -> Schema {
    let delay = object([
        may("percentage", "The share; absent = percent.", percent()),
        may("percent", "Deprecated: percentage.", int32()),
        may("fixedDelay", "How long.", duration()),
        may(
            "exponentialDelay",
            "Refused: Istio never implemented it.",
            duration(),
        ),
    ]);
    let abort = object([
        may("percentage", "The share; absent = none.", percent()),
        may("httpStatus", "An HTTP status.", int32()),
        may("grpcStatus", "Or a gRPC status by name.", string()),
        may(
            "http2Error",
            "Refused: Istio never implemented it.",
            string(),
        ),
    ]);
    object([
        may(
            "delay",
            "A wait before forwarding.",
            delay.one_of(["fixedDelay", "exponentialDelay"]),
        ),
        may(
            "abort",
            "An answer instead of forwarding.",
            abort.one_of(["httpStatus", "grpcStatus", "http2Error"]),
        ),
    ])
}

/// HTTPMirrorPolicy.
pub fn mirror() -> Schema {
    object([
        must("destination", "Where to.", destination()),
        may("percentage", "For which share; absent = all.", percent()),
    ])
}

/// CorsPolicy.
pub fn cors() -> Schema {
    object([
        may(
            "allowOrigins",
            "Origins that are allowed.",
            list(string_match()),
        ),
        may("allowOrigin", "Deprecated: allowOrigins.", list(string())),
        may(
            "allowMethods",
            "The header access-control-allow-methods.",
            list(string()),
        ),
        may(
            "allowHeaders",
            "The header access-control-allow-headers.",
            list(string()),
        ),
        may(
            "exposeHeaders",
            "The header access-control-expose-headers.",
            list(string()),
        ),
        may(
            "maxAge",
            "The header access-control-max-age, in whole seconds; absent = none.",
            duration(),
        ),
        may(
            "allowCredentials",
            "The header access-control-allow-credentials; absent = none.",
            boolean().nullable(),
        ),
        may(
            "unmatchedPreflights",
            "Whether a preflight whose origin is not allowed goes to the backend.",
            choice(["UNSPECIFIED", "FORWARD", "IGNORE"]),
        ),
    ])
}
