//! VirtualService: what is declared and what is said, by examples that are data.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_dialect_istio::virtual_service;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::http_routes::{HttpAction, HttpRoutes};
use ferromesh_mesh::diagnostic::{Diagnostic, Remarks, Severity};
use ferromesh_mesh::origin::ObjectRef;
use serde_json::{Value, json};

fn lower(document: Value) -> (Option<HttpRoutes>, Vec<Diagnostic>) {
    let mut object = Object::new(document).expect("a document with metadata");
    if object.metadata.namespace.is_empty() {
        object.metadata.namespace = "shop".to_owned();
    }
    let mut remarks = Remarks::new(Arc::new(ObjectRef {
        group: Arc::from(object.group()),
        kind: Arc::from(object.kind.as_str()),
        namespace: Arc::from(object.metadata.namespace.as_str()),
        name: Arc::from(object.metadata.name.as_str()),
    }));
    let declarations = virtual_service::lower(&object, &mut remarks);
    let routes = declarations.into_iter().next().map(|declaration| {
        let Declaration::HttpRoutes(routes) = declaration else {
            panic!("{declaration:?}");
        };
        Arc::unwrap_or_clone(routes)
    });
    (routes, remarks.into_list())
}

fn document(spec: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec,
    })
}

fn merged(base: Value, over: &Value) -> Value {
    let (Value::Object(mut base), Value::Object(over)) = (base, over) else {
        panic!("{over} is no mapping");
    };
    for (key, value) in over {
        base.insert(key.clone(), value.clone());
    }
    Value::Object(base)
}

fn forwarding() -> Value {
    json!({"route": [{"destination": {"host": "reviews"}}]})
}

fn with_rules(rules: &Value) -> Value {
    document(json!({"hosts": ["reviews"], "http": rules}))
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|text| text.as_str().expect("text").to_owned())
        .collect()
}

fn said(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .map(|diagnostic| {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            format!("{severity} {} {}", diagnostic.path, diagnostic.code)
        })
        .collect()
}

