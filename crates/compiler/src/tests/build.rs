//! Small constructors of declarations.

pub mod guards;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh::decl::endpoints::{Endpoint, EndpointState, Endpoints, Identity};
use ferromesh_mesh::decl::http_routes::{
    Backend, Destination, Forward, HttpAction, HttpMatch, HttpRoutes, HttpRule, Retry,
};
use ferromesh_mesh::decl::mesh_config::{MeshConfig, MeshSecurity, OutboundPolicy};
use ferromesh_mesh::decl::node::Node;
use ferromesh_mesh::decl::service::{Registry, Resolution, Service, ServicePort, TargetPort};
use ferromesh_mesh::decl::sidecar::{
    CaptureMode, EgressListener, HostSelector, NamespaceSelector, Sidecar,
};
use ferromesh_mesh::decl::traffic_policy::{PolicySet, Subset, TrafficPolicies};
use ferromesh_mesh::decl::workload::{PeerTls, Workload, WorkloadKind};
use ferromesh_mesh::decl::{Declaration, Export, Labels, Selector, Visibility};
use ferromesh_mesh::name::{
    Hostname, Locality, Namespace, Network, ServiceAccount, SubsetName, WorkloadName,
};
use ferromesh_mesh::origin::{Age, ObjectRef, Origin};
use ferromesh_mesh::policy::access_log::AccessLog;
use ferromesh_mesh::policy::headers::MessageHeaders;
use ferromesh_mesh::policy::locality::{LocalityPolicy, TrafficDistribution};
use ferromesh_mesh::policy::matches::RequestMatch;
use ferromesh_mesh::policy::outlier::OutlierDetection;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::policy::rewrite::Rewrite;
use ferromesh_mesh::policy::timeout::Timeout;
use ferromesh_mesh::unit::Unit;

use crate::proxy::{Bound, Certificates, Interception, Proxy, Tables};

pub fn object(kind: &str, namespace: &str, name: &str) -> Arc<ObjectRef> {
    Arc::new(ObjectRef {
        group: Arc::from(""),
        kind: Arc::from(kind),
        namespace: Arc::from(namespace),
        name: Arc::from(name),
    })
}

pub fn origin(kind: &str, namespace: &str, name: &str, path: &str) -> Origin {
    Origin {
        object: object(kind, namespace, name),
        path: Arc::from(path),
    }
}

pub fn unit(kind: &str, namespace: &str, name: &str, declarations: Vec<Declaration>) -> Arc<Unit> {
    Arc::new(Unit {
        object: object(kind, namespace, name),
        declarations,
        diagnostics: Vec::new(),
    })
}

pub fn labels(text: &str) -> Labels {
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (Arc::from(key), Arc::from(value)))
        .collect()
}

/// `name/protocol/number/target`, the last one perhaps a name.
pub fn port(name: &str, protocol: Protocol, number: u16, target: &str) -> ServicePort {
    ServicePort {
        number,
        name: Arc::from(name),
        protocol,
        target: match target.parse() {
            Ok(number) => TargetPort::Number(number),
            Err(_) => TargetPort::Name(Arc::from(target)),
        },
    }
}

pub fn fqdn(name: &str, namespace: &str) -> Hostname {
    Hostname::new(&format!("{name}.{namespace}.svc.cluster.local"))
}

/// A Kubernetes Service with one HTTP port 80 to 8080.
pub fn service(namespace: &str, name: &str) -> Service {
    Service {
        host: fqdn(name, namespace),
        namespace: Namespace::from(namespace),
        registry: Registry::Kubernetes,
        aliases: vec![
            Hostname::new(&format!("{name}.{namespace}")),
            Hostname::new(&format!("{name}.{namespace}.svc")),
        ],
        short_name: Some(Arc::from(name)),
        addresses: Vec::new(),
        ports: vec![port("http", Protocol::Http, 80, "8080")],
        resolution: Resolution::Declared,
        external: false,
        selector: Some(Selector(labels(&format!("app={name}")))),
        publish_not_ready: false,
        distribution: TrafficDistribution::Any,
        node_local: false,
        session_affinity: None,
        names: Vec::new(),
        export: Export::MeshDefault,
        age: Age::new("", name, namespace),
        origin: origin("Service", namespace, name, "spec"),
    }
}

/// A ServiceEntry for one host, with an HTTP port 80.
pub fn entry(namespace: &str, name: &str, host: &str, resolution: Resolution) -> Service {
    Service {
        host: Hostname::new(host),
        registry: Registry::Entry,
        aliases: Vec::new(),
        short_name: None,
        resolution,
        external: true,
        selector: None,
        origin: origin("ServiceEntry", namespace, name, "spec"),
        ..service(namespace, name)
    }
}

pub fn service_unit(service: Service) -> Arc<Unit> {
    let object = service.origin.object.clone();
    Arc::new(Unit {
        object,
        declarations: vec![Declaration::Service(Arc::new(service))],
        diagnostics: Vec::new(),
    })
}

