//! Every leaf of Istio's schema: with and without it, the declarations differ; or the remarks
//! say that it has no effect yet.

use ferromesh_mesh::diagnostic::Severity;
use serde_json::{Value, json};

use super::{lower, object};

/// Kind, leaf path, type and use of each leaf (Istio 1.31).
const FIELDS: &str = include_str!("../../../dialects/src/istio-fields.tsv");

/// What the table of supported fields says of them: the row with the longest path counts.
const SUPPORT: &str = include_str!("../../../dialects/src/istio-support.tsv");

/// Whether the table says that a leaf has an effect.
fn is_supported(kind: &str, leaf: &str) -> bool {
    SUPPORT
        .lines()
        .map(|row| row.split('\t').collect::<Vec<_>>())
        .filter_map(|row| match row[..] {
            [of, path, status, ..] if of == kind => Some((path, status)),
            _ => None,
        })
        .filter(|(path, _)| {
            let rest = leaf.strip_prefix(path);
            path.is_empty()
                || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
        })
        .max_by_key(|(path, _)| path.len())
        .is_some_and(|(_, status)| status == "supported")
}

/// Values that need company, or differ from what their type suggests.
fn value(leaf: &str, kind_of: &str) -> Value {
    let name = leaf.rsplit('.').next().unwrap_or(leaf);
    if let Some((_, choices)) = kind_of.split_once('{') {
        // The last choice is never the default.
        let choices = choices.trim_end_matches('}');
        return json!(choices.rsplit('|').next());
    }
    match (name, kind_of) {
        ("key", _) => json!("source.principal"),
        ("jwksUri" | "jwks_uri", _) => json!("https://keys"),
        ("jwks", _) => json!(r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#),
        ("issuer", _) => json!("https://issuer"),
        ("ports[]" | "notPorts[]", _) => json!("80"),
        ("ipBlocks[]" | "notIpBlocks[]" | "remoteIpBlocks[]" | "notRemoteIpBlocks[]", _) => {
            json!("10.9.0.0/16")
        }
        ("host", _) => json!("other.example.com"),
        ("hosts[]", _) if leaf.starts_with("egress") => json!("ns/*.example.com"),
        ("hosts[]", _) => json!("c.example.com"),
        ("exportTo[]", _) => json!("ns"),
        ("addresses[]", _) => json!("10.9.9.9"),
        ("address", _) => json!("10.0.0.9"),
        ("bind", _) => json!("10.0.0.7"),
        ("defaultEndpoint", _) => json!("127.0.0.1:99"),
        ("locality", _) => json!("r/z/s"),
        ("version", _) => json!("V2"),
        ("protocol", _) => json!("HTTP2"),
        ("tableSize", _) => json!(101),
        ("percent" | "minimumPercent" | "aggression", _) => json!(42),
        ("outlierDetectionHttpErrorCodes[]", _) => json!(429),
        ("to{}", _) => json!(100),
        ("useSourceIp" | "enabled", _) => json!(name == "useSourceIp"),
        (_, "boolean") => json!(true),
        (_, "integer" | "integer/int32" | "number/double") => json!(9),
        (name, _) if is_duration(name) => json!("7s"),
        _ => json!("x9"),
    }
}

fn is_duration(name: &str) -> bool {
    [
        "Timeout",
        "Duration",
        "duration",
        "interval",
        "Interval",
        "time",
        "Time",
        "timeout",
        "ttl",
        "warmupDurationSecs",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

/// The smallest sound object around a leaf: what the leaf needs to be accepted, without it.
fn company(kind: &str, leaf: &str) -> Value {
    match kind {
        "DestinationRule" => policy_company(leaf),
        "ServiceEntry" => {
            let port = json!({"number": 80, "name": "x", "protocol": "HTTP"});
            let mut spec = json!({"hosts": ["a.example.com"], "ports": [port]});
            if leaf.starts_with("endpoints") || leaf.starts_with("workloadSelector") {
                spec["resolution"] = json!("STATIC");
            }
            if leaf.starts_with("endpoints") {
                spec["endpoints"] = json!([{"address": "10.0.0.1"}]);
            }
            if leaf == "resolution" {
                spec["hosts"] = json!(["*.example.com"]);
            }
            spec
        }
        "WorkloadEntry" => json!({"address": "10.0.0.1"}),
        "AuthorizationPolicy" => policy_of(leaf),
        "PeerAuthentication" => {
            json!({"selector": {"matchLabels": {"a": "b"}}, "portLevelMtls": {"80": {}}})
        }
        "RequestAuthentication" => json!({"jwtRules": [{
            "issuer": if leaf.ends_with("issuer") { "" } else { "https://i" },
            "outputClaimToHeaders": [{"header": "h", "claim": "c"}],
            "fromHeaders": [{"name": "n"}],
        }]}),
        "Sidecar" => {
            let pool = leaf
                .split_once("onnectionPool.")
                .map_or(json!({"tcp": {}}), |(_, rest)| {
                    block(&format!("connectionPool.{rest}"))["connectionPool"].clone()
                });
            json!({
                "ingress": [{"port": {"number": 80, "protocol": "HTTP"}, "connectionPool": if leaf.starts_with("ingress") { pool.clone() } else { json!({"tcp": {}}) }}],
                "egress": [{"port": {"number": 81}, "hosts": ["*/*"]}],
                "inboundConnectionPool": if leaf.starts_with("inbound") { pool } else { json!({"tcp": {}}) },
                "outboundTrafficPolicy": {},
            })
        }
        other => panic!("{other}"),
    }
}

/// The same for a leaf of an AuthorizationPolicy.
fn policy_of(leaf: &str) -> Value {
    let source = match leaf.rsplit('.').next() {
        Some("serviceAccounts[]" | "notServiceAccounts[]") => json!({"ipBlocks": ["10.0.0.1"]}),
        _ => json!({"principals": ["*"]}),
    };
    match leaf {
        "provider.name" => json!({"action": "CUSTOM", "rules": [{}]}),
        "action" => json!({"provider": {"name": "p"}, "rules": [{}]}),
        _ => json!({"rules": [{
            "from": [{"source": source}],
            "to": [{"operation": {"methods": ["GET"]}}],
            "when": [{"key": "source.namespace", "values": ["a"]}],
        }]}),
    }
}

/// The same for a leaf of a policy.
fn block(leaf: &str) -> Value {
    let hash = |more: Value| json!({"consistentHash": more});
    match leaf {
        "loadBalancer.warmup.minimumPercent" | "loadBalancer.warmup.aggression" => {
            json!({"loadBalancer": {"warmup": {"duration": "9s"}}})
        }
        "loadBalancer.consistentHash.maglev.tableSize"
        | "loadBalancer.consistentHash.minimumRingSize"
        | "loadBalancer.consistentHash.ringHash.minimumRingSize" => {
            json!({"loadBalancer": hash(json!({"httpHeaderName": "h"}))})
        }
        "loadBalancer.consistentHash.httpCookie.path"
        | "loadBalancer.consistentHash.httpCookie.ttl"
        | "loadBalancer.consistentHash.httpCookie.attributes[].name" => {
            json!({"loadBalancer": hash(json!({"httpCookie": {"name": "c"}}))})
        }
        "loadBalancer.consistentHash.httpCookie.attributes[].value" => {
            json!({"loadBalancer": hash(json!({"httpCookie": {"name": "c", "attributes": [{"name": "a"}]}}))})
        }
        "loadBalancer.localityLbSetting.distribute[].to{}" => {
            json!({"loadBalancer": {"localityLbSetting": {"distribute": [{"from": "a"}]}}})
        }
        "loadBalancer.localityLbSetting.distribute[].from" => {
            json!({"loadBalancer": {"localityLbSetting": {"distribute": [{"to": {"a": 100}}]}}})
        }
        "outlierDetection.consecutiveLocalOriginFailures" => {
            json!({"outlierDetection": {"splitExternalLocalOriginErrors": true}})
        }
        "connectionPool.http.http2KeepAlive.interval" => {
            json!({"connectionPool": {"http": {"http2KeepAlive": {"timeout": "3s"}}}})
        }
        "connectionPool.http.http2KeepAlive.timeout" => {
            json!({"connectionPool": {"http": {"http2KeepAlive": {"interval": "3s"}}}})
        }
        _ => json!({"outlierDetection": {}, "connectionPool": {"tcp": {}}}),
    }
}

/// The same for the four places of a policy in a DestinationRule.
fn policy_company(leaf: &str) -> Value {
    let port = |leaf: &str| {
        let mut port = block(leaf);
        port["port"] = json!({"number": 80});
        json!({"portLevelSettings": [port]})
    };
    let policy = |leaf: &str| match leaf.strip_prefix("portLevelSettings[].") {
        Some(leaf) => port(leaf),
        None => block(leaf),
    };
    if let Some(leaf) = leaf.strip_prefix("trafficPolicy.") {
        json!({"host": "a.b", "trafficPolicy": policy(leaf)})
    } else if let Some(leaf) = leaf.strip_prefix("subsets[].trafficPolicy.") {
        json!({"host": "a.b", "subsets": [{"name": "v1", "trafficPolicy": policy(leaf)}]})
    } else {
        json!({"host": "a.b", "subsets": [{"name": "v1"}]})
    }
}

/// Puts a leaf into a spec: a new key of a map, a further item of a list of scalars, the field of
/// the first item of a list of mappings.
fn put(spec: &mut Value, path: &str, leaf: Value) {
    let (step, rest) = match path.split_once('.') {
        Some((step, rest)) => (step, Some(rest)),
        None => (path, None),
    };
    if let Some(name) = step.strip_suffix("[]") {
        if spec.get(name).is_none() {
            spec[name] = json!([]);
        }
        let list = spec[name].as_array_mut().unwrap();
        match rest {
            None => list.push(leaf),
            Some(rest) => {
                if list.is_empty() {
                    list.push(json!({}));
                }
                put(&mut list[0], rest, leaf);
            }
        }
        return;
    }
    let step = match step.strip_suffix("{}") {
        Some(name) => return put_key(spec, name, rest, leaf),
        None => step,
    };
    match rest {
        None => spec[step] = leaf,
        Some(rest) => {
            if spec.get(step).is_none() {
                spec[step] = json!({});
            }
            put(&mut spec[step], rest, leaf);
        }
    }
}

/// Puts a new key into a map, or the field of its only value.
fn put_key(spec: &mut Value, name: &str, rest: Option<&str>, leaf: Value) {
    if spec.get(name).is_none() {
        spec[name] = json!({});
    }
    let Some(rest) = rest else {
        spec[name]["x"] = leaf;
        return;
    };
    for value in spec[name].as_object_mut().unwrap().values_mut() {
        put(value, rest, leaf.clone());
    }
}

/// Kind, leaf and type of every leaf of the kinds that are tested here.
fn leaves() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    FIELDS.lines().filter_map(|row| {
        let mut columns = row.split('\t');
        let kind = columns.next()?.rsplit(' ').next()?;
        [
            "DestinationRule",
            "ServiceEntry",
            "WorkloadEntry",
            "Sidecar",
            "AuthorizationPolicy",
            "PeerAuthentication",
            "RequestAuthentication",
        ]
        .contains(&kind)
        .then_some((kind, columns.next()?, columns.next()?))
    })
}

#[test]
fn every_leaf_counts_or_is_remarked_on() {
    let mut counts = [0, 0];
    for (kind, leaf, kind_of) in leaves() {
        let without = company(kind, leaf);
        let mut with = without.clone();
        put(&mut with, leaf, value(leaf, kind_of));
        let (before, _) = lower(kind, object(kind, without));
        let (after, remarks) = lower(kind, object(kind, with.clone()));
        let unread = remarks
            .iter()
            .any(|remark| ["unknown-field", "wrong-type"].contains(&remark.code));
        assert!(!unread, "{kind} {leaf}: {with} {remarks:?}");
        if !is_supported(kind, leaf) {
            assert!(!remarks.is_empty(), "{kind} {leaf}: no remark on {with}");
            counts[1] += 1;
        } else {
            let refused = remarks
                .iter()
                .any(|remark| remark.severity == Severity::Error);
            assert!(!refused, "{kind} {leaf}: {with} {remarks:?}");
            assert!(
                before != after,
                "{kind} {leaf} has no effect: {with} {remarks:?}"
            );
            counts[0] += 1;
        }
    }
    assert!(counts[0] > 200 && counts[1] > 50, "{counts:?}");
}

/// A leaf with a value that nobody foresaw is an error, a warning or nothing, but never a panic.
#[test]
fn values_at_the_edge() {
    let edges = [
        json!(null),
        json!(0),
        json!(-1),
        json!(-2_147_483_648_i64),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(1e308),
        json!(-1e-300),
        json!(""),
        json!("*"),
        json!("/"),
        json!("~/*"),
        json!("unix://"),
        json!("[::]:0"),
        json!("9223372036854775807ns"),
        json!("é".repeat(70_000)),
        json!([]),
        json!([null]),
        json!({}),
        json!({"": null}),
    ];
    for (kind, leaf, _) in leaves() {
        for edge in &edges {
            let mut spec = company(kind, leaf);
            put(&mut spec, leaf, edge.clone());
            lower(kind, object(kind, spec));
        }
    }
}
