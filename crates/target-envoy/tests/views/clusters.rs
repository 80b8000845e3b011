//! Clusters and endpoints of every sort.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh as mesh;

use mesh::decl::endpoints::EndpointState;
use mesh::decl::workload::PeerTls;
use mesh::name::{Hostname, Locality};
use mesh::policy::connection_pool::HttpVersion;
use mesh::policy::keepalive::{Http2Keepalive, TcpKeepalive};
use mesh::policy::load_balancer::{Algorithm, ConsistentHash, HashKey, HashTable};
use mesh::policy::load_balancer::{LoadBalancer, Warmup};
use mesh::policy::outlier::OutlierDetection;
use mesh::policy::protocol::Protocol;
use mesh::policy::retry_budget::RetryBudget;
use mesh::view::View;
use mesh::view::cluster::{AppAddress, Cluster, ClusterName, ClusterService, Discovery};
use mesh::view::cluster::{DnsInstance, Limits, LocalityMode, UpstreamTls};
use mesh::view::endpoints::{ClusterEndpoint, ClusterEndpoints, EndpointGroup};

use super::{every, tls};

/// `outbound|80|SUBSET|HOST`.
pub fn outbound(host: &str, subset: Option<&str>) -> ClusterName {
    ClusterName::Outbound {
        port: 80,
        subset: subset.map(Into::into),
        host: Hostname::new(host),
    }
}

/// A cluster that says nothing special.
pub fn plain(name: ClusterName, discovery: Discovery) -> Cluster {
    Cluster {
        name,
        discovery,
        protocol: Protocol::Http,
        http_version: HttpVersion::FromPort,
        tls: UpstreamTls::Off,
        load_balancer: balancer(Algorithm::LeastRequest, None),
        locality: LocalityMode::Flat,
        limits: Limits {
            max_connections: u32::MAX,
            max_pending_requests: u32::MAX,
            max_requests: u32::MAX,
            max_retries: u32::MAX,
            max_requests_per_connection: 0,
            max_concurrent_streams: 0,
        },
        connect_timeout: Duration::from_secs(10),
        tcp_keepalive: None,
        http2_keepalive: None,
        http_idle_timeout: None,
        max_connection_duration: None,
        outlier: None,
        retry_budget: None,
        service: None,
        origin: None,
    }
}

/// An algorithm with or without slow start.
pub fn balancer(algorithm: Algorithm, warmup: Option<Warmup>) -> LoadBalancer {
    LoadBalancer { algorithm, warmup }
}

/// Every key.
pub fn hash_keys() -> Vec<HashKey> {
    let cookie = |ttl, attributes| HashKey::Cookie {
        name: "session".into(),
        path: "/".into(),
        ttl,
        attributes,
    };
    let mut keys = every! {
        HashKey::Header(_) => HashKey::Header("x-user".into()),
        HashKey::Cookie { .. } => cookie(None, Vec::new()),
        HashKey::SourceIp => HashKey::SourceIp,
        HashKey::QueryParameter(_) => HashKey::QueryParameter("user".into()),
    };
    keys.push(cookie(
        Some(Duration::ZERO),
        vec![("SameSite".into(), "Strict".into())],
    ));
    keys
}

/// A failure detector with every field.
pub fn outlier(error_codes: Vec<u16>) -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: 5,
        consecutive_gateway_errors: 0,
        consecutive_local_origin_failures: 3,
        split_external_local_origin_errors: true,
        interval: Duration::from_secs(30),
        base_ejection_time: Duration::from_secs(30),
        max_ejection_percent: 50,
        min_health_percent: 10,
        error_codes,
    }
}

fn hashed(table: HashTable) -> Algorithm {
    Algorithm::ConsistentHash(ConsistentHash {
        key: HashKey::SourceIp,
        table,
    })
}

fn algorithms() -> Vec<Algorithm> {
    let tables = every! {
        HashTable::Ring { .. } => HashTable::Ring { minimum_size: 2048 },
        HashTable::Maglev { .. } => HashTable::Maglev { table_size: 1000 },
    };
    let mut all = every! {
        Algorithm::LeastRequest => Algorithm::LeastRequest,
        Algorithm::RoundRobin => Algorithm::RoundRobin,
        Algorithm::Random => Algorithm::Random,
        Algorithm::Passthrough => Algorithm::Passthrough,
        Algorithm::ConsistentHash(_) => hashed(HashTable::Ring { minimum_size: 1024 }),
    };
    all.extend(tables.into_iter().map(hashed));
    all
}

