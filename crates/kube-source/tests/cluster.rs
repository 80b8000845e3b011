//! An API server that is watched: lists, watches, and everything that goes wrong.

#[path = "cluster/server.rs"]
mod server;
#[path = "cluster/world.rs"]
mod world;

use std::collections::BTreeSet;

use ferromesh_kube_source::batch::Coverage;
use serde_json::json;
use server::{DEFINITIONS, Server};
use world::{
    CONFIG_MAPS, NAMESPACES, PODS, ROUTES, SERVICES, Watched, mesh_config, namespace, pod, route,
    service, shown,
};

const NETWORKING: &str = "networking.istio.io";

/// A server with something of everything.
async fn server(streams: bool) -> Server {
    let server = Server::start(streams).await;
    server.define(NETWORKING, "virtualservices", 1, &["v1", "v1beta1"]);
    server.define("example.com", "others", 1, &["v1"]);
    server.put(NAMESPACES, namespace("shop", json!({"team": "a"})));
    server.put(NAMESPACES, namespace("test", json!({"team": "b"})));
    server.put(CONFIG_MAPS, mesh_config("rootNamespace: root\n"));
    let other = json!({"metadata": {"name": "other", "namespace": "root"}, "data": {"mesh": "{"}});
    server.put(CONFIG_MAPS, other);
    for index in 1..=5 {
        server.put(
            PODS,
            pod("shop", &format!("web-{index}"), &format!("10.0.0.{index}")),
        );
    }
    server.put(SERVICES, service("shop", "web"));
    server.put(ROUTES, route("shop", "web", "web"));
    server
}

const EVERYTHING: [&str; 10] = [
    "MeshConfig mesh",
    "Namespace shop",
    "Namespace test",
    "Pod shop/web-1",
    "Pod shop/web-2",
    "Pod shop/web-3",
    "Pod shop/web-4",
    "Pod shop/web-5",
    "Service shop/web",
    "VirtualService shop/web",
];

#[tokio::test]
async fn the_first_batch_is_all_that_there_is() {
    for streams in [true, false] {
        let server = server(streams).await;
        let mut watched = Watched::open(&server);
        let first = watched.next().await;
        assert_eq!(first.coverage, Coverage::Complete);
        assert_eq!(watched.keys(), EVERYTHING);
        assert_eq!(first.faults, []);
        let world = server.world();
        assert_eq!(
            world.asked("destinationrules"),
            0,
            "a kind that is not defined is not asked for"
        );
        assert_eq!(world.asked("continue=") > 0, !streams);
    }
}

#[tokio::test]
async fn only_what_is_read_is_kept() {
    let server = server(true).await;
    let mut watched = Watched::open(&server);
    watched.complete().await;
    assert_eq!(
        watched.told["Pod shop/web-1"],
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "web-1", "namespace": "shop", "uid": "uid of web-1", "labels": {"app": "web-1"},
                "annotations": {"sidecar.istio.io/inject": "true"}, "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {
                "nodeName": "node1", "serviceAccountName": "default",
                "containers": [{"ports": [{"containerPort": 80, "name": "http"}]}],
            },
            "status": {
                "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        })
    );
    assert_eq!(
        watched.told["Namespace shop"],
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}})
    );
    assert_eq!(
        watched.told["VirtualService shop/web"],
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "web", "namespace": "shop", "generation": 1}, "spec": {"hosts": ["web"]},
        })
    );
    assert_eq!(
        watched.told["MeshConfig mesh"],
        json!({
            "apiVersion": "mesh.istio.io/v1alpha1", "kind": "MeshConfig",
            "metadata": {"name": "mesh"}, "spec": {"rootNamespace": "root"},
        })
    );
}

