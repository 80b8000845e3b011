//! Sidecars.

use serde_json::{Value, json};

use super::{Dice, istio};

pub(super) fn make(dice: &mut Dice) -> Value {
    let namespace = dice.pick(&super::NAMESPACES);
    let mut spec = json!({});
    let egress = dice.percent(80);
    if egress {
        let hosts = dice.value(&[
            json!(["./*"]),
            json!(["./*", "alpha/*"]),
            json!(["*/svc-1.alpha.svc.cluster.local", "beta/*"]),
            json!(["*/*", "~gamma/*"]),
        ]);
        spec["egress"] = json!([{"hosts": hosts}]);
    }
    // In the root namespace a Sidecar must not select workloads.
    if namespace != super::NAMESPACES[0] && dice.percent(40) {
        spec["workloadSelector"] = json!({"labels": {"app": format!("svc-{}", dice.below(8))}});
        if dice.percent(50) {
            spec["ingress"] = json!([{
                "port": {"number": 8080, "protocol": "HTTP", "name": "http"},
                "defaultEndpoint": "127.0.0.1:9999",
            }]);
        }
    }
    dice.maybe(
        &mut spec,
        "outboundTrafficPolicy",
        30,
        &[
            json!({"mode": "REGISTRY_ONLY"}),
            json!({"mode": "ALLOW_ANY"}),
        ],
    );
    if !egress && spec["ingress"].is_null() {
        spec["outboundTrafficPolicy"] = json!({"mode": "ALLOW_ANY"});
    }
    let name = format!("sidecar-{}", dice.below(3));
    istio(dice, "Sidecar", namespace, &name, spec)
}
