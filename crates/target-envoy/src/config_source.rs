//! Where Envoy gets a resource from.

use std::time::Duration;

use ferromesh_envoy as envoy;

/// The aggregated stream. `wait` is how long the resource may be missing before whatever asks
/// for it starts without; zero = for ever.
pub(crate) fn ads(wait: Duration) -> envoy::core::ConfigSource {
    envoy::core::ConfigSource {
        resource_api_version: envoy::core::ApiVersion::V3 as i32,
        initial_fetch_timeout: Some(envoy::duration(wait)),
        config_source_specifier: Some(envoy::core::config_source::ConfigSourceSpecifier::Ads(
            envoy::core::AggregatedConfigSource {},
        )),
        ..Default::default()
    }
}