#[tokio::test]
async fn what_nobody_reads_is_no_change() {
    let server = server(true).await;
    let mut watched = Watched::open(&server);
    watched.complete().await;
    let mut same = pod("shop", "web-1", "10.0.0.1");
    same["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-02-02T00:00:00Z");
    same["spec"]["containers"][0]["image"] = json!("app:2");
    same["metadata"]["managedFields"] = json!([]);
    server.put(PODS, same);
    server.put(PODS, pod("shop", "web-2", "10.0.0.22"));
    server.delete(PODS, "shop/web-3");
    server.put(PODS, pod("shop", "web-6", "10.0.0.6"));
    let mut told = BTreeSet::new();
    while told.len() < 3 {
        told.extend(shown(&watched.next().await));
    }
    let told: Vec<_> = told.into_iter().collect();
    assert_eq!(
        told,
        ["+Pod shop/web-2", "+Pod shop/web-6", "-Pod shop/web-3"]
    );
}

#[tokio::test]
async fn a_watch_goes_on_where_the_last_bookmark_was() {
    // A version of its own would be a position, too.
    const AFTER: &str =
        r#"{"type":"ADDED","object":{"metadata":{"name":"after","namespace":"shop"}}}"#;
    for streams in [true, false] {
        let server = server(streams).await;
        let mut watched = Watched::open(&server);
        watched.complete().await;
        // The watch has begun when it tells something.
        server.put(PODS, pod("shop", "web-6", "10.0.0.6"));
        watched.until(|watched| watched.has("Pod shop/web-6")).await;
        let bookmark = server.change(|world| {
            let version = world.bookmark(PODS);
            world.say(PODS, AFTER);
            version
        });
        watched.until(|watched| watched.has("Pod shop/after")).await;
        server.disconnect();
        server.put(PODS, pod("shop", "web-7", "10.0.0.7"));
        watched.until(|watched| watched.has("Pod shop/web-7")).await;
        // The line that was said is no object, and would be gone after a list.
        assert!(watched.has("Pod shop/after"));
        let world = server.world();
        let resumed = format!("resourceVersion={bookmark}");
        let mut of_pods = world.requests.iter().filter(|line| line.starts_with(PODS));
        assert!(
            of_pods
                .next_back()
                .is_some_and(|line| line.ends_with(&resumed)),
            "{resumed}"
        );
    }
}

#[tokio::test]
async fn what_a_new_list_lacks_is_gone_and_nothing_else() {
    for streams in [true, false] {
        let server = server(streams).await;
        let mut watched = Watched::open(&server);
        watched.complete().await;
        server.change(|world| {
            world.delete(PODS, "shop/web-1");
            world.put(PODS, pod("shop", "web-2", "10.0.0.22"));
            world.delete(ROUTES, "shop/web");
            world.compact();
        });
        server.disconnect();
        watched
            .until(|watched| {
                !watched.has("Pod shop/web-1") && !watched.has("VirtualService shop/web")
            })
            .await;
        watched
            .until(|watched| watched.told["Pod shop/web-2"]["status"]["podIP"] == "10.0.0.22")
            .await;
        assert_eq!(watched.told.len(), EVERYTHING.len() - 2);
        assert_eq!(watched.faults, []);
    }
}

