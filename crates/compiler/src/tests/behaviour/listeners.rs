//! Listeners, with capture and without.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::service::{Resolution, Service};
use ferromesh_mesh::decl::sidecar::{AppEndpoint, CaptureMode, IngressListener, ListenerPort};
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::policy::protocol::Protocol;

use super::show::{check, clusters, compile, listeners, routes};
use crate::proxy::Interception;
use crate::tests::build::*;

/// A service with one port.
fn speaking(name: &str, protocol: Protocol, number: u16, addresses: &[&str]) -> Service {
    let mut service = service("a", name);
    service.ports = vec![port("http", protocol, number, "8080")];
    service.addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    service
}

fn outbound(services: Vec<Service>, proxy: crate::Proxy) -> Vec<String> {
    let units: Vec<_> = services.into_iter().map(service_unit).collect();
    listeners(&compile(&units, proxy))
        .into_iter()
        .filter(|line| line.starts_with("Outbound"))
        .map(|line| line.trim_start_matches("Outbound").to_owned())
        .collect()
}

#[test]
fn captured_traffic_arrives_by_port_or_by_address() {
    let vip = ["10.96.0.1/32"];
    let headless = |protocol| {
        let mut service = speaking("h", protocol, 81, &[]);
        service.resolution = Resolution::Headless;
        service
    };
    let http = || speaking("w", Protocol::Http, 81, &[]);
    let cases: Vec<(Vec<Service>, &[&str])> = vec![
        (
            vec![speaking("s", Protocol::Http, 81, &vip)],
            &["(0.0.0.0:81) captured http 81"],
        ),
        (
            vec![speaking("s", Protocol::Tcp, 81, &vip)],
            &["(10.96.0.1:81) captured tcp 81||s.a"],
        ),
        (
            vec![speaking("s", Protocol::Opaque, 81, &vip)],
            &["(10.96.0.1:81) captured tcp 81||s.a server first"],
        ),
        (
            vec![speaking("s", Protocol::Detect, 81, &vip)],
            &["(10.96.0.1:81) captured detect s.a.svc.cluster.local:81 or 81||s.a"],
        ),
        (
            vec![speaking("s", Protocol::Tcp, 81, &["10.0.0.0/8"])],
            &["(0.0.0.0:81) captured 10.0.0.0/8 81||s.a tcp passthrough"],
        ),
        (
            vec![headless(Protocol::Tcp)],
            &["(0.0.0.0:81) captured tcp 81||h.a"],
        ),
        (
            vec![headless(Protocol::Tcp), http()],
            &["(0.0.0.0:81) captured detect 81 or 81||h.a"],
        ),
        // Nothing may wait for bytes where the server speaks first: the older one has the port.
        (
            vec![headless(Protocol::Opaque), http()],
            &["(0.0.0.0:81) captured tcp 81||h.a server first"],
        ),
        (vec![speaking("s", Protocol::Udp, 81, &vip)], &[]),
        // This is where captured traffic itself arrives.
        (vec![speaking("s", Protocol::Http, 15001, &vip)], &[]),
    ];
    for (services, expected) in cases {
        check(outbound(services, proxy("b", "x")), expected);
    }
}

