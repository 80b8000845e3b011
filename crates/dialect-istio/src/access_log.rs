//! Access logs of the mesh configuration.

use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::access_log::{AccessLog, AccessLogFormat};
use serde_json::Value;

use crate::effect;

/// The access log that the mesh configuration at the path `at` asks for.
pub fn lower(config: &istio::MeshConfig, at: &Path<'_>, remarks: &mut Remarks) -> AccessLog {
    let format_field = at.field("accessLogFormat");
    let format = match config.access_log_encoding {
        istio::AccessLogEncoding::Text => lower_text(&config.access_log_format),
        istio::AccessLogEncoding::Json => {
            lower_json(&config.access_log_format, &format_field, remarks)
        }
    };
    if config.access_log_file.is_empty() {
        if !config.access_log_format.is_empty() {
            effect::none(&format_field, "accessLogFile is empty", remarks);
        }
        return AccessLog::Off;
    }
    AccessLog::File {
        path: Arc::from(config.access_log_file.as_str()),
        format,
    }
}

/// A line that does not end with a line break gets one, as in Istio.
fn lower_text(format: &str) -> AccessLogFormat {
    match format {
        "" => AccessLogFormat::DefaultText,
        line if line.ends_with('\n') => AccessLogFormat::Text(Arc::from(line)),
        line => AccessLogFormat::Text(Arc::from(format!("{line}\n"))),
    }
}

/// What is not a JSON object is not used, as in Istio.
fn lower_json(format: &str, at: &Path<'_>, remarks: &mut Remarks) -> AccessLogFormat {
    if format.is_empty() {
        return AccessLogFormat::DefaultJson;
    }
    let Ok(Value::Object(fields)) = serde_json::from_str(format) else {
        remarks
            .warning(
                at,
                "invalid-access-log-format",
                "is not a JSON object: the default format is used",
            )
            .advise("write an object of strings, such as {\"path\": \"%REQ(:PATH)%\"}");
        return AccessLogFormat::DefaultJson;
    };
    let mut lowered = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                remarks.warning(
                    at,
                    "no-effect-yet",
                    format!("field {name:?} has no effect yet: only strings are logged"),
                );
                continue;
            }
        };
        lowered.push((Arc::from(name), Arc::from(text)));
    }
    AccessLogFormat::Json(lowered)
}
