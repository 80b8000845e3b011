//! Messages of a rule of a VirtualService: headers, redirects, answers, rewriting, faults,
//! copies and CORS.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Destination, Percent, StringMatch};

/// Changes to headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpHeaders {
    /// On the way to the backend.
    pub request: HeaderOperations,
    /// On the way back.
    pub response: HeaderOperations,
}

/// Changes to the headers of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeaderOperations {
    /// Overwrites.
    pub set: BTreeMap<String, String>,
    /// Appends.
    pub add: BTreeMap<String, String>,
    /// Removes.
    pub remove: Vec<String>,
}

/// An answer that sends the client elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRedirect {
    /// The new path; empty = unchanged.
    pub uri: String,
    /// Or what replaces the matched prefix; empty = unchanged.
    pub prefix_rewrite: String,
    /// The new authority; empty = unchanged.
    pub authority: String,
    /// The new port.
    pub port: Option<u32>,
    /// Or how to find it.
    pub derive_port: Option<DerivePort>,
    /// The new scheme; empty = unchanged.
    pub scheme: String,
    /// Status; 0 = 301.
    pub redirect_code: u32,
}

/// How to find the port of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DerivePort {
    /// 80 for HTTP, 443 for HTTPS.
    FromProtocolDefault,
    /// The port that the client addressed.
    FromRequestPort,
}

/// A fixed answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpDirectResponse {
    /// Status.
    pub status: u32,
    /// Body; absent = none.
    #[serde(default)]
    pub body: HttpBody,
}

/// The body of a fixed answer; at most one of the fields is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpBody {
    /// Text.
    pub string: Option<String>,
    /// Bytes, in base64.
    pub bytes: Option<String>,
}

/// Rewriting before forwarding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRewrite {
    /// What replaces the matched part of the path; empty = unchanged.
    pub uri: String,
    /// The new authority; empty = unchanged.
    pub authority: String,
    /// Or a replacement in the path.
    pub uri_regex_rewrite: Option<RegexRewrite>,
}

/// A replacement by regular expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegexRewrite {
    /// The expression, in RE2 syntax.
    #[serde(rename = "match")]
    pub matches: String,
    /// The replacement, with `\1` references.
    pub rewrite: String,
}

/// Injected faults.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpFault {
    /// A wait before forwarding.
    pub delay: Option<FaultDelay>,
    /// An answer instead of forwarding.
    pub abort: Option<FaultAbort>,
}

/// A wait before forwarding.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FaultDelay {
    /// The share in whole percent (deprecated).
    pub percent: i32,
    /// The share; absent = `percent`.
    pub percentage: Option<Percent>,
    /// How long, a duration of at least 1 ms.
    pub fixed_delay: Option<String>,
    /// A mean (never implemented by Istio).
    pub exponential_delay: Option<String>,
}

/// An answer instead of forwarding.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FaultAbort {
    /// The share; absent = none.
    pub percentage: Option<Percent>,
    /// An HTTP status.
    pub http_status: Option<i32>,
    /// Or a gRPC status by name.
    pub grpc_status: Option<String>,
    /// Or an HTTP/2 error (never implemented by Istio).
    pub http2_error: Option<String>,
}

/// A copy of requests.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpMirror {
    /// Where to.
    pub destination: Destination,
    /// For which share; absent = all.
    #[serde(default)]
    pub percentage: Option<Percent>,
}

/// Cross-origin resource sharing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CorsPolicy {
    /// Origins that are allowed, literally (deprecated).
    pub allow_origin: Vec<String>,
    /// Origins that are allowed.
    pub allow_origins: Vec<StringMatch>,
    /// `access-control-allow-methods`.
    pub allow_methods: Vec<String>,
    /// `access-control-allow-headers`.
    pub allow_headers: Vec<String>,
    /// `access-control-expose-headers`.
    pub expose_headers: Vec<String>,
    /// `access-control-max-age`, a duration of whole seconds; absent = header absent.
    pub max_age: Option<String>,
    /// `access-control-allow-credentials`; absent = header absent.
    pub allow_credentials: Option<bool>,
    /// What happens to a preflight whose origin is not allowed.
    pub unmatched_preflights: UnmatchedPreflights,
}

/// What happens to a preflight whose origin is not allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnmatchedPreflights {
    /// As `Forward`.
    #[default]
    Unspecified,
    /// It goes to the backend.
    Forward,
    /// It is answered without CORS headers.
    Ignore,
}