#[tokio::test]
async fn nothing_is_gone_because_the_server_is() {
    let mut server = server(true).await;
    let mut watched = Watched::open(&server);
    watched.complete().await;
    server.stop().await;
    watched.until(|watched| !watched.faults.is_empty()).await;
    assert_eq!(watched.codes(), ["unreachable-api-server"]);
    assert!(
        watched.faults[0].message.contains("refused"),
        "{:?}",
        watched.faults
    );
    assert_eq!(watched.keys(), EVERYTHING);
    server.change(|world| {
        world.delete(PODS, "shop/web-1");
        world.put(SERVICES, service("shop", "new"));
        world.compact();
    });
    server.resume().await;
    watched
        .until(|watched| {
            watched.faults.is_empty()
                && watched.has("Service shop/new")
                && !watched.has("Pod shop/web-1")
        })
        .await;
    assert_eq!(watched.told.len(), EVERYTHING.len());
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_waited_for() {
    let mut server = server(true).await;
    server.stop().await;
    let mut watched = Watched::open(&server);
    let first = watched.next().await;
    assert_eq!(
        (first.coverage, watched.codes()),
        (Coverage::Partial, vec!["unreachable-api-server"])
    );
    server.resume().await;
    watched.complete().await;
    assert_eq!(watched.keys(), EVERYTHING);
    watched.until(|watched| watched.faults.is_empty()).await;
}

#[tokio::test]
async fn a_missing_right_is_named_and_waited_for() {
    let server = server(true).await;
    server.world().forbidden.insert(SERVICES.to_owned());
    let mut watched = Watched::open(&server);
    let first = watched.next().await;
    assert_eq!(
        (first.coverage, watched.codes()),
        (Coverage::Partial, vec!["forbidden"])
    );
    let hint = watched.faults[0].hint.clone().expect("a hint");
    assert!(hint.contains(r#"resources: ["services"]"#), "{hint}");
    server.world().forbidden.clear();
    watched.complete().await;
    assert_eq!(watched.keys(), EVERYTHING);
    watched.until(|watched| watched.faults.is_empty()).await;
    // Later it takes nothing away.
    server.world().forbidden.insert(PODS.to_owned());
    server.disconnect();
    watched
        .until(|watched| watched.codes() == ["forbidden"])
        .await;
    server.put(SERVICES, service("shop", "new"));
    watched
        .until(|watched| watched.has("Service shop/new"))
        .await;
    assert_eq!(watched.told.len(), EVERYTHING.len() + 1);
    server.delete(PODS, "shop/web-1");
    server.world().forbidden.clear();
    watched
        .until(|watched| watched.faults.is_empty() && !watched.has("Pod shop/web-1"))
        .await;
}

#[tokio::test]
async fn kinds_come_and_go_with_their_definitions() {
    const POLICIES: &str = "/apis/security.istio.io/v1beta1/authorizationpolicies";
    let server = server(true).await;
    let mut watched = Watched::open(&server);
    watched.complete().await;
    server.define(
        "security.istio.io",
        "authorizationpolicies",
        1,
        &["v1beta1"],
    );
    server.put(POLICIES, route("shop", "deny", "x"));
    watched
        .until(|watched| watched.has("AuthorizationPolicy shop/deny"))
        .await;
    assert_eq!(
        watched.told["AuthorizationPolicy shop/deny"]["apiVersion"],
        "security.istio.io/v1beta1"
    );
    // Another version is stored now.
    server.change(|world| {
        world.put(
            &POLICIES.replace("v1beta1", "v1"),
            route("shop", "deny", "x"),
        );
    });
    server.define(
        "security.istio.io",
        "authorizationpolicies",
        2,
        &["v1", "v1beta1"],
    );
    watched
        .until(|watched| {
            watched.told["AuthorizationPolicy shop/deny"]["apiVersion"] == "security.istio.io/v1"
        })
        .await;
    server.delete(DEFINITIONS, "/authorizationpolicies.security.istio.io");
    watched
        .until(|watched| !watched.has("AuthorizationPolicy shop/deny"))
        .await;
    assert_eq!(watched.keys(), EVERYTHING);
    assert_eq!(watched.faults, []);
    // And nobody asks for it any more.
    let asked = server.world().asked("authorizationpolicies");
    server.disconnect();
    server.put(PODS, pod("shop", "web-6", "10.0.0.6"));
    watched.until(|watched| watched.has("Pod shop/web-6")).await;
    assert_eq!(server.world().asked("authorizationpolicies"), asked);
}

#[tokio::test]
async fn a_broken_object_is_a_fault_and_keeps_what_it_said() {
    let server = server(true).await;
    let mut broken = pod("shop", "broken", "10.0.0.9");
    broken["metadata"]["labels"] = json!(["no mapping"]);
    server.put(PODS, broken.clone());
    let mut watched = Watched::open(&server);
    let first = watched.complete().await;
    assert_eq!(watched.keys(), EVERYTHING);
    let [fault] = &first.faults[..] else {
        panic!("{:?}", first.faults)
    };
    assert_eq!(
        (fault.code, &*fault.path),
        ("wrong-type", "metadata.labels")
    );
    assert_eq!(
        fault.object.as_ref().map(ToString::to_string).as_deref(),
        Some("Pod shop/broken")
    );
    server.put(PODS, pod("shop", "broken", "10.0.0.9"));
    watched
        .until(|watched| watched.has("Pod shop/broken") && watched.faults.is_empty())
        .await;
    server.put(PODS, broken);
    watched
        .until(|watched| watched.codes() == ["wrong-type"])
        .await;
    assert!(watched.has("Pod shop/broken"));
    // A new list does not take it for gone.
    server.change(|world| {
        world.delete(PODS, "shop/web-1");
        world.compact();
    });
    server.disconnect();
    watched
        .until(|watched| !watched.has("Pod shop/web-1"))
        .await;
    assert!(watched.has("Pod shop/broken"));
    server.delete(PODS, "shop/broken");
    watched
        .until(|watched| !watched.has("Pod shop/broken") && watched.faults.is_empty())
        .await;
}

#[tokio::test]
async fn an_event_that_is_none_costs_nothing() {
    for line in [
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"na",
        "{\"type\":\"STRANGE\",\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":7}",
        "\u{fffd}",
    ] {
        let server = server(true).await;
        let mut watched = Watched::open(&server);
        watched.complete().await;
        server.change(|world| {
            world.say(PODS, line);
            world.delete(PODS, "shop/web-1");
            world.compact();
        });
        watched
            .until(|watched| !watched.has("Pod shop/web-1"))
            .await;
        watched.until(|watched| watched.faults.is_empty()).await;
        assert_eq!(watched.told.len(), EVERYTHING.len() - 1, "{line}");
    }
}

#[tokio::test]
async fn selectors_choose_what_is_discovered() {
    let server = server(true).await;
    server.put(SERVICES, service("test", "hidden"));
    server.put(SERVICES, service("root", "own"));
    server.put(
        CONFIG_MAPS,
        mesh_config("discoverySelectors: [{matchLabels: {team: a}}]\n"),
    );
    let mut watched = Watched::open(&server);
    watched.complete().await;
    assert!(watched.has("Service shop/web") && watched.has("Service root/own"));
    assert!(!watched.has("Service test/hidden") && watched.has("Namespace test"));
    // A namespace comes in, another goes out.
    server.put(NAMESPACES, namespace("test", json!({"team": "a"})));
    watched
        .until(|watched| watched.has("Service test/hidden"))
        .await;
    server.put(NAMESPACES, namespace("shop", json!({})));
    watched
        .until(|watched| !watched.has("Service shop/web") && !watched.has("Pod shop/web-5"))
        .await;
    assert!(!watched.has("VirtualService shop/web"));
    server.put(SERVICES, service("shop", "unseen"));
    server.put(SERVICES, service("test", "seen"));
    watched
        .until(|watched| watched.has("Service test/seen"))
        .await;
    assert!(!watched.has("Service shop/unseen"));
    // Without selectors, everything is.
    server.put(CONFIG_MAPS, mesh_config("rootNamespace: root\n"));
    watched
        .until(|watched| watched.has("Service shop/unseen") && watched.has("Pod shop/web-5"))
        .await;
    assert_eq!(watched.told.len(), EVERYTHING.len() + 4);
}

#[tokio::test]
async fn broken_mesh_configuration_leaves_the_last_in_force() {
    let server = server(true).await;
    let mut watched = Watched::open(&server);
    watched.complete().await;
    server.put(
        CONFIG_MAPS,
        mesh_config("rootNamespace: root\nrootNamespace: twice\n"),
    );
    watched.until(|watched| !watched.faults.is_empty()).await;
    let fault = &watched.faults[0];
    assert_eq!(fault.code, "duplicate-key");
    assert!(
        fault.message.starts_with("line 2 of data.mesh: "),
        "{fault:?}"
    );
    assert_eq!(
        fault.object.as_ref().map(ToString::to_string).as_deref(),
        Some("MeshConfig mesh")
    );
    assert_eq!(
        watched.told["MeshConfig mesh"]["spec"],
        json!({"rootNamespace": "root"})
    );
    server.put(CONFIG_MAPS, mesh_config("accessLogFile: /dev/stdout\n"));
    watched
        .until(|watched| {
            watched.told["MeshConfig mesh"]["spec"] == json!({"accessLogFile": "/dev/stdout"})
        })
        .await;
    assert_eq!(watched.faults, []);
    server.delete(CONFIG_MAPS, "root/ferromesh");
    watched
        .until(|watched| !watched.has("MeshConfig mesh"))
        .await;
}
