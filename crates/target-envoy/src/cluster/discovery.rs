//! How the instances of a cluster are found.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::cluster::cluster::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily};
use mesh::name::Locality;
use mesh::policy::load_balancer::{Algorithm, LoadBalancer};
use mesh::view::cluster::{AppAddress, ClusterName, Discovery, DnsInstance};

use super::SHORTEST;
use crate::{config_source, endpoints, forward_proxy};

/// A time that never comes, for the cleaning up of a workload's own addresses (protobuf's
/// longest duration is 10 000 years; Envoy counts it in milliseconds).
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A cluster with everything that follows from its discovery.
pub(super) fn cluster(
    rendered: &str,
    name: &ClusterName,
    discovery: &Discovery,
    balancer: &LoadBalancer,
) -> envoy::cluster::Cluster {
    if balancer.algorithm == Algorithm::Passthrough && *discovery != Discovery::Nothing {
        return original(name, &[]);
    }
    match discovery {
        Discovery::Endpoints => by_endpoints(rendered),
        Discovery::Original { sources } => original(name, sources),
        Discovery::Static { address, source } => fixed(rendered, address, *source),
        Discovery::Dns {
            targets,
            round_robin,
            refresh,
        } => by_dns(rendered, targets, *round_robin, *refresh),
        Discovery::Named => envoy::cluster::Cluster {
            cluster_discovery_type: Some(forward_proxy::cluster_type()),
            ..Default::default()
        },
        Discovery::Nothing => of_type(DiscoveryType::Static),
    }
}

fn of_type(kind: DiscoveryType) -> envoy::cluster::Cluster {
    envoy::cluster::Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind as i32)),
        ..Default::default()
    }
}

fn by_endpoints(rendered: &str) -> envoy::cluster::Cluster {
    envoy::cluster::Cluster {
        eds_cluster_config: Some(envoy::cluster::cluster::EdsClusterConfig {
            // No limit: were there one, a cluster whose endpoints are late would replace a
            // working one without any.
            eds_config: Some(config_source::ads(Duration::ZERO)),
            service_name: rendered.to_owned(),
        }),
        ..of_type(DiscoveryType::Eds)
    }
}

fn original(name: &ClusterName, sources: &[IpAddr]) -> envoy::cluster::Cluster {
    envoy::cluster::Cluster {
        // The only addresses of an inbound cluster are the workload's own: forgetting one cuts
        // idle connections to the app for nothing.
        cleanup_interval: match name {
            ClusterName::Inbound { .. } => Some(envoy::duration(NEVER)),
            ClusterName::Outbound { .. }
            | ClusterName::Passthrough
            | ClusterName::BlackHole
            | ClusterName::InboundPassthrough => None,
        },
        upstream_bind_config: bind(sources),
        ..of_type(DiscoveryType::OriginalDst)
    }
}

/// Of several source addresses Envoy takes the one of the family of where it connects to.
fn bind(sources: &[IpAddr]) -> Option<envoy::core::BindConfig> {
    let mut sources = sources.iter().map(|source| envoy::core::SocketAddress {
        address: source.to_string(),
        port_specifier: Some(envoy::core::socket_address::PortSpecifier::PortValue(0)),
        ..Default::default()
    });
    let first = sources.next()?;
    Some(envoy::core::BindConfig {
        source_address: Some(first),
        extra_source_addresses: sources
            .map(|address| envoy::core::ExtraSourceAddress {
                address: Some(address),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    })
}

fn fixed(rendered: &str, address: &AppAddress, source: Option<IpAddr>) -> envoy::cluster::Cluster {
    let address = match address {
        AppAddress::Tcp(socket) => {
            endpoints::socket_address(&socket.ip().to_string(), socket.port())
        }
        AppAddress::Unix(path) => envoy::core::Address {
            address: Some(envoy::core::address::Address::Pipe(envoy::core::Pipe {
                path: path.to_string(),
                ..Default::default()
            })),
        },
    };
    let app = endpoints::lb_endpoint(address, envoy::core::HealthStatus::Unknown, 1);
    envoy::cluster::Cluster {
        load_assignment: Some(envoy::endpoint::ClusterLoadAssignment {
            cluster_name: rendered.to_owned(),
            endpoints: vec![envoy::endpoint::LocalityLbEndpoints {
                lb_endpoints: vec![app],
                ..Default::default()
            }],
            ..Default::default()
        }),
        upstream_bind_config: bind(source.as_slice()),
        ..of_type(DiscoveryType::Static)
    }
}

#[expect(
    deprecated,
    reason = "the successor, a cluster extension, is unknown to older Envoys and to tools"
)]
fn by_dns(
    rendered: &str,
    targets: &[DnsInstance],
    round_robin: bool,
    refresh: Duration,
) -> envoy::cluster::Cluster {
    // Envoy refuses the type that uses one answer at a time unless there is one name.
    let kind = if round_robin && targets.len() == 1 {
        DiscoveryType::LogicalDns
    } else {
        DiscoveryType::StrictDns
    };
    envoy::cluster::Cluster {
        load_assignment: Some(envoy::endpoint::ClusterLoadAssignment {
            cluster_name: rendered.to_owned(),
            endpoints: localities(targets),
            ..Default::default()
        }),
        // A shared view cannot know the families of one proxy, and IPv6 first would fail where
        // there is none.
        dns_lookup_family: DnsLookupFamily::V4Preferred as i32,
        dns_refresh_rate: Some(envoy::duration(refresh.max(2 * SHORTEST))),
        respect_dns_ttl: true,
        ..of_type(kind)
    }
}

fn localities(targets: &[DnsInstance]) -> Vec<envoy::endpoint::LocalityLbEndpoints> {
    let mut groups: BTreeMap<(u32, &Locality), Vec<&DnsInstance>> = BTreeMap::new();
    for target in targets {
        groups
            .entry((target.priority, &target.locality))
            .or_default()
            .push(target);
    }
    groups
        .into_iter()
        .map(
            |((priority, locality), members)| envoy::endpoint::LocalityLbEndpoints {
                locality: endpoints::locality(locality),
                priority,
                load_balancing_weight: Some(members.iter().fold(0_u32, |sum, member| {
                    sum.saturating_add(member.weight.max(1))
                })),
                lb_endpoints: members.into_iter().map(instance).collect(),
                ..Default::default()
            },
        )
        .collect()
}

fn instance(instance: &DnsInstance) -> envoy::endpoint::LbEndpoint {
    let DnsInstance {
        address,
        port,
        locality: _,
        weight,
        priority: _,
    } = instance;
    endpoints::lb_endpoint(
        endpoints::socket_address(address, *port),
        envoy::core::HealthStatus::Unknown,
        *weight,
    )
}
