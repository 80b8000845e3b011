//! Leaf liveness: every field that is called supported makes a difference to what some proxy is
//! served. Each example of `liveness/examples` is tried in the world of `liveness/world.yaml`,
//! whole and without one leaf at a time; a leaf that is supported and changes nothing in any
//! example, or that no example has, fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_compiler::{Bound, Certificates, Compiler, Interception, Proxy, Tables};
use ferromesh_dialects::support::{Status, fields};
use ferromesh_kube_source::yaml;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::key_set::KeySet;
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::unit::Unit;
use ferromesh_testkit::replica::{Replica, Served};
use serde_json::Value;

const WORLD: &str = include_str!("liveness/world.yaml");
const EXAMPLES: [&str; 7] = [
    include_str!("liveness/examples/virtual-service.yaml"),
    include_str!("liveness/examples/destination-rule.yaml"),
    include_str!("liveness/examples/entries.yaml"),
    include_str!("liveness/examples/sidecar.yaml"),
    include_str!("liveness/examples/authorization-policy.yaml"),
    include_str!("liveness/examples/peer-authentication.yaml"),
    include_str!("liveness/examples/request-authentication.yaml"),
];
/// A world's DestinationRule, in force where the example is none, so that subsets exist.
const SUBSETS: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: subsets, namespace: shop}
spec:
  host: server
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
";

/// A world's VirtualService, where the example is none: what is hashed stands in routes.
const ROUTES: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: routes, namespace: shop}
spec:
  hosts: [server]
  http:
  - match: [{uri: {prefix: /v2}}]
    route: [{destination: {host: server, subset: v2}}]
  - route: [{destination: {host: server}}]
";

/// Leaves whose effect no proxy's configuration can show, with the reason.
const NOT_SHOWN: [(&str, &str); 3] = [
    (
        "RequestAuthentication jwtRules[].timeout",
        "bounds how long the control plane fetches keys, which no proxy does",
    ),
    (
        "Sidecar egress[].port.name",
        "Istio demands it and does nothing with it",
    ),
    (
        "Sidecar ingress[].port.name",
        "Istio demands it and does nothing with it",
    ),
];

fn documents(text: &str) -> Vec<Value> {
    let read = yaml::read(text);
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    read.documents
        .into_iter()
        .map(|document| document.content)
        .collect()
}

fn proxies() -> Vec<Proxy> {
    let workload = |name: &str| WorkloadName {
        namespace: Namespace::from("shop"),
        name: Arc::from(name),
    };
    let bound = Bound {
        inbound: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        app: IpAddr::V4(Ipv4Addr::LOCALHOST),
        outbound: IpAddr::V4(Ipv4Addr::LOCALHOST),
        http_proxy_port: Some(15002),
    };
    let mut proxies = Vec::new();
    for name in ["client", "server-v1", "example", "stranger"] {
        for interception in [Interception::Redirect, Interception::None(bound.clone())] {
            proxies.push(Proxy {
                workload: workload(name),
                interception,
                tables: Tables::Separate,
                certificates: Certificates::Sds,
            });
        }
    }
    let mut elsewhere = workload("stranger");
    elsewhere.namespace = Namespace::from("elsewhere");
    proxies.push(Proxy {
        workload: elsewhere,
        interception: Interception::Redirect,
        tables: Tables::Separate,
        certificates: Certificates::Sds,
    });
    proxies
}

