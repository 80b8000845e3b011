//! Each kind: what an object says to the mesh, and what its author is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_api::Object;
use ferromesh_dialect_kubernetes::{
    endpoint_slice, namespace, node, pod, service, service_account,
};
use ferromesh_kube_source::yaml;
use ferromesh_mesh::decl::endpoints::{EndpointState, Endpoints, Identity};
use ferromesh_mesh::decl::service::{Resolution, Service, ServicePort, TargetPort};
use ferromesh_mesh::decl::workload::{PeerTls, Workload};
use ferromesh_mesh::decl::{Declaration, Export, Visibility};
use ferromesh_mesh::diagnostic::{Remarks, Severity};
use ferromesh_mesh::name::{Locality, Namespace};
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::policy::locality::TrafficDistribution;
use ferromesh_mesh::policy::protocol::Protocol;

/// The declarations, and each remark as `severity code path`.
fn lower(text: &str) -> (Vec<Declaration>, Vec<String>) {
    let documents = yaml::read(text);
    assert_eq!(documents.faults, [], "{text}");
    let [document] = &documents.documents[..] else {
        panic!("one document: {text}")
    };
    let object =
        Object::new(document.content.clone()).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    let key = object.key();
    let mut remarks = Remarks::new(Arc::new(ObjectRef {
        group: key.group,
        kind: key.kind.clone(),
        namespace: key.namespace,
        name: key.name,
    }));
    let declarations = match &*key.kind {
        "Namespace" => namespace::lower(&object, &mut remarks),
        "Node" => node::lower(&object, &mut remarks),
        "Pod" => pod::lower(&object, &mut remarks),
        "Service" => service::lower(&object, &mut remarks),
        "ServiceAccount" => service_account::lower(&object, &mut remarks),
        "EndpointSlice" => endpoint_slice::lower(&object, &mut remarks),
        other => panic!("{other}"),
    };
    let remarks = remarks.into_list().into_iter().map(|remark| {
        let severity = match remark.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        format!("{severity} {} {}", remark.code, remark.path)
    });
    (declarations, remarks.collect())
}

fn service_text(spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: shop}}, spec: {spec}}}"
    )
}

