//! Whatever happens to a cluster and to the connection with it: in the end, what was told is what
//! is stored.

#[path = "cluster/server.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod server;
#[path = "cluster/world.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use server::Server;
use world::{
    CONFIG_MAPS, NAMESPACES, PODS, ROUTES, SERVICES, Watched, mesh_config, namespace, pod, route,
    service,
};

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Pod(u8, u8),
    NoPod(u8),
    Service(u8),
    NoService(u8),
    Route(u8, u8),
    NoRoute(u8),
    /// Whether a namespace has the label that is selected.
    Label(u8, bool),
    Selectors(bool),
    Defined(bool),
    Compact,
    Disconnect,
    Forbid(u8),
    Allow,
    Garbage,
    Broken(u8),
    /// Some batches are taken before it goes on.
    Take,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let name = 0..4u8;
    prop_oneof![
        4 => (name.clone(), 0..3u8).prop_map(|(name, value)| H::Pod(name, value)),
        3 => name.clone().prop_map(H::NoPod),
        2 => name.clone().prop_map(H::Service),
        2 => name.clone().prop_map(H::NoService),
        3 => (name.clone(), 0..3u8).prop_map(|(name, value)| H::Route(name, value)),
        2 => name.clone().prop_map(H::NoRoute),
        2 => (0..2u8, any::<bool>()).prop_map(|(name, chosen)| H::Label(name, chosen)),
        1 => any::<bool>().prop_map(H::Selectors),
        1 => any::<bool>().prop_map(H::Defined),
        2 => Just(H::Compact),
        3 => Just(H::Disconnect),
        1 => (0..3u8).prop_map(H::Forbid),
        2 => Just(H::Allow),
        1 => Just(H::Garbage),
        1 => name.prop_map(H::Broken),
        3 => Just(H::Take),
    ]
}

const NAMES: [&str; 2] = ["shop", "test"];

/// Even ones are in the one namespace, odd ones in the other.
fn home(name: u8) -> &'static str {
    NAMES[usize::from(name % 2)]
}

async fn happen(server: &Server, watched: &mut Watched, what: &Happening) {
    let named = |name: u8| format!("x{name}");
    let full = |name: u8| format!("{}/x{name}", home(name));
    match *what {
        Happening::Pod(name, value) => {
            let address = format!("10.0.{name}.{value}");
            server.put(PODS, pod(home(name), &named(name), &address));
        }
        Happening::NoPod(name) => server.delete(PODS, &full(name)),
        Happening::Service(name) => server.put(SERVICES, service(home(name), &named(name))),
        Happening::NoService(name) => server.delete(SERVICES, &full(name)),
        Happening::Route(name, value) => {
            let host = format!("host{value}");
            server.put(ROUTES, route(home(name), &named(name), &host));
        }
        Happening::NoRoute(name) => server.delete(ROUTES, &full(name)),
        Happening::Label(name, chosen) => {
            let labels = if chosen {
                json!({"team": "a"})
            } else {
                json!({})
            };
            server.put(NAMESPACES, namespace(NAMES[usize::from(name)], labels));
        }
        Happening::Selectors(some) => {
            let text = if some {
                "discoverySelectors: [{matchLabels: {team: a}}]"
            } else {
                "{}"
            };
            server.put(CONFIG_MAPS, mesh_config(text));
        }
        Happening::Defined(true) => define(server),
        Happening::Defined(false) => {
            server.delete(server::DEFINITIONS, "/virtualservices.networking.istio.io");
        }
        Happening::Compact => server.change(|world| world.compact()),
        Happening::Disconnect => server.disconnect(),
        Happening::Forbid(which) => {
            let path = [PODS, ROUTES, NAMESPACES][usize::from(which)];
            server.change(|world| world.forbidden.insert(path.to_owned()));
        }
        Happening::Allow => server.change(|world| world.forbidden.clear()),
        Happening::Garbage => server.change(|world| world.say(PODS, "{\"type\":")),
        Happening::Broken(name) => {
            let mut broken = pod(home(name), &named(name), "10.9.9.9");
            broken["metadata"]["labels"] = json!([]);
            server.put(PODS, broken);
        }
        Happening::Take => {
            let soon = std::time::Duration::from_millis(2);
            let _ = tokio::time::timeout(soon, watched.next()).await;
        }
    }
}

fn define(server: &Server) {
    server.define("networking.istio.io", "virtualservices", 1, &["v1"]);
}

/// What is told when everything has been told: the parts that changes touch, by key.
fn stored(server: &Server) -> BTreeMap<String, Value> {
    let world = server.world();
    let namespaces = world.stored(NAMESPACES);
    let config = world.stored(CONFIG_MAPS);
    let has_selectors = config["root/ferromesh"]["data"]["mesh"] != "{}";
    let is_chosen = |name: &str| {
        !has_selectors || namespaces[&format!("/{name}")]["metadata"]["labels"]["team"] == "a"
    };
    let is_defined = !world.stored(server::DEFINITIONS).is_empty();
    let mut all = BTreeMap::new();
    for (collection, kind, at) in [
        (PODS, "Pod", "/status/podIP"),
        (SERVICES, "Service", "/spec/clusterIP"),
        (ROUTES, "VirtualService", "/spec/hosts"),
    ] {
        if kind == "VirtualService" && !is_defined {
            continue;
        }
        for (name, object) in world.stored(collection) {
            let namespace = name.split_once('/').expect("a namespace").0;
            if is_chosen(namespace) {
                all.insert(
                    format!("{kind} {name}"),
                    object.pointer(at).expect("a value").clone(),
                );
            }
        }
    }
    for (name, object) in namespaces {
        all.insert(
            format!("Namespace {}", &name[1..]),
            object["metadata"]["labels"].clone(),
        );
    }
    all
}

fn told(watched: &Watched) -> BTreeMap<String, Value> {
    let part = |(key, object): (&String, &Value)| {
        let at = match key.split_once(' ')?.0 {
            "Pod" => "/status/podIP",
            "Service" => "/spec/clusterIP",
            "VirtualService" => "/spec/hosts",
            "Namespace" => "/metadata/labels",
            _ => return None,
        };
        Some((key.clone(), object.pointer(at)?.clone()))
    };
    watched.told.iter().filter_map(part).collect()
}

async fn converges(streams: bool, happenings: Vec<Happening>) {
    let server = Server::start(streams).await;
    define(&server);
    for name in NAMES {
        server.put(NAMESPACES, namespace(name, json!({"team": "a"})));
    }
    server.put(CONFIG_MAPS, mesh_config("{}"));
    let mut watched = Watched::open(&server);
    for what in &happenings {
        happen(&server, &mut watched, what).await;
    }
    // Everything is well again, and all pods are readable.
    server.change(|world| world.forbidden.clear());
    define(&server);
    for name in 0..4 {
        server.put(PODS, pod(home(name), &format!("x{name}"), "10.0.9.9"));
    }
    watched
        .until(|watched| watched.faults.is_empty() && told(watched) == stored(&server))
        .await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_was_told_is_what_is_stored(
        streams in any::<bool>(),
        happenings in proptest::collection::vec(happening(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(converges(streams, happenings));
    }
}
