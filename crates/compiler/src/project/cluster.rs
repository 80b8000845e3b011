//! Clusters.

use std::sync::Arc;

use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::service::{Registry, Resolution, Service, ServicePort};
use ferromesh_mesh::decl::traffic_policy::TrafficPolicy;
use ferromesh_mesh::name::SubsetName;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::connection_pool::{ConnectionPool, HttpVersion};
use ferromesh_mesh::policy::load_balancer::{Algorithm, LoadBalancer};
use ferromesh_mesh::policy::outlier::OutlierDetection;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::policy::retry_budget::RetryBudget;
use ferromesh_mesh::view::cluster::{
    Cluster, ClusterName, ClusterService, Discovery, Limits, LocalityMode, UpstreamTls,
};

use super::endpoints;
use super::tls::Upstream;
use crate::index::reading::Reading;
use crate::link::balancing;
use crate::link::keys::{Backend, Chooser, PlainCluster};
use crate::link::policies::Merged;
use crate::link::preference::Preference;
use crate::proxy::Certificates;

/// The port and subset of a service's cluster.
pub(super) fn port_and_subset(name: &ClusterName) -> (u16, Option<&SubsetName>) {
    match name {
        ClusterName::Outbound {
            port,
            subset,
            host: _,
        } => (*port, subset.as_ref()),
        ClusterName::Inbound { port } => (*port, None),
        ClusterName::Passthrough | ClusterName::BlackHole | ClusterName::InboundPassthrough => {
            (0, None)
        }
    }
}

/// The cluster of a service's port.
pub(super) fn of_service(
    key: &Backend,
    certificates: Certificates,
    reading: &mut Reading<'_>,
) -> Cluster {
    let mesh = reading.mesh().clone();
    let (number, subset) = port_and_subset(&key.name);
    let merged = Merged::read(&key.policies, reading);
    let policy = merged.effective(number, subset);
    let service = reading.service(&key.service);
    let port = service.and_then(|s| s.ports.iter().find(|port| port.number == number));
    let (Some(service), Some(port)) = (service, port) else {
        // Keys are made of services and ports that exist; this one leads nowhere.
        return assemble(
            &key.name,
            Discovery::Nothing,
            Protocol::Tcp,
            Parts::none(),
            &mesh,
        );
    };
    let preference = Preference::of(service, &policy, &mesh);
    let load_balancer = balancing::load_balancer(service, &policy);
    let discovery = discovery(key, service, port, &preference, &merged, &mesh);
    let TrafficPolicy {
        load_balancer: _,
        locality: _,
        connection_pool,
        outlier,
        retry_budget,
        tls,
    } = policy;
    let upstream = Upstream {
        service,
        port,
        subset: subset.and_then(|name| merged.labels(name)),
        chooser: key.chooser,
        certificates,
    };
    let parts = Parts {
        locality: match (&preference, &discovery) {
            (_, Discovery::Original { .. } | Discovery::Named | Discovery::Nothing) => {
                LocalityMode::Flat
            }
            (Preference::Any | Preference::Ignored, _) => LocalityMode::Flat,
            (Preference::Distribute(_), _) => LocalityMode::Weighted,
            (Preference::Nearest(_) | Preference::Labels(_), _) => LocalityMode::Prioritised,
        },
        load_balancer,
        pool: connection_pool.unwrap_or(ConnectionPool::UNLIMITED),
        tls: upstream.tls(tls, &mesh.security, reading),
        outlier,
        retry_budget,
        service: Some(shown(service)),
        origin: merged.origin(subset).or(Some(&service.origin)).cloned(),
    };
    assemble(&key.name, discovery, port.protocol, parts, &mesh)
}