#[track_caller]
fn service_of(text: &str, remarks: &[&str]) -> Arc<Service> {
    let (declarations, found) = lower(text);
    assert_eq!(found, remarks, "{text}");
    match &declarations[..] {
        [Declaration::Service(service)] => service.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn sound_service(spec: &str) -> Arc<Service> {
    service_of(&service_text(spec), &[])
}

#[track_caller]
fn workload_of(text: &str) -> Arc<Workload> {
    let (declarations, remarks) = lower(text);
    assert_eq!(remarks, [] as [&str; 0], "{text}");
    match &declarations[..] {
        [Declaration::Workload(workload)] => workload.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn endpoints_of(text: &str, remarks: &[&str]) -> Arc<Endpoints> {
    let (declarations, found) = lower(text);
    assert_eq!(found, remarks, "{text}");
    match &declarations[..] {
        [Declaration::Endpoints(endpoints)] => endpoints.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_service_is_known_by_its_names_and_addresses() {
    let service = sound_service(
        "{selector: {app: web}, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1'], ports: [{port: 80}]}",
    );
    assert_eq!(service.host.as_str(), "web.shop.svc.cluster.local");
    let aliases: Vec<_> = service.aliases.iter().map(|alias| alias.as_str()).collect();
    assert_eq!(aliases, ["web.shop", "web.shop.svc"]);
    assert_eq!(service.short_name.as_deref(), Some("web"));
    let addresses: Vec<_> = service.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.0.0.1/32", "fd00::1/128"]);
    assert_eq!(service.resolution, Resolution::Declared);
    assert_eq!(
        service.selector.as_ref().map(|selector| selector.0.len()),
        Some(1)
    );
    assert_eq!(service.export, Export::MeshDefault);
    assert_eq!(service.age.tie.as_ref(), "web.shop");
    assert!(!service.external && !service.publish_not_ready && !service.node_local);
}

#[test]
fn a_services_type_decides_how_its_instances_are_found() {
    for kind in ["ClusterIP", "NodePort", "LoadBalancer"] {
        let service = sound_service(&format!(
            "{{type: {kind}, clusterIP: 10.0.0.1, ports: [{{port: 80, nodePort: 30080}}]}}"
        ));
        assert_eq!(
            (&service.resolution, service.addresses.len()),
            (&Resolution::Declared, 1)
        );
        assert_eq!(service.selector, None);
    }
    for spec in [
        "{clusterIP: None}",
        "{clusterIPs: [None], ports: [{port: 80}]}",
    ] {
        let service = sound_service(spec);
        assert_eq!(
            (&service.resolution, service.addresses.len()),
            (&Resolution::Headless, 0)
        );
    }
    let service = sound_service(
        "{type: ExternalName, externalName: Example.com., selector: {a: b}, ports: [{port: 80, targetPort: 8080}]}",
    );
    let Resolution::Dns(targets) = &service.resolution else {
        panic!("{service:?}")
    };
    assert_eq!(
        targets
            .iter()
            .map(|target| &*target.address)
            .collect::<Vec<_>>(),
        ["example.com"]
    );
    assert_eq!((service.external, &service.selector), (true, &None));
    assert_eq!(service.ports[0].target, TargetPort::Number(80));
}

#[test]
fn ports_say_what_is_spoken_and_where() {
    let port = |number, name: &str, protocol, target| ServicePort {
        number,
        name: Arc::from(name),
        protocol,
        target,
    };
    let service = sound_service(
        "{ports: [{port: 80, name: http, targetPort: 8080}, {port: 81, name: x, appProtocol: grpc, targetPort: web},
          {port: 53, name: dns, protocol: UDP}, {port: 53, name: dns-tcp}, {port: 82, name: y1, targetPort: 0}, {port: 83, name: z, appProtocol: ''}]}",
    );
    assert_eq!(
        service.ports,
        [
            port(80, "http", Protocol::Http, TargetPort::Number(8080)),
            port(81, "x", Protocol::Grpc, TargetPort::Name(Arc::from("web"))),
            port(53, "dns", Protocol::Udp, TargetPort::Number(53)),
            port(53, "dns-tcp", Protocol::Opaque, TargetPort::Number(53)),
            port(82, "y1", Protocol::Detect, TargetPort::Number(82)),
            port(83, "z", Protocol::Detect, TargetPort::Number(83)),
        ]
    );
    let service = service_of(
        &service_text("{ports: [{port: 80, protocol: SCTP}]}"),
        &["warning not-captured spec.ports[0].protocol"],
    );
    assert_eq!(service.ports[0].protocol, Protocol::Udp);
}

#[test]
fn unsound_services_are_refused_and_their_sound_ports_kept() {
    for (spec, remark, ports) in [
        ("{}", "missing-field spec.ports", 0),
        ("{ports: [{port: 0}]}", "invalid-port spec.ports[0].port", 0),
        (
            "{ports: [{port: 80, name: a}, {port: 70000, name: b}]}",
            "invalid-port spec.ports[1].port",
            1,
        ),
        (
            "{ports: [{port: 80, targetPort: 70000}]}",
            "invalid-port spec.ports[0].targetPort",
            0,
        ),
        (
            "{ports: [{port: 80, targetPort: '8080'}]}",
            "invalid-port spec.ports[0].targetPort",
            0,
        ),
        (
            "{ports: [{port: 80, protocol: HTTP}]}",
            "invalid-value spec.ports[0].protocol",
            0,
        ),
        (
            "{ports: [{port: 80, name: a}, {port: 81}]}",
            "missing-field spec.ports[1].name",
            2,
        ),
        (
            "{ports: [{port: 80, name: a}, {port: 81, name: a}]}",
            "duplicate-port spec.ports[1].name",
            1,
        ),
        (
            "{ports: [{port: 80, name: a}, {port: 80, name: b}]}",
            "duplicate-port spec.ports[1].port",
            1,
        ),
        (
            "{type: Other, ports: [{port: 80}]}",
            "invalid-value spec.type",
            1,
        ),
        (
            "{clusterIP: x, ports: [{port: 80}]}",
            "invalid-address spec.clusterIP",
            1,
        ),
        (
            "{clusterIPs: [10.0.0.1, x], ports: [{port: 80}]}",
            "invalid-address spec.clusterIPs[1]",
            1,
        ),
        (
            "{sessionAffinity: Cookie, ports: [{port: 80}]}",
            "invalid-value spec.sessionAffinity",
            1,
        ),
        (
            "{internalTrafficPolicy: Near, ports: [{port: 80}]}",
            "invalid-value spec.internalTrafficPolicy",
            1,
        ),
        (
            "{trafficDistribution: Near, ports: [{port: 80}]}",
            "invalid-value spec.trafficDistribution",
            1,
        ),
        (
            "{selektor: {a: b}, ports: [{port: 80}]}",
            "unknown-field spec.selektor",
            1,
        ),
    ] {
        let service = service_of(&service_text(spec), &[&format!("error {remark}")]);
        assert_eq!(service.ports.len(), ports, "{spec}");
    }
    for (spec, remark) in [
        (
            "{type: ExternalName}",
            "error missing-field spec.externalName",
        ),
        ("{ports: {port: 80}}", "error wrong-type spec.ports"),
    ] {
        assert_eq!(
            lower(&service_text(spec)),
            (Vec::new(), vec![remark.to_owned()])
        );
    }
}

#[test]
fn a_service_says_how_it_is_balanced() {
    let balanced = |spec: &str| sound_service(&format!("{{ports: [{{port: 80}}], {spec}}}"));
    assert_eq!(
        balanced("sessionAffinity: ClientIP").session_affinity,
        Some(Duration::from_secs(10_800))
    );
    assert_eq!(
        balanced(
            "sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}"
        )
        .session_affinity,
        Some(Duration::from_secs(60))
    );
    assert_eq!(balanced("sessionAffinity: None").session_affinity, None);
    assert!(balanced("internalTrafficPolicy: Local").node_local);
    assert!(!balanced("internalTrafficPolicy: Cluster").node_local);
    assert!(balanced("publishNotReadyAddresses: true").publish_not_ready);
    assert!(balanced("externalIPs: []").addresses.is_empty());
    service_of(
        &service_text("{ports: [{port: 80}], externalIPs: [192.0.2.1]}"),
        &["warning no-effect-yet spec.externalIPs"],
    );
}

#[test]
fn annotations_say_who_sees_a_service_and_from_where_it_is_served() {
    let annotated = |key: &str, value: &str, spec: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: shop, annotations: {{{key}: '{value}'}}}}, spec: {{ports: [{{port: 80}}] {spec}}}}}"
        )
    };
    let only = |names: &[&str]| {
        Export::To(Visibility::Only(
            names.iter().map(|name| Namespace::from(*name)).collect(),
        ))
    };
    let key = "networking.istio.io/exportTo";
    for (value, expected) in [
        ("*", Export::To(Visibility::All)),
        (".", only(&["shop"])),
        ("~", only(&[])),
        ("a, b,.", only(&["a", "b", "shop"])),
        ("a,*", Export::To(Visibility::All)),
        ("", Export::MeshDefault),
    ] {
        assert_eq!(
            service_of(&annotated(key, value, ""), &[]).export,
            expected,
            "{value}"
        );
    }
    let remark = "warning invalid-export metadata.annotations[\"networking.istio.io/exportTo\"]";
    assert_eq!(
        service_of(&annotated(key, "a,B", ""), &[remark]).export,
        only(&["a"])
    );

    let key = "networking.istio.io/traffic-distribution";
    for (value, spec, expected) in [
        ("PreferClose", "", TrafficDistribution::PreferSameZone),
        ("prefersamezone", "", TrafficDistribution::PreferSameZone),
        ("PreferSameNode", "", TrafficDistribution::PreferSameNode),
        ("Any", "", TrafficDistribution::Any),
        (
            "Any",
            ", trafficDistribution: PreferClose",
            TrafficDistribution::PreferSameZone,
        ),
        (
            "PreferSameZone",
            ", trafficDistribution: PreferSameNode",
            TrafficDistribution::PreferSameNode,
        ),
    ] {
        assert_eq!(
            service_of(&annotated(key, value, spec), &[]).distribution,
            expected,
            "{value}{spec}"
        );
    }
    let remark =
        "warning invalid-value metadata.annotations[\"networking.istio.io/traffic-distribution\"]";
    service_of(&annotated(key, "Near", ""), &[remark]);
    let remark = "warning no-effect-yet metadata.annotations[\"ambient.istio.io/bypass\"]";
    service_of(&annotated("ambient.istio.io/bypass", "true", ""), &[remark]);
}

