//! DestinationRules.

use serde_json::{Value, json};

use super::{Dice, export, host, istio, security};

fn load_balancer(dice: &mut Dice) -> Value {
    let mut balancer = dice.value(&[
        json!({"simple": "ROUND_ROBIN"}),
        json!({"simple": "LEAST_REQUEST"}),
        json!({"simple": "RANDOM"}),
        json!({"simple": "PASSTHROUGH"}),
        json!({"consistentHash": {"httpHeaderName": "x-user"}}),
        json!({"consistentHash": {"useSourceIp": true, "maglev": {"tableSize": 65537}}}),
        json!({"consistentHash": {"httpCookie": {"name": "user", "ttl": "0s", "path": "/"}}}),
        json!({"consistentHash": {"httpQueryParameterName": "user", "ringHash": {"minimumRingSize": 2048}}}),
    ]);
    if balancer["simple"] == "ROUND_ROBIN" || balancer["simple"] == "LEAST_REQUEST" {
        dice.maybe(
            &mut balancer,
            "warmup",
            20,
            &[
                json!({"duration": "30s"}),
                json!({"duration": "1m", "minimumPercent": 5, "aggression": 1.5}),
            ],
        );
    }
    dice.maybe(
        &mut balancer,
        "localityLbSetting",
        25,
        &[
            json!({"enabled": false}),
            json!({"failover": [{"from": "r1", "to": "r2"}]}),
            json!({"distribute": [{"from": "r1/*", "to": {"r1/r1-a/*": 70, "r2/*": 30}}]}),
            json!({"failoverPriority": ["version", "topology.kubernetes.io/region", "tier=front"]}),
        ],
    );
    balancer
}

fn policy(dice: &mut Dice) -> Value {
    let mut policy = json!({});
    if dice.percent(50) {
        policy["loadBalancer"] = load_balancer(dice);
    }
    dice.maybe(
        &mut policy,
        "connectionPool",
        40,
        &[
            json!({"tcp": {"maxConnections": 100}, "http": {"http1MaxPendingRequests": 50, "maxRequestsPerConnection": 2}}),
            json!({"tcp": {"connectTimeout": "3s", "idleTimeout": "1h", "maxConnectionDuration": "2h", "tcpKeepalive": {"probes": 3, "time": "1m", "interval": "10s"}}}),
            json!({"http": {"h2UpgradePolicy": "UPGRADE", "http2MaxRequests": 10, "maxRetries": 2, "idleTimeout": "5m", "maxConcurrentStreams": 64, "http2KeepAlive": {"interval": "30s", "timeout": "5s"}}}),
            json!({"http": {"useClientProtocol": true}}),
        ],
    );
    dice.maybe(
        &mut policy,
        "outlierDetection",
        40,
        &[
            json!({"consecutive5xxErrors": 5, "interval": "30s", "baseEjectionTime": "30s", "maxEjectionPercent": 50}),
            json!({"consecutiveGatewayErrors": 3, "minHealthPercent": 30}),
            json!({"splitExternalLocalOriginErrors": true, "consecutiveLocalOriginFailures": 4}),
        ],
    );
    dice.maybe(
        &mut policy,
        "retryBudget",
        10,
        &[
            json!({"percent": 25, "minRetryConcurrency": 5}),
            json!({"percent": 10.5}),
        ],
    );
    if dice.percent(25) {
        policy["tls"] = security::client_tls(dice);
    }
    if policy == json!({}) {
        // A policy that says nothing is refused.
        policy["outlierDetection"] = json!({"consecutive5xxErrors": 9});
    }
    policy
}

pub(super) fn make(dice: &mut Dice) -> Value {
    let namespace = dice.pick(&super::NAMESPACES);
    let host = if dice.percent(10) {
        dice.pick(&["*.alpha.svc.cluster.local", "*.local", "*.example.com"])
            .to_owned()
    } else {
        host(dice)
    };
    let mut spec = json!({"host": host});
    if dice.percent(70) {
        let mut all = policy(dice);
        if dice.percent(20) {
            let mut port = policy(dice);
            if let Some(fields) = port.as_object_mut() {
                fields.remove("retryBudget");
            }
            if port == json!({}) {
                port["loadBalancer"] = json!({"simple": "RANDOM"});
            }
            port["port"] = json!({"number": dice.value(&[json!(80), json!(9000)])});
            all["portLevelSettings"] = json!([port]);
        }
        spec["trafficPolicy"] = all;
    }
    if dice.percent(70) {
        let mut subsets = Vec::new();
        for name in ["v1", "v2"] {
            let mut subset = json!({"name": name, "labels": {"version": name}});
            if dice.percent(30) {
                subset["trafficPolicy"] = policy(dice);
            }
            subsets.push(subset);
        }
        spec["subsets"] = Value::Array(subsets);
    }
    export(dice, &mut spec);
    let name = format!("dr-{}", dice.below(10));
    istio(dice, "DestinationRule", namespace, &name, spec)
}

pub(super) fn touch(dice: &mut Dice, object: &mut Value) {
    object["spec"]["trafficPolicy"] = policy(dice);
}
