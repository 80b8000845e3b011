//! Instances: which, in which order, for whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::Selector;
use ferromesh_mesh::decl::endpoints::{EndpointState, Endpoints, Identity};
use ferromesh_mesh::decl::service::{DnsTarget, Resolution, Service};
use ferromesh_mesh::decl::workload::WorkloadKind;
use ferromesh_mesh::name::{Locality, Namespace};
use ferromesh_mesh::policy::locality::{
    Distribution, LocalityPolicy, PriorityLabel, TrafficDistribution,
};
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::unit::Unit;

use super::show::{check, clusters, compile, endpoints, listeners};
use crate::tests::build::*;
use crate::tests::laws;
use crate::{Compiler, Snapshot};

const REVIEWS: &str = "reviews.a.svc.cluster.local";

/// Three pods in three zones, and a client in the first.
fn world(
    service: Service,
    policies: Option<ferromesh_mesh::decl::traffic_policy::TrafficPolicies>,
) -> Vec<Arc<Unit>> {
    let places = [
        ("near", "r1/z1/", "n1"),
        ("zone", "r1/z2/", "n2"),
        ("far", "r2/z3/", "n3"),
    ];
    let mut units = vec![service_unit(service)];
    let mut instances = Vec::new();
    for (at, (name, locality, node_name)) in places.into_iter().enumerate() {
        let address = format!("10.0.0.{at}");
        let mut workload = pod("a", name, &address, &format!("app=reviews,tier={name}"));
        workload.node = Some(node_name.into());
        units.push(workload_unit(workload));
        units.push(node(node_name, locality));
        let mut endpoint = pod_endpoint("a", name, &address);
        endpoint.for_zones = vec![Arc::from(locality.split('/').nth(1).unwrap())];
        instances.push(endpoint);
    }
    units.push(slice("a", "reviews", "s", instances));
    let mut client = pod("a", "client", "10.0.0.9", "tier=zone");
    client.node = Some("n1".into());
    units.push(workload_unit(client));
    units.extend(policies.map(policies_unit));
    units
}

fn near(service: Service, locality: Option<LocalityPolicy>, ejects: bool) -> Vec<String> {
    let mut policies = policies("a", "dr", REVIEWS, &[]);
    policies.policy.all.locality = locality;
    policies.policy.all.outlier = ejects.then(outlier);
    endpoints(&compile(
        &world(service, Some(policies)),
        proxy("a", "client"),
    ))
}

