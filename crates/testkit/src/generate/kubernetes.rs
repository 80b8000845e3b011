//! Kubernetes' own kinds.

use serde_json::{Value, json};

use super::{Dice, NAMESPACES, labels, service_name, timestamp};

const ZONES: [(&str, &str); 3] = [("r1", "r1-a"), ("r1", "r1-b"), ("r2", "r2-a")];
const PORTS: [(&str, u16, Option<&str>); 7] = [
    ("http", 80, None),
    ("http-alt", 8080, None),
    ("grpc", 9000, None),
    ("tcp-db", 5432, None),
    ("plain", 7000, None),
    ("web", 81, Some("http")),
    ("mongo", 27017, None),
];

pub(super) fn namespace(dice: &mut Dice) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": dice.pick(&NAMESPACES)}})
}

pub(super) fn node(dice: &mut Dice) -> Value {
    let (region, zone) = ZONES[dice.below(ZONES.len())];
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": format!("node-{}", dice.below(4)),
            "labels": {
                "topology.kubernetes.io/region": region,
                "topology.kubernetes.io/zone": zone,
            },
        },
    })
}

pub(super) fn service_account(dice: &mut Dice) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": format!("sa-{}", dice.below(3)), "namespace": dice.namespace()},
    })
}

/// The `index`th pod of a namespace has always the same address, as long as it lives.
pub(super) fn address(namespace: &str, index: usize) -> String {
    let second = NAMESPACES.iter().position(|n| *n == namespace).unwrap_or(0);
    format!("10.{second}.0.{}", index + 1)
}

pub(super) fn pod(dice: &mut Dice) -> Value {
    let namespace = dice.namespace();
    let index = dice.below(20);
    let app = format!("svc-{}", index % 8);
    let phase = if dice.percent(90) {
        "Running"
    } else {
        "Succeeded"
    };
    let address = address(namespace, index);
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("pod-{index}"),
            "namespace": namespace,
            "labels": labels(dice, &app),
        },
        "spec": {
            "serviceAccountName": format!("sa-{}", index % 3),
            "containers": [{
                "name": "app",
                "ports": [
                    {"name": "http", "containerPort": 8080},
                    {"name": "grpc", "containerPort": 9090},
                ],
            }],
        },
        "status": {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]},
    });
    dice.maybe(
        &mut pod["metadata"]["labels"],
        "security.istio.io/tlsMode",
        70,
        &[json!("istio")],
    );
    dice.maybe(
        &mut pod["spec"],
        "nodeName",
        80,
        &[json!("node-0"), json!("node-1"), json!("node-2")],
    );
    pod
}

pub(super) fn touch_pod(dice: &mut Dice, pod: &mut Value) {
    let app = pod["metadata"]["labels"]["app"]
        .as_str()
        .unwrap_or("svc-0")
        .to_owned();
    pod["metadata"]["labels"] = labels(dice, &app);
    dice.maybe(
        &mut pod["metadata"]["labels"],
        "security.istio.io/tlsMode",
        70,
        &[json!("istio"), json!("disabled")],
    );
}

fn ports(dice: &mut Dice) -> Value {
    let count = 1 + dice.below(3);
    let from = dice.below(PORTS.len());
    let mut ports = Vec::new();
    for (name, number, app_protocol) in PORTS.iter().cycle().skip(from).take(count) {
        let mut port = json!({"name": name, "port": number, "protocol": "TCP"});
        dice.maybe(
            &mut port,
            "targetPort",
            70,
            &[
                json!(8080),
                json!("http"),
                json!("grpc"),
                json!("no-such-port"),
            ],
        );
        if let Some(protocol) = app_protocol {
            port["appProtocol"] = json!(protocol);
        }
        ports.push(port);
    }
    Value::Array(ports)
}

