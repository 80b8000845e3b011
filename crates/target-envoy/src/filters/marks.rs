//! Marks requests as such for servers of the mesh, which tell them from other connections by what
//! the client's TLS offers to speak.
//!
//! A cluster that is used for both offers what stands for connections; its metadata says what
//! stands for requests.

use ferromesh_envoy as envoy;

use envoy::filter_state::FilterStateValue;
use envoy::filter_state::filter_state_value::{Key, SharedWithUpstream, Value};

/// The metadata of a cluster under which the marks for requests are.
pub(crate) const METADATA: (&str, &str) = ("istio", "alpn");

/// The filter.
pub(super) fn filter() -> envoy::http_set_filter_state::Config {
    let (namespace, key) = METADATA;
    let format = envoy::core::SubstitutionFormatString {
        format: Some(
            envoy::core::substitution_format_string::Format::TextFormatSource(
                envoy::core::DataSource {
                    specifier: Some(envoy::core::data_source::Specifier::InlineString(format!(
                        "%METADATA(CLUSTER:{namespace}:{key})%"
                    ))),
                    ..Default::default()
                },
            ),
        ),
        omit_empty_values: true,
        ..Default::default()
    };
    envoy::http_set_filter_state::Config {
        on_request_headers: vec![FilterStateValue {
            key: Some(Key::ObjectKey(
                "envoy.network.application_protocols".to_owned(),
            )),
            value: Some(Value::FormatString(format)),
            shared_with_upstream: SharedWithUpstream::Once as i32,
            skip_if_empty: true,
            ..Default::default()
        }],
        ..Default::default()
    }
}