/// Keys that the control plane has fetched for the examples.
fn fetched_keys() -> Unit {
    Unit {
        object: Arc::new(ObjectRef {
            group: Arc::from("ferromesh"),
            kind: Arc::from("KeySet"),
            namespace: Arc::from(""),
            name: Arc::from("keys"),
        }),
        declarations: vec![Declaration::KeySet(Arc::new(KeySet {
            source: KeySource::Uri(Arc::from("https://issuer.example/keys")),
            keys: Arc::from(r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#),
        }))],
        diagnostics: Vec::new(),
    }
}

/// What all proxies are served with this example, and whether admission denies it.
fn served(example: &Value) -> (Vec<Served>, bool) {
    let mut compiler = Compiler::new();
    for unit in ferromesh_dialects::default_units() {
        compiler.replace(Arc::new(unit));
    }
    let mut world = documents(WORLD);
    if example["kind"] != "DestinationRule" {
        world.extend(documents(SUBSETS));
    }
    if example["kind"] != "VirtualService" {
        world.extend(documents(ROUTES));
    }
    for object in world {
        let object = Object::new(object).unwrap_or_else(|fault| panic!("{fault}"));
        let unit = ferromesh_dialects::lower(&object);
        assert!(unit.diagnostics.is_empty(), "{:#?}", unit.diagnostics);
        compiler.replace(Arc::new(unit));
    }
    compiler.replace(Arc::new(fetched_keys()));
    let object = Object::new(example.clone()).unwrap_or_else(|fault| panic!("{fault}"));
    let unit = ferromesh_dialects::lower(&object);
    let refused = unit.is_refused();
    compiler.replace(Arc::new(unit));
    let ids: Vec<_> = proxies()
        .into_iter()
        .map(|proxy| compiler.open(proxy))
        .collect();
    let mut replica = Replica::default();
    replica.apply(compiler.compile());
    (
        ids.into_iter().map(|id| replica.served(id)).collect(),
        refused,
    )
}

fn remarks(example: &Value) -> Vec<String> {
    let object = Object::new(example.clone()).unwrap_or_else(|fault| panic!("{fault}"));
    let unit = ferromesh_dialects::lower(&object);
    let remarks = unit.diagnostics.iter();
    remarks
        .map(|remark| format!("{}: {}", remark.path, remark.message))
        .collect()
}

/// The places where a leaf path (`http[].match[].headers{}.exact`) stands in a value.
fn places(value: &Value, path: &str) -> Vec<String> {
    let mut places = vec![String::new()];
    for segment in path.split('.') {
        let (name, rest) = segment
            .find(['[', '{'])
            .map_or((segment, ""), |at| segment.split_at(at));
        let mut next: Vec<_> = places
            .iter()
            .map(|place| format!("{place}/{name}"))
            .collect();
        if !rest.is_empty() && rest != "*" {
            next = next
                .iter()
                .flat_map(|place| {
                    let inside: Vec<String> = match value.pointer(place) {
                        Some(Value::Array(items)) => {
                            (0..items.len()).map(|at| at.to_string()).collect()
                        }
                        Some(Value::Object(fields)) => fields
                            .keys()
                            .map(|key| key.replace('~', "~0").replace('/', "~1"))
                            .collect(),
                        _ => Vec::new(),
                    };
                    inside
                        .into_iter()
                        .map(move |inside| format!("{place}/{inside}"))
                })
                .collect();
        }
        places = next;
    }
    places.retain(|place| value.pointer(place).is_some());
    places
}

fn without(value: &Value, place: &str) -> Value {
    let mut value = value.clone();
    let (parent, last) = place.rsplit_once('/').unwrap_or(("", place));
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            items.remove(last.parse().unwrap_or_default());
        }
        _ => {}
    }
    value
}

#[test]
fn every_supported_leaf_makes_a_difference() {
    let mut dead: BTreeMap<(String, String), Vec<String>> = fields()
        .filter(|field| field.status == Status::Supported)
        .map(|field| ((field.kind.to_owned(), field.path.to_owned()), Vec::new()))
        .collect();
    assert!(dead.len() > 300, "only {} leaves are supported", dead.len());
    let not_shown: BTreeSet<_> = NOT_SHOWN.iter().map(|(leaf, _)| *leaf).collect();
    dead.retain(|(kind, path), _| !not_shown.contains(format!("{kind} {path}").as_str()));
    for (file, text) in EXAMPLES.iter().enumerate() {
        for (number, example) in documents(text).into_iter().enumerate() {
            let kind = example["kind"].as_str().unwrap_or_default().to_owned();
            let (whole, refused) = served(&example);
            assert!(
                !refused,
                "example {file}/{number} is refused: {:#?}",
                remarks(&example)
            );
            let mine: Vec<_> = dead.keys().filter(|(of, _)| *of == kind).cloned().collect();
            for leaf in mine {
                for place in places(&example["spec"], &leaf.1) {
                    let (rest, refused) = served(&without(&example, &format!("/spec{place}")));
                    if refused || rest != whole {
                        dead.remove(&leaf);
                        break;
                    } else if let Some(tried) = dead.get_mut(&leaf) {
                        tried.push(format!("{file}/{number}{place}"));
                    }
                }
            }
        }
    }
    let (tried, untried): (Vec<_>, Vec<_>) =
        dead.into_iter().partition(|(_, tried)| !tried.is_empty());
    assert!(
        tried.is_empty() && untried.is_empty(),
        "without effect: {tried:#?}\nin no example: {:#?}",
        untried
            .into_iter()
            .map(|(leaf, _)| leaf)
            .collect::<Vec<_>>()
    );
}