#[test]
fn a_pod_speaks_the_meshs_tls_if_its_label_says_so() {
    for (labels, peer_tls) in [
        ("", PeerTls::Plain),
        ("security.istio.io/tlsMode: istio", PeerTls::Mesh),
        ("security.istio.io/tlsMode: disabled", PeerTls::Plain),
        ("security.istio.io/tlsMode: ''", PeerTls::Plain),
    ] {
        let workload = workload_of(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: shop, labels: {{{labels}}}}}, spec: {{nodeName: n1}}}}"
        ));
        assert_eq!(workload.peer_tls, peer_tls, "{labels}");
    }
}

#[test]
fn a_pod_is_a_workload_while_it_lives() {
    let workload = workload_of(
        "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop, labels: {app: web, topology.istio.io/network: n1, istio-locality: r.z.s}},
          spec: {nodeName: node, serviceAccountName: sa,
            containers: [{name: a, image: x, ports: [{containerPort: 80, name: http}, {containerPort: 53, name: dns, protocol: UDP}]}, {name: b, ports: [{containerPort: 81, name: http}, {containerPort: 82}]}],
            initContainers: [{name: c, restartPolicy: Always, ports: [{containerPort: 90, name: side}]}, {name: d, ports: [{containerPort: 91, name: once}]}]},
          status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'FD00::1'}], conditions: [{type: Ready, status: 'False'}]}}",
    );
    assert_eq!(
        workload.addresses,
        [Arc::from("10.0.0.1"), Arc::from("fd00::1")]
    );
    assert_eq!(workload.service_account.as_str(), "sa");
    assert_eq!(
        workload.node.as_ref().map(|node| node.as_str()),
        Some("node")
    );
    assert_eq!(workload.locality, Some(Locality::parse("r/z/s")));
    assert_eq!(workload.network.as_str(), "n1");
    assert_eq!(
        workload.ports,
        BTreeMap::from([(Arc::from("http"), 80), (Arc::from("side"), 90)])
    );
    assert_eq!(
        workload.labels.get("app").map(|label| &**label),
        Some("web")
    );

    let pod = |labels: &str, spec: &str, status: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: shop, labels: {{{labels}}}}}, spec: {{{spec}}}, status: {{{status}}}}}"
        )
    };
    let workload = workload_of(&pod(
        "topology.istio.io/locality: a/b, istio-locality: c",
        "nodeName: n1",
        "",
    ));
    assert_eq!(workload.locality, Some(Locality::parse("a/b")));
    assert_eq!(
        (workload.addresses.len(), workload.service_account.as_str()),
        (0, "default")
    );
    assert_eq!(
        workload_of(&pod("", "", "podIP: 10.0.0.2")).addresses,
        [Arc::from("10.0.0.2")]
    );
    for (spec, status) in [
        ("nodeName: n1", "phase: Succeeded, podIP: 10.0.0.1"),
        ("nodeName: n1", "phase: Failed, podIP: 10.0.0.1"),
        ("", "phase: Pending"),
    ] {
        assert_eq!(
            lower(&pod("", spec, status)),
            (Vec::new(), Vec::new()),
            "{spec} {status}"
        );
    }
    for (spec, status, remark) in [
        (
            "nodeName: n1",
            "podIP: x",
            "error invalid-address status.podIP",
        ),
        (
            "nodeName: n1, containers: [{name: a, ports: [{containerPort: 0}]}]",
            "",
            "error invalid-port spec.containers[0].ports[0].containerPort",
        ),
        (
            "nodeName: n1, contaners: []",
            "",
            "error unknown-field spec.contaners",
        ),
        (
            "nodeName: n1",
            "newInKubernetes2: 1",
            "warning unknown-field status.newInKubernetes2",
        ),
    ] {
        assert_eq!(lower(&pod("", spec, status)).1, [remark]);
    }
}