/// Group texts with the addresses' last numbers only: `p0 0; p1 1,2`.
fn brief(lines: &[String]) -> String {
    let line = lines.first().map_or("", |line| line.as_str());
    line.trim_start_matches("80||reviews.a ")
        .split("; ")
        .map(|group| {
            let (head, instances) = group.split_once(": ").unwrap();
            let mut head = head.split(' ');
            let (priority, weight) = (head.next().unwrap(), head.nth(1).unwrap());
            let numbers: Vec<_> = instances
                .split(", ")
                .map(|i| i.split(':').next().unwrap().trim_start_matches("10.0.0."))
                .collect();
            format!("{priority} {weight} {}", numbers.join(","))
        })
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn near_instances_come_first_if_failing_ones_are_ejected() {
    let unhinted = || {
        let mut service = service("a", "reviews");
        service.distribution = TrafficDistribution::Any;
        service
    };
    let nearest = |failover: &[(&str, &str)]| LocalityPolicy::Nearest {
        failover: failover
            .iter()
            .map(|(from, to)| (Arc::from(*from), Arc::from(*to)))
            .collect(),
    };
    let label = |key: &str, value: Option<&str>| {
        LocalityPolicy::LabelPriority(vec![PriorityLabel {
            key: Arc::from(key),
            value: value.map(Arc::from),
        }])
    };
    let shares = LocalityPolicy::Distribute(vec![Distribution {
        from: Arc::from("r1/z1/*"),
        to: vec![(Arc::from("r1/*"), 80), (Arc::from("r2/*"), 20)],
    }]);
    let cases = [
        (Some(nearest(&[])), true, "p0 w1 0; p1 w1 1; p2 w1 2"),
        (
            Some(nearest(&[("r1", "r3")])),
            true,
            "p0 w1 0; p1 w1 1; p2 w1 2",
        ),
        // The mesh's default is nearest as well.
        (None, true, "p0 w1 0; p1 w1 1; p2 w1 2"),
        (
            Some(LocalityPolicy::Ignored),
            true,
            "p0 w1 0; p0 w1 1; p0 w1 2",
        ),
        (Some(label("tier", None)), true, "p0 w1 1; p1 w1 0; p1 w1 2"),
        (
            Some(label("tier", Some("far"))),
            true,
            "p0 w1 2; p1 w1 0; p1 w1 1",
        ),
        (Some(shares), false, "p0 w40 0; p0 w40 1; p0 w20 2"),
        // Without ejection nothing fails over, and the hints of the slice count.
        (Some(nearest(&[])), false, "p0 w1 0"),
        (None, false, "p0 w1 0"),
    ];
    for (locality, ejects, expected) in cases {
        let found = near(unhinted(), locality.clone(), ejects);
        assert_eq!(brief(&found), expected, "{locality:?}");
    }
}

#[test]
fn an_instance_that_two_slices_name_counts_once() {
    let twin = |zone: &str, state| {
        let mut endpoint = endpoint("10.0.0.7", Identity::ByAddress);
        endpoint.zone = Arc::from(zone);
        endpoint.state = state;
        endpoint
    };
    for (one, other, expected) in [
        (
            ("z1", EndpointState::Draining),
            ("z2", EndpointState::Ready),
            "80||reviews.a p0 /z2/ w1: 10.0.0.7:8080 Ready",
        ),
        (
            ("z2", EndpointState::Ready),
            ("z1", EndpointState::Ready),
            "80||reviews.a p0 /z1/ w1: 10.0.0.7:8080 Ready",
        ),
    ] {
        let units = [
            service_unit(service("a", "reviews")),
            slice("a", "reviews", "one", vec![twin(one.0, one.1)]),
            slice("a", "reviews", "two", vec![twin(other.0, other.1)]),
        ];
        assert_eq!(
            endpoints(&compile(&units, proxy("a", "client"))),
            [expected]
        );
    }
}

#[test]
fn a_service_may_prefer_near_instances_itself() {
    type Edit = fn(&mut Service);
    let cases: [(Edit, &str); 4] = [
        (
            |service| service.distribution = TrafficDistribution::PreferClose,
            "p0 w1 0; p1 w1 1; p2 w1 2",
        ),
        (
            |service| service.distribution = TrafficDistribution::PreferSameZone,
            "p0 w1 0; p1 w1 1; p1 w1 2",
        ),
        (
            |service| service.distribution = TrafficDistribution::PreferSameNode,
            "p0 w1 0; p1 w1 1; p1 w1 2",
        ),
        (|service| service.node_local = true, "p0 w1 0"),
    ];
    for (edit, expected) in cases {
        let mut service = service("a", "reviews");
        edit(&mut service);
        let found = near(service, None, false);
        assert_eq!(brief(&found), expected);
    }
}

#[test]
fn only_what_takes_traffic_is_listed() {
    let states = [
        EndpointState::Ready,
        EndpointState::Draining,
        EndpointState::NotReady,
    ];
    let instances: Vec<_> = states
        .into_iter()
        .enumerate()
        .map(|(at, state)| {
            let mut endpoint = endpoint(&format!("10.0.0.{at}"), Identity::ByAddress);
            endpoint.state = state;
            endpoint
        })
        .collect();
    let line = |publish: bool| {
        let mut service = service("a", "reviews");
        service.publish_not_ready = publish;
        let units = [
            service_unit(service),
            slice("a", "reviews", "1", instances[..2].to_vec()),
            // Slices overlap while an instance moves from one to the other.
            slice("a", "reviews", "2", instances[1..].to_vec()),
        ];
        endpoints(&compile(&units, proxy("a", "x")))
    };
    check(
        line(false),
        &["80||reviews.a p0 // w2: 10.0.0.0:8080 Ready, 10.0.0.1:8080 Draining"],
    );
    check(
        line(true),
        &[
            "80||reviews.a p0 // w3: 10.0.0.0:8080 Ready, 10.0.0.1:8080 Draining, \
           10.0.0.2:8080 Ready",
        ],
    );
}

#[test]
fn hints_count_though_some_instances_have_none() {
    let hinted = |address: &str, state, zones: &[&str]| {
        let mut endpoint = endpoint(address, Identity::ByAddress);
        endpoint.state = state;
        endpoint.for_zones = zones.iter().map(|zone| Arc::from(*zone)).collect();
        endpoint
    };
    let ready = [
        hinted("10.0.0.1", EndpointState::Ready, &["z1"]),
        hinted("10.0.0.2", EndpointState::Ready, &["z2"]),
    ];
    let mut machine = pod("a", "vm", "10.0.0.5", "app=reviews");
    machine.kind = WorkloadKind::Entry;
    machine.origin = origin("WorkloadEntry", "a", "vm", "spec");
    for (third, expected) in [
        // Kubernetes takes the hints of a pod that ends away.
        (hinted("10.0.0.3", EndpointState::Draining, &[]), "1,3,5"),
        (hinted("10.0.0.3", EndpointState::Draining, &["z2"]), "1,5"),
        (hinted("10.0.0.3", EndpointState::NotReady, &[]), "1,5"),
        (hinted("10.0.0.3", EndpointState::Ready, &[]), "1,2,3,5"),
    ] {
        let mut client = pod("a", "client", "10.0.0.9", "");
        client.node = Some("n1".into());
        let units = [
            service_unit(service("a", "reviews")),
            slice(
                "a",
                "reviews",
                "s",
                [&ready[..], std::slice::from_ref(&third)].concat(),
            ),
            workload_unit(machine.clone()),
            node("n1", "r1/z1"),
            workload_unit(client),
        ];
        let found = brief(&endpoints(&compile(&units, proxy("a", "client"))));
        let numbers = found.rsplit(' ').next();
        assert_eq!(numbers, Some(expected), "{third:?}");
    }
}

#[test]
fn an_entry_selects_workloads() {
    let mut legacy = entry("a", "e", "legacy.com", Resolution::Workloads);
    legacy.selector = Some(Selector(labels("app=legacy")));
    legacy.ports = vec![
        port("http", Protocol::Http, 80, "8080"),
        port("named", Protocol::Http, 81, "web"),
    ];
    let mut machine = pod("a", "vm", "10.0.0.1", "app=legacy,version=v1");
    machine.kind = WorkloadKind::Entry;
    machine.weight = 3;
    machine.ports = BTreeMap::from([(Arc::from("http"), 7000)]);
    machine.locality = Some(Locality::parse("r1/z1"));
    let mut other = pod("a", "pod", "10.0.0.2", "app=legacy");
    other.ports = BTreeMap::from([(Arc::from("web"), 9000)]);
    let units = [
        service_unit(legacy),
        policies_unit(policies("a", "dr", "legacy.com", &["v1"])),
        workload_unit(machine),
        workload_unit(other),
        workload_unit(pod("b", "elsewhere", "10.0.0.3", "app=legacy")),
    ];
    check(
        endpoints(&compile(&units, proxy("b", "x"))),
        &[
            "80||legacy.com p0 // w1: 10.0.0.2:8080 Ready; p0 r1/z1/ w3: 10.0.0.1:7000 Ready",
            "80|v1|legacy.com p0 r1/z1/ w3: 10.0.0.1:7000 Ready",
            "81||legacy.com p0 // w1: 10.0.0.2:9000 Ready",
            "81|v1|legacy.com ",
        ],
    );
}

#[test]
fn an_entry_follows_the_readiness_of_the_pods_that_it_selects() {
    let mut legacy = entry("a", "e", "legacy.com", Resolution::Workloads);
    legacy.selector = Some(Selector(labels("app=legacy")));
    let mut compiler = Compiler::new();
    compiler.replace(service_unit(legacy));
    let id = compiler.open(proxy("a", "client"));
    let mut snapshot = Snapshot::new();
    for (state, expected) in [
        (
            EndpointState::Ready,
            "80||legacy.com p0 // w1: 10.0.0.1:8080 Ready",
        ),
        (EndpointState::NotReady, "80||legacy.com "),
        (
            EndpointState::Draining,
            "80||legacy.com p0 // w1: 10.0.0.1:8080 Draining",
        ),
    ] {
        let mut selected = pod("a", "pod", "10.0.0.1", "app=legacy");
        selected.state = state;
        compiler.replace(workload_unit(selected));
        for edit in compiler.compile() {
            assert!(snapshot.apply(edit));
        }
        check(endpoints(&laws::views(&snapshot, id)), &[expected]);
    }
}

#[test]
fn a_kubernetes_service_selects_entries_beside_its_pods() {
    let machine = |name: &str, address: &str, labels: &str, ports: &[(&str, u16)]| {
        let mut machine = pod("a", name, address, labels);
        machine.kind = WorkloadKind::Entry;
        machine.origin = origin("WorkloadEntry", "a", name, "spec");
        machine.ports = ports.iter().map(|(n, p)| (Arc::from(*n), *p)).collect();
        workload_unit(machine)
    };
    let mut selecting = service("a", "reviews");
    selecting
        .ports
        .push(port("named", Protocol::Http, 81, "web"));
    let mut headless = service("a", "headless");
    headless.resolution = Resolution::Headless;
    headless.selector = selecting.selector.clone();
    let mut elsewhere = pod("b", "vm", "10.0.0.6", "app=reviews");
    elsewhere.kind = WorkloadKind::Entry;
    let mut not_ready = pod_endpoint("a", "pod", "10.0.0.3");
    not_ready.state = EndpointState::NotReady;
    let units = [
        service_unit(selecting),
        service_unit(headless),
        policies_unit(policies("a", "dr", REVIEWS, &["v2"])),
        slice(
            "a",
            "reviews",
            "s",
            vec![pod_endpoint("a", "pod", "10.0.0.1"), not_ready],
        ),
        // A pod of which no slice tells is no instance.
        workload_unit(pod("a", "pod", "10.0.0.2", "app=reviews")),
        machine("plain", "10.0.0.4", "app=reviews,version=v2", &[]),
        machine(
            "ports",
            "10.0.0.5",
            "app=reviews",
            &[("http", 7000), ("named", 1), ("web", 7001)],
        ),
        // Kubernetes knows these addresses.
        machine("twin", "10.0.0.1", "app=reviews", &[("http", 7000)]),
        machine("tired", "10.0.0.3", "app=reviews", &[]),
        machine("name", "vm.example.com", "app=reviews", &[]),
        machine("other", "10.0.0.7", "app=other", &[]),
        workload_unit(elsewhere),
    ];
    check(
        endpoints(&compile(&units, bound_proxy("b", "x"))),
        &[
            "80||headless.a ",
            "80||reviews.a p0 // w3: 10.0.0.1:8080 Ready, 10.0.0.4:8080 Ready, \
             10.0.0.5:7000 Ready",
            "80|v2|reviews.a p0 // w1: 10.0.0.4:8080 Ready",
            "81||reviews.a p0 // w1: 10.0.0.5:7001 Ready",
            "81|v2|reviews.a ",
        ],
    );
    // The machine's own proxy serves what its clients are told.
    let served: Vec<String> = listeners(&compile(&units, bound_proxy("a", "ports")))
        .into_iter()
        .filter_map(|line| Some(line.strip_prefix("Inbound(")?.split(')').next()?.to_owned()))
        .collect();
    check(served, &["127.0.1.1:7000", "127.0.1.1:7001"]);
}

#[test]
fn an_entry_lists_addresses_or_names() {
    let listed = Endpoints {
        host: ferromesh_mesh::name::Hostname::new("static.com"),
        namespace: Namespace::from("a"),
        ports: BTreeMap::new(),
        instances: vec![endpoint("10.0.0.1", inline("version=v1", "r1/z1"))],
    };
    let target = |address: &str, place: &str, version: &str| DnsTarget {
        address: Arc::from(address),
        ports: vec![(Arc::from("other"), 1)],
        labels: labels(&format!("version={version}")),
        locality: Locality::parse(place),
        weight: 1,
    };
    let names = vec![
        target("x.net", "r1/z1", "v1"),
        target("y.net", "r2/z3", "v2"),
    ];
    let mut dns = policies("a", "dr", "dns.com", &["v2"]);
    dns.policy.all.outlier = Some(outlier());
    let mut client = pod("a", "client", "10.0.0.9", "");
    client.locality = Some(Locality::parse("r1/z1"));
    let units = [
        service_unit(entry("a", "s", "static.com", Resolution::Declared)),
        endpoints_unit("ServiceEntry", "s-endpoints", listed),
        service_unit(entry("a", "d", "dns.com", Resolution::Dns(names))),
        service_unit(entry("a", "n", "none.com", Resolution::Original)),
        policies_unit(dns),
        workload_unit(client),
    ];
    let views = compile(&units, proxy("a", "client"));
    check(
        endpoints(&views),
        &["80||static.com p0 r1/z1/ w1: 10.0.0.1:8080 Ready"],
    );
    check(
        clusters(&views),
        &[
            "80||dns.com x.net:8080@0 y.net:8080@1",
            "80|v2|dns.com y.net:8080@0",
            "80||none.com original",
            "80||static.com endpoints",
            "black hole nothing",
            "inbound passthrough original from 127.0.0.6",
            "passthrough original",
        ],
    );
}