#[test]
fn says_what_istio_says() {
    let examples: Vec<Value> =
        serde_saphyr::from_str(include_str!("../testdata/virtual_service_faults.yaml"))
            .expect("examples");
    let mut wrong = Vec::new();
    for example in &examples {
        let document = match (&example["spec"], &example["rules"], &example["rule"]) {
            (Value::Null, Value::Null, rule) if example["alone"] == json!(true) => {
                with_rules(&json!([rule]))
            }
            (Value::Null, Value::Null, rule) => with_rules(&json!([merged(forwarding(), rule)])),
            (Value::Null, rules, _) => with_rules(rules),
            (spec, ..) => document(merged(
                json!({"hosts": ["reviews"], "http": [forwarding()]}),
                spec,
            )),
        };
        let (_, diagnostics) = lower(document);
        let hint = example["hint"].as_str().unwrap_or("");
        let hinted = diagnostics
            .iter()
            .any(|d| d.hint.as_deref().unwrap_or("").contains(hint));
        if said(&diagnostics) != texts(&example["says"]) || !(hinted || hint.is_empty()) {
            wrong.push(format!("{example}\n    said {diagnostics:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_leaf_is_honoured() {
    let examples: Vec<Value> =
        serde_saphyr::from_str(include_str!("../testdata/virtual_service_leaves.yaml"))
            .expect("examples");
    let mut wrong = Vec::new();
    for example in &examples {
        let rule = |which: &str| {
            let over = match &example[which] {
                Value::Null => json!({}),
                over => over.clone(),
            };
            let base = match example["answers"] {
                Value::Null => forwarding(),
                _ => json!({}),
            };
            let rule = merged(base, &over);
            lower(with_rules(&json!([rule])))
        };
        let (without, _) = rule("without");
        let (with, diagnostics) = rule("with");
        let warns: BTreeSet<&str> = diagnostics.iter().map(|d| d.code).collect();
        let expected: BTreeSet<&str> = example["warns"].as_str().into_iter().collect();
        let says = example["says"].as_str().expect("says");
        let errors = diagnostics.iter().any(|d| d.severity == Severity::Error);
        if with == without || errors || warns != expected || !format!("{with:?}").contains(says) {
            wrong.push(format!("{example}\n    {with:?}\n    {diagnostics:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The leaves of `istio-fields.tsv` under `http` that have no effect, each with its reason.
const WITHOUT_EFFECT: [&str; 4] = [
    // They have no effect yet.
    "http[].delegate.name",
    "http[].delegate.namespace",
    // Istio's admission refuses them.
    "http[].fault.abort.http2Error",
    "http[].fault.delay.exponentialDelay",
];

#[test]
fn no_leaf_is_forgotten() {
    let examples: Vec<Value> =
        serde_saphyr::from_str(include_str!("../testdata/virtual_service_leaves.yaml"))
            .expect("examples");
    let known: BTreeSet<&str> = examples
        .iter()
        .filter_map(|example| example["leaf"].as_str())
        .chain(WITHOUT_EFFECT)
        .collect();
    let leaves: BTreeSet<&str> = include_str!("../../dialects/src/istio-fields.tsv")
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t');
            let is_ours = columns.next()?.ends_with(" VirtualService");
            let path = columns.next()?;
            (is_ours && path.starts_with("http[]")).then_some(path)
        })
        .collect();
    assert_eq!(known, leaves);
}

#[test]
fn the_seeds_are_understood() {
    for text in [
        include_str!("../../../samples/shop/y01-istio-canary-virtualservice-destinationrule.yaml"),
        include_str!("../../../samples/shop/y04-istio-timeout-retry.yaml"),
    ] {
        let document = text
            .split("\n---")
            .find(|document| document.contains("kind: VirtualService"))
            .expect("a VirtualService");
        let (routes, diagnostics) = lower(serde_saphyr::from_str(document).expect("YAML"));
        assert_eq!(diagnostics, []);
        assert!(routes.is_some_and(|routes| !routes.rules.is_empty()));
    }
}

#[test]
fn hosts_are_expanded_and_exports_resolved() {
    let (routes, _) = lower(document(json!({
        "hosts": ["Reviews", "*.example.com", "10.0.0.1"],
        "exportTo": [".", "prod"],
        "http": [forwarding()],
    })));
    let text = format!("{routes:?}");
    for part in [
        r#"hosts: ["reviews.shop.svc.cluster.local", "*.example.com", "10.0.0.1"]"#,
        r#"export: To(Only({"prod", "shop"}))"#,
        r#"age: Age { created: "2026-01-01T00:00:00Z", tie: "reviews.shop" }"#,
        r#"host: "reviews.shop.svc.cluster.local", subset: None, port: None"#,
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// What the rules of a broken object do: their names, numbers of matches, and `forward`, `redirect`
/// or the status that they answer.
fn acts(rules: Value) -> Vec<String> {
    let (routes, diagnostics) = lower(with_rules(&rules));
    assert!(diagnostics.iter().any(|d| d.severity == Severity::Error));
    routes
        .into_iter()
        .flat_map(|routes| routes.rules)
        .map(|rule| {
            let act = match rule.action {
                HttpAction::Forward(_) => "forward".to_owned(),
                HttpAction::Redirect { .. } => "redirect".to_owned(),
                HttpAction::DirectResponse { response, .. } => response.status.to_string(),
            };
            format!("{} {} {act}", rule.name, rule.matches.len())
        })
        .collect()
}

#[test]
fn the_sound_part_of_a_broken_object_is_declared() {
    let matches = json!([{"uri": {"prefix": "/a"}}, {"uri": {"regex": "a**"}}]);
    let route = json!([{"destination": {"host": "a"}}]);
    assert_eq!(
        acts(json!([
            {"name": "match", "match": matches, "route": route},
            {"name": "timeout", "match": [{"uri": {"prefix": "/b"}}], "route": route, "timeout": "x"},
            {"name": "type", "match": [{"uri": {"prefix": "/c"}}], "route": 1},
            {"name": "nothing-left", "match": [{"uri": {"regex": "a**"}}], "route": route},
            {"name": "unknown", "match": [{"uri": {"prefix": "/d"}}], "route": route, "tmeout": "1s"},
            {"name": "match-type", "match": 1, "route": route},
            null,
            {"name": "rest", "route": route},
        ])),
        [
            "match 1 forward",
            "timeout 1 503",
            "type 1 503",
            "unknown 1 forward",
            "rest 1 forward"
        ]
    );
    assert_eq!(acts(json!([{"name": "all", "route": {}}])), ["all 1 503"]);
}

#[test]
fn what_is_not_for_sidecars_is_not_declared() {
    for spec in [
        json!({"gateways": ["ns/gw"], "hosts": ["*"], "http": [forwarding()]}),
        json!({"http": [forwarding()]}),
        json!({"hosts": ["a"], "tcp": forwarding()}),
        json!({"hosts": ["a"], "http": [merged(forwarding(), &json!({"match": [{"gateways": ["ns/gw"]}]}))]}),
        json!({"hosts": ["a"], "http": [{"delegate": {"name": "x"}}]}),
    ] {
        let (routes, _) = lower(document(spec.clone()));
        assert_eq!(routes, None, "{spec}");
    }
    let (routes, _) = lower(document(json!({
        "gateways": ["ns/gw", "mesh"],
        "hosts": ["a"],
        "http": [merged(forwarding(), &json!({"match": [
            {"uri": {"prefix": "/1"}},
            {"uri": {"prefix": "/2"}, "gateways": ["ns/gw"]},
            {"uri": {"prefix": "/3"}, "gateways": ["ns/gw", "mesh"]},
        ]}))],
    })));
    assert_eq!(routes.map(|routes| routes.rules[0].matches.len()), Some(2));
}

/// Every value of a full document in turn is replaced by something odd.
#[test]
fn odd_values_never_panic() {
    let examples: Vec<Value> =
        serde_saphyr::from_str(include_str!("../testdata/virtual_service_leaves.yaml"))
            .expect("examples");
    let mut spec = json!({
        "hosts": ["a", "*.b.example"], "gateways": ["mesh", "a/b"], "exportTo": ["."],
        "tls": [{"match": [{"sniHosts": ["a"], "destinationSubnets": ["::/0"]}], "route": forwarding()["route"]}],
        "tcp": [{"match": [{"destinationSubnets": ["::/0"], "gateways": ["mesh"]}], "route": forwarding()["route"]}],
        "http": [],
    });
    for example in examples {
        let rule = merged(forwarding(), &example["with"]);
        spec["http"].as_array_mut().expect("a list").push(rule);
    }
    let mut pointers = Vec::new();
    collect(&spec, String::new(), &mut pointers);
    for pointer in pointers {
        for odd in [
            json!(null),
            json!({}),
            json!([]),
            json!(""),
            json!("%\\(["),
            json!(-1),
            json!(1e300),
            json!([null]),
            json!({"": null}),
        ] {
            let mut spec = json!({
                "hosts": spec["hosts"], "gateways": spec["gateways"], "exportTo": spec["exportTo"],
                "tls": spec["tls"], "tcp": spec["tcp"],
                "http": [spec["http"].pointer(&rule_of(&pointer)).cloned().unwrap_or_default()],
            });
            let at = match pointer.strip_prefix("/http/") {
                Some(rest) => match rest.split_once('/') {
                    Some((_, inner)) => format!("/http/0/{inner}"),
                    None => "/http/0".to_owned(),
                },
                None => pointer.clone(),
            };
            if let Some(value) = spec.pointer_mut(&at) {
                *value = odd;
            }
            lower(document(spec));
        }
    }
    for spec in [json!(null), json!([]), json!(1)] {
        lower(document(spec));
    }
}

fn rule_of(pointer: &str) -> String {
    let index = pointer
        .strip_prefix("/http/")
        .map_or("0", |rest| rest.split('/').next().unwrap_or("0"));
    format!("/{index}")
}

fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(value, format!("{pointer}/{}", escaped(key)), pointers);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(pointer);
}

#[test]
fn ten_thousand_rules_and_hosts_are_nothing_special() {
    let rules: Vec<Value> = (0..10_000)
        .map(|index| {
            let rule = json!({"match": [
                {"uri": {"prefix": format!("/{}", "a".repeat(index % 200 + 1))}, "headers": {"x": {"exact": index.to_string()}}},
                {"uri": {"exact": format!("/{index}")}},
            ]});
            merged(forwarding(), &rule)
        })
        .collect();
    let hosts: Vec<String> = (0..10_000).map(|i| format!("*.h{i}.example.com")).collect();
    let spec = json!({"hosts": hosts, "http": rules});
    let start = std::time::Instant::now();
    let (routes, diagnostics) = lower(document(spec));
    // Far above what a linear algorithm needs, far below what a quadratic one does.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    assert_eq!(diagnostics, []);
    assert_eq!(routes.map(|routes| routes.rules.len()), Some(10_000));
}
