//! Random objects in a small world, so that names meet.

mod guards;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::TrustDomain;
use ferromesh_mesh::decl::endpoints::{EndpointState, Endpoints, Identity};
use ferromesh_mesh::decl::http_routes::{Mirror, Retry};
use ferromesh_mesh::decl::mesh_config::{AutoMtls, OutboundPolicy};
use ferromesh_mesh::decl::service::{DnsTarget, Resolution, Service};
use ferromesh_mesh::decl::sidecar::{AppEndpoint, CaptureMode, IngressListener, ListenerPort};
use ferromesh_mesh::decl::workload::WorkloadKind;
use ferromesh_mesh::decl::{Export, Selector, Visibility};
use ferromesh_mesh::name::{Locality, Namespace};
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::policy::connection_pool::ConnectionPool;
use ferromesh_mesh::policy::load_balancer::{
    Algorithm, ConsistentHash, HashKey, HashTable, LoadBalancer,
};
use ferromesh_mesh::policy::locality::{
    Distribution, LocalityPolicy, PriorityLabel, TrafficDistribution,
};
use ferromesh_mesh::policy::percent::PartsPerMillion;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::unit::Unit;

use super::build;
use super::dice::Dice;
use crate::proxy::{Bound, Certificates, Interception, Proxy, Tables};

const NAMESPACES: [&str; 3] = ["a", "b", "istio-system"];
const SERVICES: [&str; 3] = ["s0", "s1", "s2"];
const PODS: [&str; 4] = ["p0", "p1", "p2", "p3"];
const VERSIONS: [&str; 3] = ["v1", "v2", "v3"];
const ZONES: [&str; 3] = ["r1/z1/", "r1/z2/", "r2/z3/"];
const HOSTS: [&str; 12] = [
    "s0.a.svc.cluster.local",
    "s1.a.svc.cluster.local",
    "s0.b.svc.cluster.local",
    "s2.b.svc.cluster.local",
    "*.a.svc.cluster.local",
    "*.cluster.local",
    "ext.com",
    "api.ext.com",
    "*.ext.com",
    "s0.a",
    "s1",
    "*.s2.a.svc.cluster.local",
];
const PROTOCOLS: [Protocol; 7] = [
    Protocol::Http,
    Protocol::Http,
    Protocol::Grpc,
    Protocol::Detect,
    Protocol::Tcp,
    Protocol::Opaque,
    Protocol::Udp,
];
/// An address that only entries have.
pub const MACHINE: &str = "10.7.0.1";
/// Everything of which an object can be.
pub const KINDS: [&str; 15] = [
    "Service",
    "ServiceEntry",
    "EndpointSlice",
    "Pod",
    "WorkloadEntry",
    "VirtualService",
    "DestinationRule",
    "Sidecar",
    "Node",
    "MeshConfig",
    "Endpoints",
    "PeerAuthentication",
    "AuthorizationPolicy",
    "RequestAuthentication",
    "KeySet",
];

/// A random version of a random object.
pub fn object(dice: &mut Dice<'_>) -> Arc<Unit> {
    match KINDS[dice.roll(KINDS.len())] {
        "Service" => kubernetes(dice),
        "ServiceEntry" => entry(dice),
        "EndpointSlice" => slice(dice),
        "Pod" => workload(dice, WorkloadKind::Pod),
        "WorkloadEntry" => workload(dice, WorkloadKind::Entry),
        "VirtualService" => routes(dice),
        "DestinationRule" => policies(dice),
        "Sidecar" => sidecar(dice),
        "Node" => build::node(dice.pick(&["n0", "n1"]), dice.pick(&ZONES)),
        "MeshConfig" => mesh(dice),
        "PeerAuthentication" => guards::peers(dice),
        "AuthorizationPolicy" => guards::authorization(dice),
        "RequestAuthentication" => guards::tokens(dice),
        "KeySet" => guards::keys(dice),
        _ => inline_endpoints(dice),
    }
}