#[test]
fn a_pod_says_whether_it_takes_traffic() {
    let pod = |metadata: &str, conditions: &str| {
        workload_of(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: shop {metadata}}}, spec: {{nodeName: n1}}, status: {{podIP: 10.0.0.1, conditions: [{conditions}]}}}}"
        ))
    };
    let ending = ", deletionTimestamp: '2026-01-01T00:00:00Z'";
    for (metadata, conditions, expected) in [
        ("", "", EndpointState::Ready),
        ("", "{type: Ready, status: 'True'}", EndpointState::Ready),
        (
            "",
            "{type: Ready, status: 'False'}",
            EndpointState::NotReady,
        ),
        // Nobody has heard of its node.
        (
            "",
            "{type: Ready, status: Unknown}",
            EndpointState::NotReady,
        ),
        (ending, "", EndpointState::Draining),
        (
            ending,
            "{type: Ready, status: 'True'}",
            EndpointState::Draining,
        ),
        (
            ending,
            "{type: Ready, status: 'False'}",
            EndpointState::NotReady,
        ),
    ] {
        assert_eq!(
            pod(metadata, conditions).state,
            expected,
            "{metadata} {conditions}"
        );
    }
    // The rest of the status changes nothing.
    assert_eq!(
        pod(
            "",
            "{type: ContainersReady, status: 'False'}, {type: Ready, status: 'True', lastProbeTime: '2026-01-01T00:00:00Z'}"
        ),
        pod(", resourceVersion: '2'", "{type: Ready, status: 'True'}"),
    );
}