fn discoveries() -> Vec<Discovery> {
    let loopback = "127.0.0.6".parse().ok();
    let addresses = every! {
        AppAddress::Tcp(_) => AppAddress::Tcp(([127, 0, 0, 1], 8080).into()),
        AppAddress::Unix(_) => AppAddress::Unix("/run/app.sock".into()),
    };
    let target = |address: &str, priority| DnsInstance {
        address: address.into(),
        port: 443,
        locality: Locality::parse("r/z"),
        weight: 2,
        priority,
    };
    let dns = |targets: Vec<DnsInstance>, round_robin| Discovery::Dns {
        targets,
        round_robin,
        refresh: Duration::from_secs(60),
    };
    let two = vec![target("example.com", 0), target("192.0.2.1", 1)];
    let mut all = every! {
        Discovery::Endpoints => Discovery::Endpoints,
        Discovery::Original { .. } => Discovery::Original { sources: loopback.into_iter().collect() },
        Discovery::Static { .. } => Discovery::Static {
            address: AppAddress::Tcp(([127, 0, 0, 1], 8080).into()),
            source: loopback,
        },
        Discovery::Dns { .. } => dns(two.clone(), false),
        Discovery::Named => Discovery::Named,
        Discovery::Nothing => Discovery::Nothing,
    };
    all.extend([
        dns(two, true),
        dns(vec![target("example.com", 0)], true),
        dns(Vec::new(), true),
    ]);
    all.extend(addresses.into_iter().map(|address| Discovery::Static {
        address,
        source: None,
    }));
    all
}

fn protocols() -> Vec<Protocol> {
    every! {
        Protocol::Http => Protocol::Http,
        Protocol::Http2 => Protocol::Http2,
        Protocol::Grpc => Protocol::Grpc,
        Protocol::GrpcWeb => Protocol::GrpcWeb,
        Protocol::Https => Protocol::Https,
        Protocol::Tls => Protocol::Tls,
        Protocol::Tcp => Protocol::Tcp,
        Protocol::Opaque => Protocol::Opaque,
        Protocol::Udp => Protocol::Udp,
        Protocol::Detect => Protocol::Detect,
    }
}

/// Every value of every part, one at a time and some together.
pub fn all() -> Vec<View> {
    let mut count = 0;
    let mut next = || {
        count += 1;
        plain(
            outbound(&format!("c{count}.test"), None),
            Discovery::Endpoints,
        )
    };
    let mut clusters = names();
    for discovery in discoveries() {
        for algorithm in algorithms() {
            let discovery = discovery.clone();
            let load_balancer = balancer(algorithm, None);
            clusters.push(Cluster {
                discovery,
                load_balancer,
                ..next()
            });
        }
    }
    for protocol in protocols() {
        for http_version in versions() {
            clusters.push(Cluster {
                protocol,
                http_version,
                ..next()
            });
            clusters.push(Cluster {
                protocol,
                http_version,
                ..full(next())
            });
        }
    }
    for locality in modes() {
        for algorithm in algorithms() {
            let load_balancer = balancer(algorithm, Some(warmup()));
            clusters.push(Cluster {
                locality,
                load_balancer,
                ..next()
            });
        }
    }
    for codes in [vec![], vec![500], vec![429, 500]] {
        clusters.push(Cluster {
            outlier: Some(outlier(codes)),
            ..next()
        });
    }
    for tls in tls::all() {
        for protocol in [
            Protocol::Http,
            Protocol::Http2,
            Protocol::Tcp,
            Protocol::Detect,
        ] {
            clusters.push(Cluster {
                tls: tls.clone(),
                protocol,
                ..next()
            });
        }
        for host in ["*", "*.test", &format!("{}.test", "x".repeat(250))] {
            clusters.push(Cluster {
                name: outbound(host, Some(&format!("v{}", clusters.len()))),
                tls: tls.clone(),
                protocol: Protocol::Tls,
                ..next()
            });
        }
    }
    clusters.push(zero(next()));
    // Building so large a ring takes time, so it is one without instances.
    let largest = HashTable::Ring {
        minimum_size: u64::MAX,
    };
    clusters.push(Cluster {
        load_balancer: balancer(hashed(largest), None),
        ..next()
    });
    clusters
        .into_iter()
        .map(|cluster| View::Cluster(Arc::new(cluster)))
        .chain(assignments())
        .collect()
}

fn names() -> Vec<Cluster> {
    let names = every! {
        ClusterName::Outbound { .. } => outbound("a.test", Some("v1")),
        ClusterName::Inbound { .. } => ClusterName::Inbound { port: 8080 },
        ClusterName::Passthrough => ClusterName::Passthrough,
        ClusterName::BlackHole => ClusterName::BlackHole,
        ClusterName::InboundPassthrough => ClusterName::InboundPassthrough,
    };
    let discovery = |name: &ClusterName| match name {
        ClusterName::Outbound { .. } => Discovery::Endpoints,
        ClusterName::BlackHole => Discovery::Nothing,
        ClusterName::Inbound { .. }
        | ClusterName::Passthrough
        | ClusterName::InboundPassthrough => Discovery::Original {
            sources: Vec::new(),
        },
    };
    names
        .into_iter()
        .map(|name| plain(name.clone(), discovery(&name)))
        .collect()
}

