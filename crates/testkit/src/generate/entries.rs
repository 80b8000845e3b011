//! ServiceEntries and WorkloadEntries.

use serde_json::{Value, json};

use super::{Dice, export, istio, kubernetes};

/// How the addresses begin that only WorkloadEntries have.
pub const MACHINES: &str = "192.0.2.10";

pub(super) fn service_entry(dice: &mut Dice) -> Value {
    let namespace = dice.pick(&super::NAMESPACES);
    let number = dice.below(4);
    let ports = dice.value(&[
        json!([{"number": 80, "name": "http", "protocol": "HTTP"}]),
        json!([{"number": 443, "name": "tls", "protocol": "TLS"}]),
        json!([{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}, {"number": 9000, "name": "grpc", "protocol": "GRPC"}]),
    ]);
    let mut spec = json!({
        "hosts": [format!("ext-{number}.example.com")],
        "ports": ports,
        "location": dice.pick(&["MESH_EXTERNAL", "MESH_INTERNAL"]),
    });
    match dice.below(6) {
        0 => spec["resolution"] = json!("NONE"),
        1 => spec["resolution"] = json!("DNS"),
        2 => {
            spec["resolution"] = json!("DNS_ROUND_ROBIN");
            let name = spec["ports"][0]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            spec["endpoints"] = json!([{"address": "real.example.com", "ports": {name: 8081}}]);
        }
        3 => {
            spec["resolution"] = json!("STATIC");
            spec["workloadSelector"] = json!({"labels": {"app": format!("svc-{number}")}});
        }
        _ => {
            spec["resolution"] = json!("STATIC");
            spec["addresses"] = json!([format!("240.0.0.{}", number + 1)]);
            spec["endpoints"] = json!([
                {"address": "192.0.2.1", "labels": {"version": "v1"}, "weight": 1 + dice.below(5), "serviceAccount": "vm"},
                {"address": "192.0.2.2", "labels": {"version": "v2"}, "locality": "r1/r1-a"},
            ]);
        }
    }
    let names = json!(["ext.example.com", "spiffe://cluster.local/ns/alpha/sa/vm"]);
    dice.maybe(&mut spec, "subjectAltNames", 20, &[names]);
    export(dice, &mut spec);
    let name = format!("se-{}", dice.below(6));
    istio(dice, "ServiceEntry", namespace, &name, spec)
}

pub(super) fn workload_entry(dice: &mut Dice) -> Value {
    let namespace = dice.namespace();
    let number = dice.below(4);
    // Services of the same label select it, beside their pods; sometimes it is one of those.
    let address = if dice.percent(20) {
        kubernetes::address(namespace, number)
    } else {
        format!("{MACHINES}{number}")
    };
    let mut spec = json!({
        "address": address,
        "labels": super::labels(dice, &format!("svc-{number}")),
        "serviceAccount": "vm",
    });
    dice.maybe(&mut spec, "locality", 50, &[json!("r1/r1-b"), json!("r2")]);
    dice.maybe(&mut spec, "weight", 30, &[json!(1), json!(7)]);
    dice.maybe(
        &mut spec,
        "ports",
        40,
        &[json!({"http": 8088}), json!({"grpc": 9098, "tcp-db": 5433})],
    );
    istio(
        dice,
        "WorkloadEntry",
        namespace,
        &format!("vm-{number}"),
        spec,
    )
}
