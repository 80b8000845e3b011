//! Envoy's dynamic forward proxy, for hosts that nobody declares where no connection is captured:
//! the name in the authority is resolved when a request needs it. A filter does that before the
//! request is forwarded, and a cluster picks the address up; they meet in a cache.

use std::collections::BTreeMap;

use ferromesh_envoy as envoy;

use envoy::cluster::cluster::{ClusterDiscoveryType, CustomClusterType, DnsLookupFamily};
use envoy::core::header_value_option::HeaderAppendAction;

use crate::filters::http::HttpFilter;

/// The name of the cache. Envoy refuses other settings under a name that is in use, so these
/// depend on nothing.
const CACHE: &str = "ferromesh";

/// How many names Envoy remembers; requests to more of them at a time get 503.
const MOST_HOSTS: u32 = 1024;

/// Carries an authority with its port to the filter.
const AUTHORITY: &str = "x-ferromesh-authority";

fn cache() -> envoy::dns_cache::DnsCacheConfig {
    envoy::dns_cache::DnsCacheConfig {
        name: CACHE.to_owned(),
        // As for clusters that are resolved by DNS.
        dns_lookup_family: DnsLookupFamily::V4Preferred as i32,
        max_hosts: Some(MOST_HOSTS),
        ..Default::default()
    }
}

/// The type of the cluster.
pub(crate) fn cluster_type() -> ClusterDiscoveryType {
    use envoy::forward_proxy_cluster::cluster_config::ClusterImplementationSpecifier;
    let config = envoy::forward_proxy_cluster::ClusterConfig {
        // They are about TLS, which is not spoken here.
        allow_insecure_cluster_options: true,
        cluster_implementation_specifier: Some(ClusterImplementationSpecifier::DnsCacheConfig(
            cache(),
        )),
        ..Default::default()
    };
    ClusterDiscoveryType::ClusterType(CustomClusterType {
        name: "envoy.clusters.dynamic_forward_proxy".to_owned(),
        typed_config: Some(envoy::any(&config)),
    })
}

/// The filter. Requests that go to other clusters pass it untouched.
pub(crate) fn filter() -> envoy::forward_proxy::FilterConfig {
    use envoy::forward_proxy::filter_config::ImplementationSpecifier;
    envoy::forward_proxy::FilterConfig {
        implementation_specifier: Some(ImplementationSpecifier::DnsCacheConfig(cache())),
        ..Default::default()
    }
}

/// A route whose requests name no port, so that the filter would take 80, goes to this one: it
/// becomes part of the authority, where a server on that port expects it.
pub(crate) fn with_port(route: envoy::route::Route, port: u16) -> envoy::route::Route {
    use envoy::forward_proxy::per_route_config::HostRewriteSpecifier;
    // The authority can't be changed by a format; but the filter can take it from a header.
    let append = envoy::mutation_rules::header_mutation::Action::Append(header(
        AUTHORITY,
        format!("%REQ(:AUTHORITY)%:{port}"),
    ));
    let mutation = envoy::header_mutation::HeaderMutationPerRoute {
        mutations: Some(envoy::header_mutation::Mutations {
            request_mutations: vec![envoy::mutation_rules::HeaderMutation {
                action: Some(append),
            }],
            ..Default::default()
        }),
    };
    let rewrite = envoy::forward_proxy::PerRouteConfig {
        host_rewrite_specifier: Some(HostRewriteSpecifier::HostRewriteHeader(
            AUTHORITY.to_owned(),
        )),
    };
    envoy::route::Route {
        typed_per_filter_config: BTreeMap::from([
            (HttpFilter::HeaderMutation.name(), envoy::any(&mutation)),
            (HttpFilter::ForwardProxy.name(), envoy::any(&rewrite)),
        ]),
        request_headers_to_remove: vec![AUTHORITY.to_owned()],
        ..route
    }
}

/// Sets a header to what a format says.
pub(crate) fn header(name: &str, format: String) -> envoy::core::HeaderValueOption {
    envoy::core::HeaderValueOption {
        header: Some(envoy::core::HeaderValue {
            key: name.to_owned(),
            value: format,
            ..Default::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
        ..Default::default()
    }
}