fn age(dice: &mut Dice<'_>, name: &str, namespace: &str) -> Age {
    let created = dice.pick(&["", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"]);
    Age::new(created, name, namespace)
}

fn export(dice: &mut Dice<'_>) -> Export {
    match dice.roll(6) {
        0 => Export::To(Visibility::All),
        1 => Export::To(Visibility::Only([Namespace::from("a")].into())),
        2 => Export::To(Visibility::Only([].into())),
        _ => Export::MeshDefault,
    }
}

fn ports(dice: &mut Dice<'_>, service: &mut Service) {
    let mut ports = vec![build::port(
        "http",
        dice.pick(&PROTOCOLS),
        dice.pick(&[80, 8000]),
        dice.pick(&["8080", "8080", "web"]),
    )];
    if dice.once_in(2) {
        let protocol = dice.pick(&PROTOCOLS);
        ports.push(build::port(
            "more",
            protocol,
            9000,
            dice.pick(&["9090", "8080"]),
        ));
    }
    service.ports = ports;
}

fn addresses(dice: &mut Dice<'_>, service: &mut Service) {
    service.addresses = match dice.roll(5) {
        0 => vec!["10.0.0.0/16".parse().unwrap()],
        1 => vec!["10.1.0.1/32".parse().unwrap()],
        2 => vec![
            "10.1.0.2/32".parse().unwrap(),
            "fd00::2/128".parse().unwrap(),
        ],
        _ => Vec::new(),
    };
}

fn kubernetes(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&SERVICES));
    let mut service = build::service(namespace, name);
    ports(dice, &mut service);
    addresses(dice, &mut service);
    if dice.once_in(4) {
        service.resolution = Resolution::Headless;
        service.addresses = Vec::new();
    }
    service.publish_not_ready = dice.once_in(5);
    service.node_local = dice.once_in(6);
    service.session_affinity = dice.once_in(6).then_some(Duration::from_secs(10));
    service.distribution = dice.pick(&[
        TrafficDistribution::Any,
        TrafficDistribution::Any,
        TrafficDistribution::PreferSameZone,
        TrafficDistribution::PreferSameNode,
        TrafficDistribution::PreferClose,
    ]);
    service.export = export(dice);
    service.age = age(dice, name, namespace);
    build::service_unit(service)
}

fn entry(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&["e0", "e1"]));
    let target = |address: &str, zone: &str, version: &str| DnsTarget {
        address: Arc::from(address),
        ports: Vec::new(),
        labels: build::labels(&format!("version={version}")),
        locality: Locality::parse(zone),
        weight: 1,
    };
    let resolution = match dice.roll(5) {
        0 => Resolution::Declared,
        1 => Resolution::Workloads,
        2 => Resolution::Dns(vec![
            target("x.net", dice.pick(&ZONES), "v1"),
            target("y.net", dice.pick(&ZONES), "v2"),
        ]),
        3 => Resolution::DnsRoundRobin(vec![target("z.net", "", "v1")]),
        _ => Resolution::Original,
    };
    let host = dice.pick(&HOSTS);
    let mut service = build::entry(namespace, name, host, resolution);
    ports(dice, &mut service);
    addresses(dice, &mut service);
    service.selector = (service.resolution == Resolution::Workloads).then(|| {
        Selector(build::labels(dice.pick(&[
            "app=s0",
            "app=s1,version=v1",
            "",
        ])))
    });
    service.export = export(dice);
    service.age = age(dice, name, namespace);
    service.external = dice.once_in(2);
    if dice.once_in(4) {
        service.names = vec![Arc::from("spiffe://z")];
    }
    build::service_unit(service)
}

fn slice(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&SERVICES));
    let mut instances = Vec::new();
    for _ in 0..dice.roll(4) {
        let pod = dice.pick(&PODS);
        let address = format!("10.9.0.{}", dice.roll(3));
        let mut endpoint = if dice.once_in(2) {
            build::endpoint(&address, Identity::ByAddress)
        } else {
            build::pod_endpoint(namespace, pod, &address)
        };
        endpoint.state = state(dice);
        endpoint.node = dice.once_in(2).then(|| dice.pick(&["n0", "n1"]).into());
        endpoint.zone = Arc::from(dice.pick(&["", "z1", "z2"]));
        if dice.once_in(3) {
            endpoint.for_zones = vec![Arc::from(dice.pick(&["z1", "z2"]))];
        }
        instances.push(endpoint);
    }
    build::slice(
        namespace,
        name,
        &format!("{name}-{}", dice.roll(2)),
        instances,
    )
}

fn state(dice: &mut Dice<'_>) -> EndpointState {
    dice.pick(&[
        EndpointState::Ready,
        EndpointState::Ready,
        EndpointState::Draining,
        EndpointState::NotReady,
    ])
}

fn inline_endpoints(dice: &mut Dice<'_>) -> Arc<Unit> {
    let namespace = dice.pick(&NAMESPACES);
    let host = dice.pick(&HOSTS);
    let instances = (0..dice.roll(3))
        .map(|at| {
            let version = dice.pick(&VERSIONS);
            let zone = dice.pick(&ZONES);
            let mut identity = build::inline(&format!("version={version}"), zone);
            if let Identity::Inline {
                peer_tls,
                service_account,
                ..
            } = &mut identity
            {
                *peer_tls = guards::peer_tls(dice);
                *service_account = guards::account(dice);
            }
            build::endpoint(&format!("10.8.0.{at}"), identity)
        })
        .collect();
    let ports = if dice.once_in(2) {
        BTreeMap::from([(Arc::from("http"), 7000)])
    } else {
        BTreeMap::new()
    };
    build::endpoints_unit(
        "Endpoints",
        &format!("i{}", dice.roll(2)),
        Endpoints {
            host: ferromesh_mesh::name::Hostname::new(host),
            namespace: Namespace::from(namespace),
            ports,
            instances,
        },
    )
}