pub(super) fn service(dice: &mut Dice) -> Value {
    let namespace = dice.namespace();
    let name = service_name(dice);
    let second = NAMESPACES.iter().position(|n| *n == namespace).unwrap_or(0);
    let ordinal = name.bytes().last().unwrap_or(b'0');
    let mut metadata = json!({"name": name, "namespace": namespace});
    timestamp(dice, &mut metadata);
    if dice.percent(15) {
        metadata["annotations"] =
            json!({"networking.istio.io/exportTo": dice.pick(&[".", "*", "beta"])});
    }
    let mut spec = json!({"ports": ports(dice), "selector": {"app": name}});
    match dice.below(10) {
        0 => spec["clusterIP"] = json!("None"),
        1 => {
            spec = json!({"type": "ExternalName", "externalName": "ext.example.com", "ports": ports(dice)});
        }
        _ => spec["clusterIP"] = json!(format!("10.96.{second}.{ordinal}")),
    }
    dice.maybe(
        &mut spec,
        "sessionAffinity",
        10,
        &[json!("ClientIP"), json!("None")],
    );
    if spec["type"] != "ExternalName" {
        dice.maybe(
            &mut spec,
            "trafficDistribution",
            10,
            &[json!("PreferClose")],
        );
        dice.maybe(
            &mut spec,
            "internalTrafficPolicy",
            10,
            &[json!("Local"), json!("Cluster")],
        );
        dice.maybe(&mut spec, "publishNotReadyAddresses", 10, &[json!(true)]);
    }
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
}

pub(super) fn touch_service(dice: &mut Dice, service: &mut Value) {
    service["spec"]["ports"] = ports(dice);
}

fn endpoint(dice: &mut Dice, namespace: &str, index: usize) -> Value {
    let (_, zone) = ZONES[dice.below(ZONES.len())];
    let conditions = [
        json!({"ready": true, "serving": true, "terminating": false}),
        json!({"ready": false, "serving": true, "terminating": true}),
        json!({"ready": false, "serving": false, "terminating": false}),
        json!({"ready": true}),
        json!({}),
    ];
    let mut endpoint = json!({
        "addresses": [address(namespace, index)],
        "conditions": dice.value(&conditions),
        "zone": zone,
    });
    if dice.percent(80) {
        endpoint["targetRef"] =
            json!({"kind": "Pod", "name": format!("pod-{index}"), "namespace": namespace});
    }
    dice.maybe(
        &mut endpoint,
        "nodeName",
        60,
        &[json!("node-0"), json!("node-1")],
    );
    dice.maybe(
        &mut endpoint,
        "hints",
        10,
        &[json!({"forZones": [{"name": "r1-a"}]})],
    );
    endpoint
}

pub(super) fn endpoint_slice(dice: &mut Dice) -> Value {
    let namespace = dice.namespace();
    let service = dice.below(8);
    let slice = dice.below(2);
    // Pods of a service are those whose index is congruent to its number.
    let endpoints: Vec<_> = (0..3)
        .map(|turn| service + 8 * turn)
        .filter(|index| *index < 20)
        .map(|index| endpoint(dice, namespace, index))
        .collect();
    let count = 1 + dice.below(PORTS.len());
    let ports: Vec<_> = PORTS
        .iter()
        .take(count)
        .map(|(name, _, _)| {
            json!({"name": name, "port": if *name == "grpc" { 9090 } else { 8080 }, "protocol": "TCP"})
        })
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("svc-{service}-{slice}"),
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": format!("svc-{service}")},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    })
}

pub(super) fn touch_endpoint_slice(dice: &mut Dice, slice: &mut Value) {
    let namespace = slice["metadata"]["namespace"]
        .as_str()
        .unwrap_or("alpha")
        .to_owned();
    let Some(endpoints) = slice["endpoints"].as_array_mut() else {
        return;
    };
    if endpoints.is_empty() || dice.percent(30) {
        let index = dice.below(20);
        endpoints.retain(|known| known["addresses"][0] != address(&namespace, index).as_str());
        endpoints.push(endpoint(dice, &namespace, index));
        return;
    }
    let at = dice.below(endpoints.len());
    if dice.percent(40) {
        endpoints.remove(at);
    } else {
        let ready = dice.percent(50);
        endpoints[at]["conditions"] = json!({"ready": ready, "serving": ready});
    }
}
