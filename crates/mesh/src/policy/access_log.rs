//! Access logs.

use std::sync::Arc;

/// Where and how a proxy logs requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccessLog {
    /// Not at all (`accessLogFile: ""`).
    Off,
    /// To a file or `/dev/stdout`.
    File {
        /// Path.
        path: Arc<str>,
        /// Format.
        format: AccessLogFormat,
    },
}

/// The format of an access log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccessLogFormat {
    /// Istio's default line of text.
    DefaultText,
    /// Istio's default JSON object.
    DefaultJson,
    /// A line in Envoy's format language.
    Text(Arc<str>),
    /// A JSON object: field and its format, in the author's order.
    Json(Vec<(Arc<str>, Arc<str>)>),
}
