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

/// The cluster of the agent in Envoy's bootstrap, in Istio's word.
const AGENT: &str = "sds-grpc";

/// The agent, for secrets. `wait` as above.
pub(crate) fn agent(wait: Duration) -> envoy::core::ConfigSource {
    use envoy::core::api_config_source::ApiType;
    use envoy::core::config_source::ConfigSourceSpecifier;
    use envoy::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
    let service = envoy::core::GrpcService {
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
            cluster_name: AGENT.to_owned(),
            ..Default::default()
        })),
        ..Default::default()
    };
    let source = envoy::core::ApiConfigSource {
        api_type: ApiType::Grpc as i32,
        transport_api_version: envoy::core::ApiVersion::V3 as i32,
        grpc_services: vec![service],
        set_node_on_first_message_only: true,
        ..Default::default()
    };
    envoy::core::ConfigSource {
        resource_api_version: envoy::core::ApiVersion::V3 as i32,
        initial_fetch_timeout: Some(envoy::duration(wait)),
        config_source_specifier: Some(ConfigSourceSpecifier::ApiConfigSource(source)),
        ..Default::default()
    }
}