fn slice_text(rest: &str) -> String {
    format!(
        "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: web-1, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}, {rest}}}"
    )
}

#[test]
fn a_slice_says_who_serves_and_in_which_state() {
    let endpoints = endpoints_of(
        &slice_text(
            "addressType: IPv4, ports: [{name: http, port: 8080}, {name: udp, port: 53, protocol: UDP}],
             endpoints: [{addresses: [10.0.0.1], nodeName: n1, zone: z, targetRef: {kind: Pod, name: p, namespace: other}, hints: {forZones: [{name: z1}, {name: z2}]}},
               {addresses: [10.0.0.2, 10.0.0.3], targetRef: {kind: Pod, name: q}}, {addresses: [10.0.0.4], targetRef: {kind: VM, name: v}}]",
        ),
        &[],
    );
    assert_eq!(endpoints.host.as_str(), "web.shop.svc.cluster.local");
    assert_eq!(
        endpoints.ports,
        BTreeMap::from([(Arc::from("http"), 8080), (Arc::from("udp"), 53)])
    );
    let shown: Vec<_> = endpoints
        .instances
        .iter()
        .map(|instance| {
            let who = match &instance.identity {
                Identity::Workload(name) => format!("{}/{}", name.namespace, name.name),
                Identity::ByAddress => "by address".to_owned(),
                Identity::Inline { .. } => "inline".to_owned(),
            };
            format!("{} {who}", instance.address)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "10.0.0.1 other/p",
            "10.0.0.2 shop/q",
            "10.0.0.3 shop/q",
            "10.0.0.4 by address"
        ]
    );
    let first = &endpoints.instances[0];
    assert_eq!(
        (&*first.zone, first.node.as_ref().map(|node| node.as_str())),
        ("z", Some("n1"))
    );
    assert_eq!(first.for_zones, [Arc::from("z1"), Arc::from("z2")]);

    for (conditions, state) in [
        ("", EndpointState::Ready),
        ("ready: true", EndpointState::Ready),
        ("ready: false", EndpointState::NotReady),
        ("ready: false, serving: true", EndpointState::NotReady),
        (
            "ready: false, serving: true, terminating: true",
            EndpointState::Draining,
        ),
        (
            "ready: false, serving: false, terminating: true",
            EndpointState::NotReady,
        ),
        ("ready: false, terminating: true", EndpointState::NotReady),
        (
            "ready: true, serving: true, terminating: true",
            EndpointState::Ready,
        ),
    ] {
        let text = slice_text(&format!(
            "addressType: IPv6, endpoints: [{{addresses: ['fd00::1'], conditions: {{{conditions}}}}}], ports: [{{port: 80}}]"
        ));
        let endpoints = endpoints_of(&text, &[]);
        assert_eq!(endpoints.instances[0].state, state, "{conditions}");
        assert_eq!(endpoints.ports, BTreeMap::from([(Arc::from(""), 80)]));
    }
}