pub fn endpoint(address: &str, identity: Identity) -> Endpoint {
    Endpoint {
        address: Arc::from(address),
        state: EndpointState::Ready,
        identity,
        zone: Arc::from(""),
        node: None,
        ports: BTreeMap::new(),
        for_zones: Vec::new(),
    }
}

/// An endpoint that is the pod of this name.
pub fn pod_endpoint(namespace: &str, pod: &str, address: &str) -> Endpoint {
    endpoint(address, Identity::Workload(workload_name(namespace, pod)))
}

pub fn inline(text: &str, locality: &str) -> Identity {
    Identity::Inline {
        labels: Arc::new(labels(text)),
        locality: Locality::parse(locality),
        network: Network::from(""),
        peer_tls: PeerTls::Plain,
        service_account: ServiceAccount::from(""),
        weight: 1,
    }
}

/// A slice of a Kubernetes service, whose port `http` is 8080.
pub fn slice(namespace: &str, service: &str, name: &str, instances: Vec<Endpoint>) -> Arc<Unit> {
    endpoints_unit(
        "EndpointSlice",
        name,
        Endpoints {
            host: fqdn(service, namespace),
            namespace: Namespace::from(namespace),
            ports: BTreeMap::from([(Arc::from("http"), 8080)]),
            instances,
        },
    )
}

pub fn endpoints_unit(kind: &str, name: &str, endpoints: Endpoints) -> Arc<Unit> {
    let namespace = endpoints.namespace.to_string();
    unit(
        kind,
        &namespace,
        name,
        vec![Declaration::Endpoints(Arc::new(endpoints))],
    )
}

pub fn workload_name(namespace: &str, name: &str) -> WorkloadName {
    WorkloadName {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
    }
}

pub fn pod(namespace: &str, name: &str, address: &str, text: &str) -> Workload {
    Workload {
        name: workload_name(namespace, name),
        kind: WorkloadKind::Pod,
        state: EndpointState::Ready,
        addresses: vec![Arc::from(address)],
        labels: Arc::new(labels(text)),
        service_account: ServiceAccount::from("default"),
        peer_tls: PeerTls::Plain,
        node: None,
        locality: None,
        network: Network::from(""),
        ports: BTreeMap::new(),
        weight: 1,
        origin: origin("Pod", namespace, name, ""),
    }
}

pub fn workload_unit(workload: Workload) -> Arc<Unit> {
    Arc::new(Unit {
        object: workload.origin.object.clone(),
        declarations: vec![Declaration::Workload(Arc::new(workload))],
        diagnostics: Vec::new(),
    })
}

pub fn node(name: &str, locality: &str) -> Arc<Unit> {
    let node = Node {
        name: name.into(),
        locality: Locality::parse(locality),
    };
    unit("Node", "", name, vec![Declaration::Node(Arc::new(node))])
}

/// `host`, `host|subset`, `host:port` or `host:port|subset`.
pub fn destination(text: &str) -> Destination {
    let (rest, subset) = match text.split_once('|') {
        Some((rest, subset)) => (rest, Some(SubsetName::from(subset))),
        None => (text, None),
    };
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (rest, None),
    };
    Destination {
        host: Hostname::new(host),
        subset,
        port,
        origin: origin("VirtualService", "", "", text),
    }
}

pub fn any_match() -> HttpMatch {
    HttpMatch {
        name: Arc::from(""),
        request: RequestMatch::any(),
        port: None,
        source_labels: Labels::new(),
        source_namespace: None,
        stat_prefix: Arc::from(""),
        origin: origin("VirtualService", "", "", "match"),
    }
}

pub fn forward(to: &[(&str, u32)]) -> Forward {
    Forward {
        backends: to
            .iter()
            .map(|(text, weight)| Backend {
                destination: destination(text),
                weight: *weight,
                headers: MessageHeaders::default(),
                authority: None,
            })
            .collect(),
        timeout: Timeout::Unlimited,
        retry: Retry::MeshDefault,
        rewrite: Rewrite::default(),
        headers: MessageHeaders::default(),
        mirrors: Vec::new(),
        fault: None,
        cors: None,
    }
}

pub fn rule(matches: Vec<HttpMatch>, to: &[(&str, u32)]) -> HttpRule {
    HttpRule {
        name: Arc::from(""),
        matches,
        action: HttpAction::Forward(Box::new(forward(to))),
        origin: origin("VirtualService", "", "", "http"),
    }
}

/// A VirtualService.
pub fn routes(namespace: &str, name: &str, hosts: &[&str], rules: Vec<HttpRule>) -> HttpRoutes {
    HttpRoutes {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
        hosts: hosts.iter().map(|host| Hostname::new(host)).collect(),
        export: Export::MeshDefault,
        rules,
        age: Age::new("", name, namespace),
        origin: origin("VirtualService", namespace, name, "spec"),
    }
}