fn workload(dice: &mut Dice<'_>, kind: WorkloadKind) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&PODS));
    let app = dice.pick(&SERVICES);
    let version = dice.pick(&VERSIONS);
    let mut workload = build::pod(
        namespace,
        name,
        &format!("10.9.0.{}", dice.roll(3)),
        &format!("app={app},version={version}"),
    );
    if kind == WorkloadKind::Pod {
        workload.state = state(dice);
    }
    if kind == WorkloadKind::Entry {
        workload.kind = kind;
        workload.origin = build::origin("WorkloadEntry", namespace, name, "spec");
        workload.weight = dice.pick(&[1, 2, 7]);
        if dice.once_in(3) {
            // No pod and no slice has it.
            workload.addresses = vec![Arc::from(MACHINE)];
        }
    }
    if dice.once_in(4) {
        workload.addresses.push(Arc::from("fd00::9"));
    }
    workload.peer_tls = guards::peer_tls(dice);
    workload.service_account = guards::account(dice);
    workload.node = dice.once_in(2).then(|| dice.pick(&["n0", "n1"]).into());
    workload.locality = dice.once_in(2).then(|| Locality::parse(dice.pick(&ZONES)));
    if dice.once_in(2) {
        // The name of a target, or of a service's port, which counts for entries only.
        let named = dice.pick(&["web", "http"]);
        workload.ports = BTreeMap::from([(Arc::from(named), dice.pick(&[8080, 8081]))]);
    }
    build::workload_unit(workload)
}

fn routes(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&["vs0", "vs1"]));
    let mut hosts = vec![dice.pick(&HOSTS)];
    if dice.once_in(3) {
        hosts.push(dice.pick(&HOSTS));
    }
    let mut rules = Vec::new();
    for _ in 0..1 + dice.roll(2) {
        let mut matches = build::any_match();
        match dice.roll(5) {
            0 => matches.port = Some(dice.pick(&[80, 8000])),
            1 => matches.source_labels = build::labels(dice.pick(&["app=s0", "version=v2"])),
            2 => matches.source_namespace = Some(Namespace::from(dice.pick(&NAMESPACES))),
            _ => {}
        }
        let to = |dice: &mut Dice<'_>| {
            let host = dice.pick(&HOSTS);
            match dice.roll(4) {
                0 => host.to_owned(),
                1 => format!("{host}|{}", dice.pick(&VERSIONS)),
                2 => format!("{host}:{}", dice.pick(&[80, 8000, 9000])),
                _ => format!("{host}:80|{}", dice.pick(&VERSIONS)),
            }
        };
        let (first, second) = (to(dice), to(dice));
        let weight = u32::try_from(dice.roll(3)).unwrap();
        let mut forward = build::forward(&[(&first, weight), (&second, 10)]);
        forward.retry = dice.pick(&[Retry::MeshDefault, Retry::Off]);
        if dice.once_in(4) {
            forward.mirrors.push(Mirror {
                destination: build::destination(&to(dice)),
                share: PartsPerMillion::ALL,
            });
        }
        let mut rule = build::rule(vec![matches], &[]);
        rule.action = ferromesh_mesh::decl::http_routes::HttpAction::Forward(Box::new(forward));
        rules.push(rule);
    }
    let mut routes = build::routes(namespace, name, &hosts, rules);
    routes.export = export(dice);
    routes.age = age(dice, name, namespace);
    build::routes_unit(routes)
}