/// A cluster that no service has.
pub(super) fn plain(key: &PlainCluster, reading: &mut Reading<'_>) -> Cluster {
    let PlainCluster {
        name,
        discovery,
        protocol,
        pool,
        origin,
    } = key;
    let mut parts = Parts::none();
    parts.pool = pool.clone().unwrap_or(ConnectionPool::UNLIMITED);
    parts.origin.clone_from(origin);
    let mut cluster = assemble(name, discovery.clone(), *protocol, parts, reading.mesh());
    if matches!(name, ClusterName::Inbound { .. }) && *protocol == Protocol::Http {
        // The app gets the version that the client speaks, as Istio does it.
        cluster.http_version = HttpVersion::FromClient;
    }
    cluster
}

/// What policies say about a cluster, with defaults filled.
struct Parts {
    load_balancer: LoadBalancer,
    locality: LocalityMode,
    pool: ConnectionPool,
    tls: UpstreamTls,
    outlier: Option<OutlierDetection>,
    retry_budget: Option<RetryBudget>,
    service: Option<ClusterService>,
    origin: Option<Origin>,
}

impl Parts {
    fn none() -> Self {
        Self {
            load_balancer: LoadBalancer {
                algorithm: Algorithm::LeastRequest,
                warmup: None,
            },
            locality: LocalityMode::Flat,
            pool: ConnectionPool::UNLIMITED,
            tls: UpstreamTls::Off,
            outlier: None,
            retry_budget: None,
            service: None,
            origin: None,
        }
    }
}

fn assemble(
    name: &ClusterName,
    discovery: Discovery,
    protocol: Protocol,
    parts: Parts,
    mesh: &MeshConfig,
) -> Cluster {
    let Parts {
        load_balancer,
        locality,
        pool,
        tls,
        outlier,
        retry_budget,
        service,
        origin,
    } = parts;
    let ConnectionPool {
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        max_requests_per_connection,
        max_concurrent_streams,
        connect_timeout,
        http_idle_timeout,
        tcp_idle_timeout,
        max_connection_duration,
        tcp_keepalive,
        http2_keepalive,
        http_version,
    } = pool;
    let http_version = match (http_version, protocol) {
        (HttpVersion::FromPort, Protocol::Detect) => HttpVersion::FromClient,
        (said, _) => said,
    };
    Cluster {
        name: name.clone(),
        discovery,
        protocol,
        http_version,
        tls,
        load_balancer,
        locality,
        limits: Limits {
            max_connections,
            max_pending_requests,
            max_requests,
            max_retries,
            max_requests_per_connection,
            max_concurrent_streams,
        },
        connect_timeout: connect_timeout.unwrap_or(mesh.connect_timeout),
        tcp_keepalive: tcp_keepalive.or_else(|| mesh.tcp_keepalive.clone()),
        http2_keepalive,
        // Istio: the TCP limit counts for requests that have none of their own.
        http_idle_timeout: http_idle_timeout.or(tcp_idle_timeout),
        max_connection_duration,
        outlier,
        retry_budget,
        service,
        origin,
    }
}

fn discovery(
    key: &Backend,
    service: &Service,
    port: &ServicePort,
    preference: &Preference,
    merged: &Merged,
    mesh: &MeshConfig,
) -> Discovery {
    if key.chooser == Chooser::Client {
        return Discovery::Original {
            sources: Vec::new(),
        };
    }
    let dns = |targets, round_robin| Discovery::Dns {
        targets: endpoints::dns(key, port, preference, merged, targets),
        round_robin,
        refresh: mesh.dns_refresh,
    };
    match &service.resolution {
        Resolution::Declared | Resolution::Workloads | Resolution::Headless => Discovery::Endpoints,
        // There the client chooses, whoever asks.
        Resolution::Original => Discovery::Nothing,
        Resolution::Dns(targets) => dns(targets, false),
        Resolution::DnsRoundRobin(targets) => dns(targets, true),
    }
}

fn shown(service: &Service) -> ClusterService {
    let name = match (&service.registry, &service.short_name) {
        (Registry::Kubernetes, Some(short)) => short.clone(),
        _ => Arc::from(service.host.as_str()),
    };
    ClusterService {
        host: service.host.clone(),
        name,
        namespace: Arc::from(service.namespace.as_str()),
    }
}