pub fn routes_unit(routes: HttpRoutes) -> Arc<Unit> {
    Arc::new(Unit {
        object: routes.origin.object.clone(),
        declarations: vec![Declaration::HttpRoutes(Arc::new(routes))],
        diagnostics: Vec::new(),
    })
}

/// A DestinationRule with subsets `name` selecting `version=name`.
pub fn policies(namespace: &str, name: &str, host: &str, subsets: &[&str]) -> TrafficPolicies {
    TrafficPolicies {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
        host: Hostname::new(host),
        export: Export::MeshDefault,
        policy: PolicySet::default(),
        subsets: subsets
            .iter()
            .map(|subset| Subset {
                name: SubsetName::from(*subset),
                labels: labels(&format!("version={subset}")),
                policy: PolicySet::default(),
                origin: origin("DestinationRule", namespace, name, "spec.subsets"),
            })
            .collect(),
        age: Age::new("", name, namespace),
        origin: origin("DestinationRule", namespace, name, "spec"),
    }
}

pub fn policies_unit(policies: TrafficPolicies) -> Arc<Unit> {
    Arc::new(Unit {
        object: policies.origin.object.clone(),
        declarations: vec![Declaration::TrafficPolicies(Arc::new(policies))],
        diagnostics: Vec::new(),
    })
}

pub fn outlier() -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: 5,
        consecutive_gateway_errors: 0,
        consecutive_local_origin_failures: 0,
        split_external_local_origin_errors: false,
        interval: Duration::from_secs(10),
        base_ejection_time: Duration::from_secs(30),
        max_ejection_percent: 10,
        min_health_percent: 0,
        error_codes: Vec::new(),
    }
}

/// A Sidecar with one catch-all egress listener of `namespace/host` selectors.
pub fn sidecar(namespace: &str, name: &str, egress: &[&str]) -> Sidecar {
    Sidecar {
        namespace: Namespace::from(namespace),
        name: Arc::from(name),
        selector: Selector::default(),
        egress: vec![egress_listener(egress)],
        ingress: Vec::new(),
        outbound: None,
        inbound_pool: None,
        age: Age::new("", name, namespace),
        origin: origin("Sidecar", namespace, name, "spec"),
    }
}

pub fn egress_listener(hosts: &[&str]) -> EgressListener {
    EgressListener {
        port: None,
        bind: Arc::from(""),
        capture: CaptureMode::Default,
        hosts: hosts.iter().map(|text| host_selector(text)).collect(),
        origin: origin("Sidecar", "", "", "spec.egress[0]"),
    }
}

fn host_selector(text: &str) -> HostSelector {
    let exclude = text.starts_with('~') && !text.starts_with("~/");
    let text = if exclude {
        text.trim_start_matches('~')
    } else {
        text
    };
    let (namespace, host) = text.split_once('/').unwrap_or(("*", text));
    HostSelector {
        namespaces: match namespace {
            "*" => NamespaceSelector::Any,
            "." => NamespaceSelector::Own,
            "~" => NamespaceSelector::Nobody,
            name => NamespaceSelector::One(Namespace::from(name)),
        },
        host: Hostname::new(host),
        exclude,
    }
}

pub fn sidecar_unit(sidecar: Sidecar) -> Arc<Unit> {
    Arc::new(Unit {
        object: sidecar.origin.object.clone(),
        declarations: vec![Declaration::Sidecar(Arc::new(sidecar))],
        diagnostics: Vec::new(),
    })
}

pub fn mesh_config() -> MeshConfig {
    MeshConfig {
        outbound: OutboundPolicy::AllowAny,
        default_retry: None,
        connect_timeout: Duration::from_secs(10),
        tcp_keepalive: None,
        service_export: Visibility::All,
        routes_export: Visibility::All,
        policies_export: Visibility::All,
        protocol_detection_timeout: Duration::ZERO,
        access_log: AccessLog::Off,
        root_namespace: Namespace::from("istio-system"),
        locality: LocalityPolicy::Nearest {
            failover: Vec::new(),
        },
        dns_refresh: Duration::from_secs(60),
        security: MeshSecurity::default(),
    }
}

pub fn mesh_unit(mesh: MeshConfig) -> Arc<Unit> {
    unit(
        "MeshConfig",
        "",
        "mesh",
        vec![Declaration::MeshConfig(Arc::new(mesh))],
    )
}

pub fn proxy(namespace: &str, name: &str) -> Proxy {
    Proxy {
        workload: workload_name(namespace, name),
        interception: Interception::Redirect,
        tables: Tables::Separate,
        certificates: Certificates::Sds,
    }
}

pub fn bound_proxy(namespace: &str, name: &str) -> Proxy {
    Proxy {
        interception: Interception::None(Bound {
            inbound: IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1)),
            app: IpAddr::V4(Ipv4Addr::LOCALHOST),
            outbound: IpAddr::V4(Ipv4Addr::new(127, 0, 2, 1)),
            http_proxy_port: Some(15002),
        }),
        ..proxy(namespace, name)
    }
}
