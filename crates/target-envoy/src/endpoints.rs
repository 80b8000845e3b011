//! The instances of a cluster.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::Message;
use mesh::decl::endpoints::EndpointState;
use mesh::decl::workload::PeerTls;
use mesh::name::Locality;
use mesh::view::endpoints::{ClusterEndpoint, ClusterEndpoints, EndpointGroup};

use crate::cluster::tls;
use crate::{Emitted, Kind, names};

/// The load assignment of a cluster.
pub(crate) fn emit(view: &ClusterEndpoints) -> Emitted {
    let ClusterEndpoints { cluster, groups } = view;
    let name = names::cluster(cluster);
    let assignment = envoy::endpoint::ClusterLoadAssignment {
        cluster_name: name.clone(),
        endpoints: groups.iter().map(group).collect(),
        ..Default::default()
    };
    Emitted {
        kind: Kind::Endpoints,
        name,
        aliases: Vec::new(),
        body: assignment.encode_to_vec(),
        refers_to: Vec::new(),
        eds: None,
    }
}

fn group(group: &EndpointGroup) -> envoy::endpoint::LocalityLbEndpoints {
    let EndpointGroup {
        locality,
        priority,
        weight,
        endpoints,
    } = group;
    let speaks = Speaks::of(endpoints);
    envoy::endpoint::LocalityLbEndpoints {
        locality: self::locality(locality),
        priority: *priority,
        // A locality without weight gets nothing once the cluster weighs localities.
        load_balancing_weight: Some((*weight).max(1)),
        metadata: (speaks == Speaks::Mesh).then(tls::spoken),
        lb_endpoints: endpoints.iter().map(|it| endpoint(it, speaks)).collect(),
        ..Default::default()
    }
}

/// How the instances of a group speak. What all of them have in common is said once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// All of them the mesh's TLS.
    Mesh,
    /// Some of them.
    Some,
}

impl Speaks {
    fn of(endpoints: &[ClusterEndpoint]) -> Self {
        let mesh = |it: &ClusterEndpoint| it.peer_tls == PeerTls::Mesh;
        if !endpoints.is_empty() && endpoints.iter().all(mesh) {
            Self::Mesh
        } else {
            Self::Some
        }
    }
}

fn endpoint(endpoint: &ClusterEndpoint, speaks: Speaks) -> envoy::endpoint::LbEndpoint {
    let ClusterEndpoint {
        address,
        port,
        state,
        weight,
        peer_tls,
    } = endpoint;
    let health = match state {
        EndpointState::Ready => envoy::core::HealthStatus::Unknown,
        EndpointState::Draining => envoy::core::HealthStatus::Draining,
        EndpointState::NotReady => envoy::core::HealthStatus::Unhealthy,
    };
    let metadata = match (speaks, peer_tls) {
        (Speaks::Some, PeerTls::Mesh) => Some(tls::spoken()),
        (Speaks::Mesh, _) | (_, PeerTls::Plain) => None,
    };
    envoy::endpoint::LbEndpoint {
        metadata,
        ..lb_endpoint(socket_address(address, *port), health, *weight)
    }
}

/// An endpoint. The weight 1 is Envoy's default and not worth its bytes.
pub(crate) fn lb_endpoint(
    address: envoy::core::Address,
    health: envoy::core::HealthStatus,
    weight: u32,
) -> envoy::endpoint::LbEndpoint {
    envoy::endpoint::LbEndpoint {
        health_status: health as i32,
        load_balancing_weight: (weight > 1).then_some(weight),
        host_identifier: Some(envoy::endpoint::lb_endpoint::HostIdentifier::Endpoint(
            envoy::endpoint::Endpoint {
                address: Some(address),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

/// A locality; `None` if nothing is known.
pub(crate) fn locality(locality: &Locality) -> Option<envoy::core::Locality> {
    let Locality {
        region,
        zone,
        subzone,
    } = locality;
    (!locality.is_unknown()).then(|| envoy::core::Locality {
        region: region.to_string(),
        zone: zone.to_string(),
        sub_zone: subzone.to_string(),
    })
}

/// A TCP address (an IP address, or a name where Envoy resolves it).
pub(crate) fn socket_address(address: &str, port: u16) -> envoy::core::Address {
    let socket = envoy::core::SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(envoy::core::socket_address::PortSpecifier::PortValue(
            port.into(),
        )),
        ..Default::default()
    };
    envoy::core::Address {
        address: Some(envoy::core::address::Address::SocketAddress(socket)),
    }
}