#[test]
fn only_connections_to_its_instances_are_those_of_a_headless_service() {
    let world = |protocol, proxy| {
        let instances = [("h", "10.0.0.1"), ("h", "10.0.0.2"), ("i", "10.0.0.3")];
        let mut units: Vec<_> = instances
            .map(|(name, at)| slice("a", name, at, vec![pod_endpoint("a", at, at)]))
            .into();
        for name in ["h", "i"] {
            let mut service = speaking(name, protocol, 81, &[]);
            service.resolution = Resolution::Headless;
            units.push(service_unit(service));
        }
        let all = listeners(&compile(&units, proxy)).into_iter();
        all.filter_map(|line| line.strip_prefix("Outbound").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    check(
        world(Protocol::Tcp, proxy("b", "x")),
        &[
            "(10.0.0.1:81) captured tcp 81||h.a",
            "(10.0.0.2:81) captured tcp 81||h.a",
            "(10.0.0.3:81) captured tcp 81||i.a",
        ],
    );
    check(
        world(Protocol::Detect, proxy("b", "x")),
        &[
            "(10.0.0.1:81) captured detect h.a.svc.cluster.local:81 or 81||h.a",
            "(10.0.0.2:81) captured detect h.a.svc.cluster.local:81 or 81||h.a",
            "(10.0.0.3:81) captured detect i.a.svc.cluster.local:81 or 81||i.a",
        ],
    );
    // Requests say whom they mean.
    check(
        world(Protocol::Http, proxy("b", "x")),
        &["(0.0.0.0:81) captured http 81"],
    );
    // A bound port is reached without an address of theirs.
    check(
        world(Protocol::Tcp, bound_proxy("b", "x")),
        &["(127.0.2.1:81) bound tcp 81||h.a"],
    );
}

#[test]
fn clients_choose_the_instance_of_a_headless_service_where_their_choice_is_known() {
    for protocol in [Protocol::Http, Protocol::Tcp] {
        for (proxy, found) in [
            (proxy("b", "x"), "original"),
            (bound_proxy("b", "x"), "endpoints"),
        ] {
            let mut service = speaking("h", protocol, 81, &[]);
            service.resolution = Resolution::Headless;
            let shown = clusters(&compile(&[service_unit(service)], proxy));
            let line = format!("81||h.a {found}");
            assert!(shown.contains(&line), "{protocol:?}: {shown:?}");
        }
    }
}

#[test]
fn the_oldest_service_has_a_contested_address() {
    let services = ["1", "2"].map(|name| {
        let mut service = speaking(name, Protocol::Tcp, 81, &["10.96.0.1/32"]);
        service.age = Age::new(if name == "1" { "2026" } else { "2025" }, name, "a");
        service
    });
    check(
        outbound(services.to_vec(), proxy("b", "x")),
        &["(10.96.0.1:81) captured tcp 81||2.a"],
    );
}

#[test]
fn without_capture_every_port_is_bound_once() {
    let services = vec![
        speaking("web", Protocol::Http, 8000, &["10.96.0.1/32"]),
        speaking("db", Protocol::Tcp, 5432, &["10.96.0.2/32"]),
        speaking("any", Protocol::Detect, 9000, &["10.96.0.3/32"]),
        // The HTTP proxy has that port.
        speaking("lost", Protocol::Http, 15002, &["10.96.0.4/32"]),
    ];
    check(
        outbound(services.clone(), bound_proxy("b", "x")),
        &[
            "(127.0.2.1:8000) bound http 8000",
            "(127.0.2.1:5432) bound tcp 5432||db.a",
            "(127.0.2.1:9000) bound detect 9000 or 9000||any.a",
        ],
    );
    let units: Vec<_> = services.into_iter().map(service_unit).collect();
    let views = compile(&units, bound_proxy("b", "x"));
    let proxied: Vec<String> = routes(&views)
        .into_iter()
        .filter(|line| line.starts_with("http_proxy/"))
        .collect();
    check(
        proxied,
        &[
            "http_proxy/any.a.svc.cluster.local:9000 -> 1*9000||any.a",
            "http_proxy/lost.a.svc.cluster.local:15002 -> 1*15002||lost.a",
            "http_proxy/web.a.svc.cluster.local:8000 -> 1*8000||web.a",
        ],
    );
}

#[test]
fn a_workload_serves_the_ports_of_its_services() {
    let mut web = service("a", "web");
    web.ports = vec![
        port("http", Protocol::Http, 80, "8080"),
        port("grpc", Protocol::Grpc, 81, "grpc"),
        port("unknown", Protocol::Http, 82, "nowhere"),
    ];
    let mut admin = service("a", "zadmin");
    admin.selector = web.selector.clone();
    admin.ports = vec![
        port("x", Protocol::Tcp, 90, "8080"),
        port("y", Protocol::Detect, 91, "9090"),
        port("z", Protocol::Opaque, 92, "9091"),
    ];
    let mut workload = pod("a", "web-1", "127.0.1.1", "app=web");
    workload.ports = BTreeMap::from([(Arc::from("grpc"), 50051)]);
    let units = [
        service_unit(web),
        service_unit(admin),
        workload_unit(workload),
    ];
    let inbound = |proxy| {
        let views = compile(&units, proxy);
        let lines = [listeners(&views), clusters(&views)].concat();
        lines
            .into_iter()
            .filter(|line| line.to_lowercase().contains("inbound"))
            .collect::<Vec<_>>()
    };
    check(
        inbound(proxy("a", "web-1")),
        &[
            "inbound passthrough original from 127.0.0.6",
            "inbound|50051 original from 127.0.0.6",
            "inbound|8080 original from 127.0.0.6",
            "inbound|9090 original from 127.0.0.6",
            "inbound|9091 original from 127.0.0.6",
            "virtualInbound 8080 Http web.a.svc.cluster.local:80, \
             9090 Detect zadmin.a.svc.cluster.local:91, \
             9091 Tcp { server_first: true } zadmin.a.svc.cluster.local:92, \
             50051 Http web.a.svc.cluster.local:81",
        ],
    );
    check(
        inbound(bound_proxy("a", "web-1")),
        &[
            "Inbound(127.0.1.1:50051) Http web.a.svc.cluster.local:81",
            "Inbound(127.0.1.1:8080) Http web.a.svc.cluster.local:80",
            "Inbound(127.0.1.1:9090) Detect zadmin.a.svc.cluster.local:91",
            "Inbound(127.0.1.1:9091) Tcp { server_first: true } zadmin.a.svc.cluster.local:92",
            "inbound|50051 Tcp(127.0.0.1:50051)",
            "inbound|8080 Tcp(127.0.0.1:8080)",
            "inbound|9090 Tcp(127.0.0.1:9090)",
            "inbound|9091 Tcp(127.0.0.1:9091)",
        ],
    );
    let mut colliding = bound_proxy("a", "web-1");
    if let Interception::None(bound) = &mut colliding.interception {
        bound.app = bound.inbound;
    }
    let without_listeners = inbound(colliding);
    assert!(
        without_listeners
            .iter()
            .all(|line| line.starts_with("inbound|")),
        "{without_listeners:?}"
    );
    let mut transparent = proxy("a", "web-1");
    transparent.interception = Interception::Tproxy;
    assert!(inbound(transparent).contains(&"inbound|8080 original".to_owned()));
    check(
        inbound(proxy("a", "stranger")),
        &[
            "inbound passthrough original from 127.0.0.6",
            "virtualInbound ",
        ],
    );
}

#[test]
fn a_sidecar_says_what_a_workload_serves() {
    let ingress = |number, app, capture| IngressListener {
        port: ListenerPort {
            number,
            name: Arc::from("x"),
            protocol: Protocol::Http,
        },
        bind: Arc::from(""),
        capture,
        app,
        pool: None,
        origin: origin("Sidecar", "a", "s", "spec.ingress[0]"),
    };
    let mut sidecar = sidecar("a", "s", &["*/*"]);
    let socket = AppEndpoint::Unix(Arc::from("/app.sock"));
    sidecar.ingress = vec![
        ingress(70, AppEndpoint::Default, CaptureMode::Default),
        ingress(71, AppEndpoint::Instance(8080), CaptureMode::Default),
        ingress(72, socket, CaptureMode::None),
    ];
    let units = [
        sidecar_unit(sidecar),
        service_unit(service("a", "web")),
        workload_unit(pod("a", "web-1", "127.0.1.1", "app=web")),
    ];
    let views = compile(&units, proxy("a", "web-1"));
    let inbound: Vec<String> = [listeners(&views), clusters(&views)]
        .concat()
        .into_iter()
        .filter(|line| line.to_lowercase().contains("inbound"))
        .collect();
    check(
        inbound,
        &[
            "Inbound(127.0.1.1:72) Http web.a.svc.cluster.local:72",
            "inbound passthrough original from 127.0.0.6",
            "inbound|70 Tcp(127.0.0.1:70)",
            "inbound|71 Tcp(127.0.1.1:8080)",
            "inbound|72 Unix(\"/app.sock\")",
            "virtualInbound 70 Http web.a.svc.cluster.local:70, \
             71 Http web.a.svc.cluster.local:71",
        ],
    );
}
