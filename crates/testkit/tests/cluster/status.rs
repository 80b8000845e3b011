//! Statuses on a real API server: what became of an object is told to its author, and nothing is written that isn't new.

#[path = "status/managers.rs"]
mod managers;
#[path = "status/outage.rs"]
mod outage;
#[path = "status/quiet.rs"]
mod quiet;
#[path = "status/replicas.rs"]
mod replicas;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation;
use ferromesh_testkit::cluster::room::Room;
use ferromesh_testkit::wait;
use serde_json::Value;

use crate::echo;

/// A route to this host.
fn route(to: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: route}}
spec:
  hosts: [echo]
  http:
  - route: [{{destination: {{host: {to}}}}}]
"
    )
}

/// A namespace with an application that has a proxy.
fn meshed(cluster: &Cluster, name: &str) -> Room {
    let room = Room::new(cluster, name, &["istio-injection=enabled"]);
    echo::deploy(&room, 1);
    room
}

fn object(room: &Room, kind: &str, name: &str) -> Value {
    let text = room.kubectl(&[
        "get",
        kind,
        name,
        "--output",
        "json",
        "--show-managed-fields",
    ]);
    serde_json::from_str(&text).expect("JSON")
}

/// Waits until the status is about this generation and says this, and nothing else: for each condition its type, status
/// and reason.
async fn until(room: &Room, kind: &str, name: &str, expected: &[[&str; 3]]) -> Value {
    wait::eventually("the status says so", async || {
        let object = object(room, kind, name);
        let generation = &object["metadata"]["generation"];
        let status = &object["status"];
        let conditions = status["conditions"].as_array();
        let said: Vec<_> = conditions
            .into_iter()
            .flatten()
            .map(|condition| {
                assert!(condition["lastTransitionTime"].is_string(), "{condition}");
                ["type", "status", "reason"]
                    .map(|field| condition[field].as_str().unwrap_or_default())
            })
            .collect();
        let mut generations = conditions
            .into_iter()
            .flatten()
            .map(|condition| &condition["observedGeneration"])
            .chain([&status["observedGeneration"]]);
        if said == expected && generations.all(|observed| observed == generation) {
            Ok(object.clone())
        } else {
            Err(format!("generation {generation}: {status}"))
        }
    })
    .await
}

fn message<'o>(object: &'o Value, kind: &str) -> &'o str {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .and_then(|condition| condition["message"].as_str())
        .unwrap_or_default()
}

const SOUND: [[&str; 3]; 3] = [
    ["Accepted", "True", "Accepted"],
    ["ResolvedRefs", "True", "ResolvedRefs"],
    ["Programmed", "True", "Programmed"],
];

#[tokio::test]
async fn an_author_learns_what_became_of_a_route() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = meshed(&cluster, "status");
    room.apply(&route("echo"));
    for condition in ["Accepted", "ResolvedRefs", "Programmed"] {
        let wanted = format!("--for=condition={condition}");
        room.kubectl(&["wait", &wanted, "virtualservice/route", "--timeout=30s"]);
    }
    until(&room, "virtualservice", "route", &SOUND).await;

    // What it leads to does not exist, then it does.
    room.apply(&route("later"));
    let dangling = [
        SOUND[0],
        ["ResolvedRefs", "False", "HostNotFound"],
        SOUND[2],
    ];
    let object = until(&room, "virtualservice", "route", &dangling).await;
    let said = message(&object, "ResolvedRefs");
    assert!(
        said.starts_with("spec.http[0].route[0].destination.host: "),
        "{said}"
    );
    room.apply(
        "
apiVersion: v1
kind: Service
metadata: {name: later}
spec: {selector: {app: echo}, ports: [{name: http, port: 80, targetPort: 8080}]}
",
    );
    until(&room, "virtualservice", "route", &SOUND).await;
}

#[tokio::test]
async fn what_a_proxy_refuses_is_told_in_its_words() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = meshed(&cluster, "refused");
    let bad = "  - headers: {request: {set: {x-a: '%NO_SUCH_COMMAND%'}}}\n    route:";
    room.apply(&route("echo").replace("  - route:", bad));
    let refused = [SOUND[0], SOUND[1], ["Programmed", "False", "Refused"]];
    let object = until(&room, "virtualservice", "route", &refused).await;
    let said = message(&object, "Programmed");
    assert!(said.contains("NO_SUCH_COMMAND"), "{said}");
    room.apply(&route("echo"));
    until(&room, "virtualservice", "route", &SOUND).await;
}

#[tokio::test]
async fn an_object_that_got_past_admission_is_not_accepted() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = Room::new(&cluster, "accepted", &[]);
    let broken = route("echo")
        .replace(
            "{name: route}",
            "{name: route, labels: {istio.io/rev: other}}",
        )
        .replace("  - route:", "  - match: [{uri: {regex: '('}}]\n    route:");
    room.apply(&broken);
    // When a later one has a status, it is known that this gets none.
    room.apply(&route("echo").replace("{name: route}", "{name: sound}"));
    room.kubectl(&[
        "wait",
        "--for=condition=Accepted",
        "virtualservice/sound",
        "--timeout=30s",
    ]);
    let others = object(&room, "virtualservice", "route");
    assert_eq!(others["status"], Value::Null);
    room.kubectl(&["label", "virtualservice", "route", "istio.io/rev-"]);
    let object = wait::eventually("it is not accepted", async || {
        let object = object(&room, "virtualservice", "route");
        let said = message(&object, "Accepted").to_owned();
        if said.starts_with("spec.http[0].match[0].uri.regex: ") {
            Ok(object)
        } else {
            Err(object["status"].to_string())
        }
    })
    .await;
    let conditions = object["status"]["conditions"]
        .as_array()
        .expect("conditions");
    let accepted = conditions
        .iter()
        .find(|it| it["type"] == "Accepted")
        .expect("it");
    assert_eq!(
        [&accepted["status"], &accepted["reason"]],
        ["False", "Invalid"]
    );
}

#[tokio::test]
async fn kinds_that_have_no_effect_yet_say_so() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = Room::new(&cluster, "idle", &[]);
    room.apply(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: idle}
spec: {selector: {a: b}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: idle}
spec: {accessLogging: [{disabled: true}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: idle}
spec: {configPatches: []}
",
    );
    for kind in ["gateways.networking.istio.io", "telemetry", "envoyfilter"] {
        let idle = [["Accepted", "True", "NoEffectYet"]];
        let object = until(&room, kind, "idle", &idle).await;
        let said = message(&object, "Accepted");
        assert!(said.ends_with("has no effect yet in Ferromesh"), "{said}");
    }
}