#[test]
fn unsound_slices_are_answered() {
    for (rest, remark, instances) in [
        (
            "addressType: IPv4, endpoints: [{addresses: [x]}, {addresses: [10.0.0.1]}]",
            "error invalid-address endpoints[0].addresses[0]",
            1,
        ),
        (
            "addressType: IPv4, endpoints: [], ports: [{name: a}]",
            "warning no-effect ports[0]",
            0,
        ),
        (
            "addressType: IPv4, endpoints: [], ports: [{port: 0}]",
            "error invalid-port ports[0].port",
            0,
        ),
        (
            "addressType: IPv4, endpoints: [], ports: [{port: 1}, {port: 2}]",
            "error duplicate-port ports[1].name",
            0,
        ),
        (
            "addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forNodes: [{name: n1}]}}]",
            "warning no-effect-yet endpoints[0].hints.forNodes",
            1,
        ),
        (
            "addressType: IPv4, endpoints: [{addresses: [10.0.0.1], deprecatedTopology: {a: b}}]",
            "warning no-effect endpoints[0].deprecatedTopology",
            1,
        ),
        (
            "addressType: IPv4, endpoints: [{addresses: [10.0.0.1], redy: true}]",
            "error unknown-field endpoints[0].redy",
            1,
        ),
    ] {
        assert_eq!(
            endpoints_of(&slice_text(rest), &[remark]).instances.len(),
            instances,
            "{rest}"
        );
    }
    let text = slice_text("addressType: IPv4, endpoints: []");
    for (text, remark) in [
        (
            slice_text("addressType: FQDN, endpoints: [{addresses: [a.b]}]"),
            "warning no-effect addressType",
        ),
        (
            slice_text("addressType: IPv5, endpoints: []"),
            "error invalid-value addressType",
        ),
        (
            slice_text("endpoints: []"),
            "error missing-field addressType",
        ),
        (
            text.replace("kubernetes.io/service-name", "other"),
            "warning no-service metadata.labels",
        ),
    ] {
        assert_eq!(lower(&text), (Vec::new(), vec![remark.to_owned()]));
    }
}

#[test]
fn a_node_says_where_it_is() {
    let locality = |labels: &str| {
        let (declarations, remarks) = lower(&format!(
            "{{apiVersion: v1, kind: Node, metadata: {{name: n1, labels: {{{labels}}}}}}}"
        ));
        assert_eq!(remarks, [] as [&str; 0]);
        match &declarations[..] {
            [Declaration::Node(node)] => node.locality.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(locality(""), "//");
    assert_eq!(
        locality(
            "topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z, topology.istio.io/subzone: s, failure-domain.beta.kubernetes.io/zone: old"
        ),
        "r/z/s"
    );
    assert_eq!(
        locality(
            "failure-domain.beta.kubernetes.io/region: r, failure-domain.beta.kubernetes.io/zone: z"
        ),
        "r/z/"
    );
}

#[test]
fn what_says_nothing_to_the_mesh_is_read_nevertheless() {
    for (text, remarks) in [
        (
            "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {istio-injection: enabled}}}",
            vec![],
        ),
        (
            "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {istio.io/dataplane-mode: ambient}}}",
            vec!["warning no-effect-yet metadata.labels[\"istio.io/dataplane-mode\"]".to_owned()],
        ),
        (
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: b}, secrets: [{name: x}]}",
            vec![],
        ),
        (
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}, secret: []}",
            vec!["error unknown-field secret".to_owned()],
        ),
    ] {
        assert_eq!(lower(text), (Vec::new(), remarks), "{text}");
    }
}
