//! Access logs, in Istio's formats.

use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::accesslog::access_log::ConfigType;
use envoy::accesslog::access_log_filter::FilterSpecifier;
use envoy::core::substitution_format_string::Format;
use envoy::file_log::file_access_log::AccessLogFormat as FileFormat;
use mesh::policy::access_log::{AccessLog, AccessLogFormat};

use crate::filters::authorization::Audit;

/// Istio's default line.
const DEFAULT_TEXT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% ",
    "%PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% ",
    "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% ",
    "%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" ",
    "\"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" ",
    "%UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% ",
    "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n",
);

/// Istio's default object.
const DEFAULT_JSON: [(&str, &str); 24] = [
    ("start_time", "%START_TIME%"),
    ("route_name", "%ROUTE_NAME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    (
        "connection_termination_details",
        "%CONNECTION_TERMINATION_DETAILS%",
    ),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    (
        "upstream_service_time",
        "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    ),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    (
        "upstream_transport_failure_reason",
        "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    ),
];

/// What Istio's formats lack at the server: who asked. (Which policy refused is in the details of
/// the response or of the connection's end.)
const PEER: (&str, &str) = ("downstream_peer_principal", "%DOWNSTREAM_PEER_URI_SAN%");

/// Who writes a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The proxy of who asks.
    Client,
    /// The proxy of who is asked, where this is audited.
    Server(Audit),
}

/// The logs of a connection manager or a TCP proxy. What is to be audited is logged in any case.
pub(crate) fn access_logs(log: &AccessLog, writer: Writer) -> Vec<envoy::accesslog::AccessLog> {
    let log = match (log, writer) {
        (AccessLog::Off, Writer::Server(Audit::Marked)) => file(&audit(), writer, Some(marked())),
        (log, _) => file(log, writer, None),
    };
    log.into_iter().collect()
}

/// Where audited requests are logged if nothing else is.
fn audit() -> AccessLog {
    AccessLog::File {
        path: Arc::from("/dev/stdout"),
        format: AccessLogFormat::DefaultText,
    }
}

/// What a policy that audits has marked.
fn marked() -> envoy::accesslog::AccessLogFilter {
    use envoy::matcher::metadata_matcher::PathSegment;
    use envoy::matcher::metadata_matcher::path_segment::Segment;
    use envoy::matcher::value_matcher::MatchPattern;
    let key = Segment::Key("access_log_hint".to_owned());
    let matcher = envoy::matcher::MetadataMatcher {
        filter: "envoy.common".to_owned(),
        path: vec![PathSegment { segment: Some(key) }],
        value: Some(envoy::matcher::ValueMatcher {
            match_pattern: Some(MatchPattern::BoolMatch(true)),
        }),
        invert: false,
    };
    envoy::accesslog::AccessLogFilter {
        filter_specifier: Some(FilterSpecifier::MetadataFilter(
            envoy::accesslog::MetadataFilter {
                matcher: Some(matcher),
                match_if_key_not_found: Some(false),
            },
        )),
    }
}

/// The logs of a listener: only connections that no filter chain takes, which nobody else logs.
pub(crate) fn listener_logs(log: &AccessLog, writer: Writer) -> Vec<envoy::accesslog::AccessLog> {
    let no_chain = envoy::accesslog::AccessLogFilter {
        filter_specifier: Some(FilterSpecifier::ResponseFlagFilter(
            envoy::accesslog::ResponseFlagFilter {
                flags: vec!["NR".to_owned()],
            },
        )),
    };
    file(log, writer, Some(no_chain)).into_iter().collect()
}

fn file(
    log: &AccessLog,
    writer: Writer,
    filter: Option<envoy::accesslog::AccessLogFilter>,
) -> Option<envoy::accesslog::AccessLog> {
    match log {
        AccessLog::Off => None,
        AccessLog::File { path, format } => {
            let config = envoy::file_log::FileAccessLog {
                path: path.to_string(),
                access_log_format: Some(FileFormat::LogFormat(substitution(format, writer))),
            };
            Some(envoy::accesslog::AccessLog {
                name: "envoy.access_loggers.file".to_owned(),
                filter,
                config_type: Some(ConfigType::TypedConfig(envoy::any(&config))),
            })
        }
    }
}

fn substitution(format: &AccessLogFormat, writer: Writer) -> envoy::core::SubstitutionFormatString {
    match (format, writer) {
        (AccessLogFormat::DefaultText, Writer::Client) => text(DEFAULT_TEXT),
        (AccessLogFormat::DefaultText, Writer::Server(_)) => {
            text(&format!("{} {}", DEFAULT_TEXT.trim_end(), PEER.1))
        }
        (AccessLogFormat::DefaultJson, Writer::Client) => json(DEFAULT_JSON),
        (AccessLogFormat::DefaultJson, Writer::Server(_)) => {
            json(DEFAULT_JSON.into_iter().chain([PEER]))
        }
        (AccessLogFormat::Text(format), _) => text(format),
        (AccessLogFormat::Json(fields), _) => json(fields.iter().map(pair)),
    }
}

fn pair((field, format): &(Arc<str>, Arc<str>)) -> (&str, &str) {
    (field, format)
}

/// Istio ends every line, whether the author did or not.
fn text(format: &str) -> envoy::core::SubstitutionFormatString {
    let end = if format.ends_with('\n') { "" } else { "\n" };
    envoy::core::SubstitutionFormatString {
        formatters: formatters(&[format]),
        format: Some(Format::TextFormatSource(envoy::core::DataSource {
            specifier: Some(envoy::core::data_source::Specifier::InlineString(format!(
                "{format}{end}"
            ))),
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn json<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> envoy::core::SubstitutionFormatString {
    let fields: Vec<_> = fields.into_iter().collect();
    let formats: Vec<_> = fields.iter().map(|(_, format)| *format).collect();
    let value = |format: &str| envoy::Value {
        kind: Some(envoy::value::Kind::StringValue(format.to_owned())),
    };
    envoy::core::SubstitutionFormatString {
        formatters: formatters(&formats),
        format: Some(Format::JsonFormat(envoy::Struct {
            fields: fields
                .into_iter()
                .map(|(field, format)| (field.to_owned(), value(format)))
                .collect(),
        })),
        ..Default::default()
    }
}

/// Operators that come by extension must be declared where they are used.
fn formatters(formats: &[&str]) -> Vec<envoy::core::TypedExtensionConfig> {
    let uses = |operator: &str| formats.iter().any(|format| format.contains(operator));
    let extension = |name: &str, config| envoy::core::TypedExtensionConfig {
        name: name.to_owned(),
        typed_config: Some(config),
    };
    let mut formatters = Vec::new();
    if uses("%REQ_WITHOUT_QUERY") {
        let config = envoy::any(&envoy::formatter::req_without_query::v3::ReqWithoutQuery {});
        formatters.push(extension("envoy.formatter.req_without_query", config));
    }
    if uses("%METADATA") {
        let config = envoy::any(&envoy::formatter::metadata::v3::Metadata {});
        formatters.push(extension("envoy.formatter.metadata", config));
    }
    if uses("%CEL") {
        let config = envoy::any(&envoy::formatter::cel::v3::Cel::default());
        formatters.push(extension("envoy.formatter.cel", config));
    }
    formatters
}
