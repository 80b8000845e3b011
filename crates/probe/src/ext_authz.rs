//! The filters that ask an external authorizer.
//!
//! Nobody is asked here: that it decides is the verdict, unless a later filter denies anyway.

use envoy::core::GrpcService;
use envoy::core::grpc_service::TargetSpecifier;
use envoy::core::http_uri::HttpUpstreamType;
use envoy::ext_authz::ext_authz::Services;
use envoy::matcher::MetadataMatcher;
use ferromesh_envoy as envoy;

use crate::answer::unknown;
use crate::metadata;
use crate::traffic::Traffic;
use crate::verdict::{Outcome, Verdict};

/// The filter of connections.
pub(crate) fn connection(
    filter: &str,
    config: &envoy::network_ext_authz::ExtAuthz,
    traffic: &Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    if config.shadow_mode || !is_asked(config.filter_enabled_metadata.as_ref(), traffic)? {
        return Ok(());
    }
    ask(filter, config.grpc_service.as_ref().and_then(grpc), verdict)
}

/// The filter of requests.
pub(crate) fn request(
    filter: &str,
    config: &envoy::ext_authz::ExtAuthz,
    traffic: &Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    if config.filter_enabled.is_some() || config.deny_at_disable.is_some() {
        return Err(unknown(format!("whether {filter} is enabled")));
    }
    if config.shadow_mode || !is_asked(config.filter_enabled_metadata.as_ref(), traffic)? {
        return Ok(());
    }
    let provider = match &config.services {
        Some(Services::GrpcService(service)) => grpc(service),
        Some(Services::HttpService(service)) => {
            let server = service.server_uri.as_ref();
            let upstream = server.and_then(|uri| uri.http_upstream_type.as_ref());
            upstream.map(|HttpUpstreamType::Cluster(cluster)| &**cluster)
        }
        None => None,
    };
    ask(filter, provider, verdict)
}

/// Whether metadata says so; without a matcher it is always asked.
fn is_asked(matcher: Option<&MetadataMatcher>, traffic: &Traffic<'_>) -> Result<bool, Outcome> {
    match matcher {
        None => Ok(true),
        Some(matcher) => metadata::matches(matcher, &traffic.metadata).decided(),
    }
}

fn grpc(service: &GrpcService) -> Option<&str> {
    match &service.target_specifier {
        Some(TargetSpecifier::EnvoyGrpc(envoy)) => Some(&envoy.cluster_name),
        _ => None,
    }
}

fn ask(filter: &str, provider: Option<&str>, verdict: &mut Verdict) -> Result<(), Outcome> {
    let Some(provider) = provider else {
        return Err(unknown(format!("whom {filter} asks")));
    };
    verdict.note(filter, format!("asks {provider}"));
    verdict.asks(provider.to_owned());
    Ok(())
}