fn versions() -> Vec<HttpVersion> {
    every! {
        HttpVersion::FromPort => HttpVersion::FromPort,
        HttpVersion::Upgrade => HttpVersion::Upgrade,
        HttpVersion::FromClient => HttpVersion::FromClient,
    }
}

fn modes() -> Vec<LocalityMode> {
    every! {
        LocalityMode::Flat => LocalityMode::Flat,
        LocalityMode::Weighted => LocalityMode::Weighted,
        LocalityMode::Prioritised => LocalityMode::Prioritised,
    }
}

fn warmup() -> Warmup {
    Warmup {
        duration: Duration::from_secs(60),
        minimum_percent: 10,
        aggression_milli: 1500,
    }
}

/// Everything set.
pub fn full(cluster: Cluster) -> Cluster {
    Cluster {
        limits: Limits {
            max_connections: 100,
            max_pending_requests: 50,
            max_requests: 1000,
            max_retries: 3,
            max_requests_per_connection: 2,
            max_concurrent_streams: u32::MAX,
        },
        tcp_keepalive: Some(TcpKeepalive {
            probes: Some(3),
            time: Some(Duration::from_secs(60)),
            interval: Some(Duration::from_millis(500)),
        }),
        http2_keepalive: Some(Http2Keepalive {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }),
        http_idle_timeout: Some(Duration::from_secs(15)),
        max_connection_duration: Some(Duration::from_secs(600)),
        outlier: Some(outlier(vec![500, 503])),
        retry_budget: Some(RetryBudget {
            millipercent: 25_500,
            min_concurrency: 3,
            interval: Some(Duration::from_secs(1)),
        }),
        service: Some(ClusterService {
            host: Hostname::new("full.shop.svc.cluster.local"),
            name: "full".into(),
            namespace: "shop".into(),
        }),
        ..cluster
    }
}

/// Zero wherever a number can be zero: Envoy refuses some of them.
fn zero(cluster: Cluster) -> Cluster {
    Cluster {
        limits: Limits {
            max_connections: 0,
            max_pending_requests: 0,
            max_requests: 0,
            max_retries: 0,
            max_requests_per_connection: 0,
            max_concurrent_streams: 0,
        },
        load_balancer: balancer(
            Algorithm::RoundRobin,
            Some(Warmup {
                duration: Duration::ZERO,
                minimum_percent: 0,
                aggression_milli: 0,
            }),
        ),
        protocol: Protocol::Http2,
        connect_timeout: Duration::ZERO,
        tcp_keepalive: Some(TcpKeepalive {
            probes: None,
            time: Some(Duration::ZERO),
            interval: None,
        }),
        http2_keepalive: Some(Http2Keepalive {
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
        }),
        http_idle_timeout: Some(Duration::ZERO),
        max_connection_duration: Some(Duration::ZERO),
        outlier: Some(OutlierDetection {
            consecutive_5xx: 0,
            consecutive_gateway_errors: 0,
            consecutive_local_origin_failures: 0,
            split_external_local_origin_errors: false,
            interval: Duration::ZERO,
            base_ejection_time: Duration::ZERO,
            max_ejection_percent: 0,
            min_health_percent: 0,
            error_codes: Vec::new(),
        }),
        retry_budget: Some(RetryBudget {
            millipercent: 0,
            min_concurrency: 0,
            interval: None,
        }),
        ..cluster
    }
}

/// The instances of a cluster in two localities.
pub fn instances(cluster: ClusterName) -> ClusterEndpoints {
    let states = every! {
        EndpointState::Ready => EndpointState::Ready,
        EndpointState::Draining => EndpointState::Draining,
        EndpointState::NotReady => EndpointState::NotReady,
    };
    let endpoints = states.into_iter().zip(["10.0.0.1", "10.0.0.2", "fd00::3"]);
    let endpoints = endpoints.map(|(state, address)| ClusterEndpoint {
        address: address.into(),
        port: 8080,
        state,
        weight: 1,
        peer_tls: PeerTls::Plain,
    });
    let group = |locality: &str, priority, endpoints: Vec<_>| EndpointGroup {
        locality: Locality::parse(locality),
        priority,
        weight: 3,
        endpoints,
    };
    let far = ClusterEndpoint {
        address: "10.1.0.1".into(),
        port: 8080,
        state: EndpointState::Ready,
        weight: 7,
        peer_tls: PeerTls::Mesh,
    };
    ClusterEndpoints {
        cluster,
        groups: vec![
            group("r/a/s", 0, endpoints.collect()),
            group("", 1, vec![far]),
        ],
    }
}

fn assignments() -> impl Iterator<Item = View> {
    let empty = ClusterEndpoints {
        cluster: outbound("empty.test", None),
        groups: Vec::new(),
    };
    [instances(outbound("a.test", Some("v1"))), empty]
        .into_iter()
        .map(|view| View::Endpoints(Arc::new(view)))
}
