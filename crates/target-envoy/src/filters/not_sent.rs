//! What a server's proxy says of a request that it could not send to its application, because that does not accept
//! connections: the client's proxy may send it to another instance, whatever it asks for.
//!
//! Without it the client could not tell it from an application's own 503, so `connect-failure` would not cover it: an
//! application that ends a moment before everybody knows would cost requests.

use ferromesh_envoy as envoy;

use envoy::accesslog::access_log_filter::FilterSpecifier;
use envoy::hcm::{LocalReplyConfig, ResponseMapper};

use crate::forward_proxy::header;

/// The header. An application that sets it harms its own callers only.
pub(crate) const HEADER: &str = "x-ferromesh-not-sent";

/// Envoy's flag for it: the last attempt has found no connection, and whatever was sent before is not tried again.
const CONNECTION_FAILURE: &str = "UF";

/// The answers of a server's proxy itself.
pub(super) fn local_replies() -> LocalReplyConfig {
    let failed = envoy::accesslog::ResponseFlagFilter {
        flags: vec![CONNECTION_FAILURE.to_owned()],
    };
    LocalReplyConfig {
        mappers: vec![ResponseMapper {
            filter: Some(envoy::accesslog::AccessLogFilter {
                filter_specifier: Some(FilterSpecifier::ResponseFlagFilter(failed)),
            }),
            headers_to_add: vec![header(HEADER, "true".to_owned())],
            ..Default::default()
        }],
        ..Default::default()
    }
}