fn policies(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&["dr0", "dr1"]));
    let host = dice.pick(&HOSTS);
    let subsets: Vec<&str> = (0..dice.roll(3)).map(|_| dice.pick(&VERSIONS)).collect();
    let mut policies = build::policies(namespace, name, host, &subsets);
    let policy = &mut policies.policy.all;
    policy.outlier = dice.once_in(2).then(build::outlier);
    policy.load_balancer = match dice.roll(6) {
        0 => Some(Algorithm::RoundRobin),
        1 => Some(Algorithm::Passthrough),
        2 => Some(Algorithm::ConsistentHash(ConsistentHash {
            key: HashKey::Header(Arc::from("x-user")),
            table: HashTable::Ring { minimum_size: 1024 },
        })),
        _ => None,
    }
    .map(|algorithm| LoadBalancer {
        algorithm,
        warmup: None,
    });
    policy.locality = match dice.roll(6) {
        0 => Some(LocalityPolicy::Ignored),
        1 => Some(LocalityPolicy::Distribute(vec![Distribution {
            from: Arc::from("r1/z1/*"),
            to: vec![(Arc::from("r1/*"), 80), (Arc::from("r2/*"), 20)],
        }])),
        2 => Some(LocalityPolicy::LabelPriority(vec![PriorityLabel {
            key: Arc::from("version"),
            value: None,
        }])),
        _ => None,
    };
    policy.tls = guards::client_tls(dice);
    if dice.once_in(3) {
        let mut own = policy.clone();
        own.tls = guards::client_tls(dice);
        own.connection_pool = Some(ConnectionPool {
            tcp_idle_timeout: Some(Duration::from_secs(7)),
            ..ConnectionPool::UNLIMITED
        });
        policies.policy.ports.insert(9000, own);
    }
    policies.export = export(dice);
    policies.age = age(dice, name, namespace);
    build::policies_unit(policies)
}

fn sidecar(dice: &mut Dice<'_>) -> Arc<Unit> {
    let (namespace, name) = (dice.pick(&NAMESPACES), dice.pick(&["sc0", "sc1"]));
    let egress = dice.pick(&[
        vec!["*/*"],
        vec!["./*"],
        vec!["*/*", "~b/*"],
        vec!["a/s0.a.svc.cluster.local", "~/*"],
        vec!["*/*.ext.com", "./*"],
    ]);
    let mut sidecar = build::sidecar(namespace, name, &egress);
    if dice.once_in(3) {
        let mut listener = build::egress_listener(&["*/*"]);
        listener.port = Some(ListenerPort {
            number: dice.pick(&[80, 9000]),
            name: Arc::from("x"),
            protocol: dice.pick(&[Protocol::Http, Protocol::Tcp]),
        });
        listener.capture = dice.pick(&[CaptureMode::Default, CaptureMode::None]);
        sidecar.egress.insert(0, listener);
    }
    if dice.once_in(3) {
        sidecar.ingress.push(IngressListener {
            port: ListenerPort {
                number: 7070,
                name: Arc::from("in"),
                protocol: Protocol::Http,
            },
            bind: Arc::from(""),
            capture: dice.pick(&[CaptureMode::Default, CaptureMode::None]),
            app: dice.pick(&[AppEndpoint::Default, AppEndpoint::Instance(7071)]),
            pool: None,
            origin: sidecar.origin.clone(),
        });
    }
    sidecar.selector = Selector(build::labels(dice.pick(&["", "", "app=s0", "version=v2"])));
    sidecar.outbound = dice.once_in(4).then_some(OutboundPolicy::RegistryOnly);
    sidecar.age = age(dice, name, namespace);
    build::sidecar_unit(sidecar)
}

fn mesh(dice: &mut Dice<'_>) -> Arc<Unit> {
    let mut mesh = build::mesh_config();
    mesh.outbound = dice.pick(&[OutboundPolicy::AllowAny, OutboundPolicy::RegistryOnly]);
    mesh.connect_timeout = Duration::from_secs(dice.pick(&[1, 10]));
    mesh.service_export = dice.pick(&[Visibility::All, Visibility::All, Visibility::Own]);
    mesh.root_namespace = Namespace::from(dice.pick(&["istio-system", "b"]));
    mesh.locality = dice.pick(&[
        LocalityPolicy::Ignored,
        LocalityPolicy::Nearest {
            failover: vec![(Arc::from("r1"), Arc::from("r2"))],
        },
    ]);
    mesh.security.authorizers = guards::authorizers(dice).into_iter().collect();
    if dice.once_in(4) {
        mesh.security.auto_mtls = AutoMtls::Off;
    }
    if dice.once_in(3) {
        let alias = TrustDomain::new("old.domain").unwrap();
        mesh.security.trust_domain_aliases = vec![alias];
    }
    build::mesh_unit(mesh)
}

/// A random proxy.
pub fn proxy(dice: &mut Dice<'_>) -> Proxy {
    let loopback = |last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    let outbound = dice.pick(&[2, 1, 3]);
    Proxy {
        workload: build::workload_name(dice.pick(&["a", "b"]), dice.pick(&PODS)),
        interception: match dice.roll(4) {
            0 => Interception::Tproxy,
            1 => Interception::None(Bound {
                inbound: loopback(2),
                app: loopback(1),
                outbound: loopback(outbound),
                http_proxy_port: dice.once_in(2).then_some(15002),
            }),
            _ => Interception::Redirect,
        },
        tables: dice.pick(&[Tables::Separate, Tables::Separate, Tables::Inline]),
        certificates: dice.pick(&[Certificates::Sds, Certificates::Sds, Certificates::None]),
    }
}
