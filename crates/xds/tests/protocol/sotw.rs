//! The state-of-the-world variant.

use ferromesh_xds::{Request, ResourceType, Variant};

use crate::client::Complaint;
use crate::world::World;

fn shop() -> World {
    let mut world = World::new(Variant::StateOfTheWorld, &["80"]);
    world.put(&[
        "cds a=eds1",
        "cds b=plain",
        "eds a=10.0.0.1",
        "lds 80=1",
        "lds 81=1",
        "rds 80=1->a",
    ]);
    world.connect();
    world
}

#[test]
fn sets_are_whole_and_names_are_single() {
    let mut world = shop();
    world.lines();
    world.put(&["cds b=plain2"]);
    assert_eq!(world.lines(), ["cds a=eds1 b=plain2"]);
    world.put(&["cds a=eds2", "lds 81=2"]);
    assert_eq!(
        world.lines(),
        ["cds a=eds2 b=plain2", "eds a=10.0.0.1", "lds 80=1 81=2"]
    );
    world.put(&["eds a=10.0.0.2"]);
    assert_eq!(world.lines(), ["eds a=10.0.0.2"]);
    world.put(&["lds 81="]);
    assert_eq!(world.lines(), ["lds 80=1"]);
}

#[test]
fn a_cluster_leaves_the_set_after_the_last_route_to_it() {
    let mut world = shop();
    world.lines();
    world.put(&["cds c=plain", "cds b=", "rds 80=2->c"]);
    assert_eq!(
        world.lines(),
        [
            "cds a=eds1 b=plain c=plain",
            "rds 80=2->c",
            "cds a=eds1 c=plain"
        ]
    );
}

#[test]
fn routes_wait_for_endpoints() {
    let mut world = shop();
    world.lines();
    world.put(&["cds n=eds", "eds n=1", "rds 80=2->n", "lds 80=2->n"]);
    assert!(world.write());
    assert!(!world.write(), "nothing that refers to it");
    assert_eq!(
        world.lines(),
        [
            "cds a=eds1 b=plain n=eds",
            "eds n=1",
            "lds 80=2->n 81=1",
            "rds 80=2->n"
        ]
    );
}

#[test]
fn resuming_sends_the_types_that_differ() {
    let mut world = shop();
    world.lines();
    world.reconnect();
    assert_eq!(world.lines(), [""; 0]);
    let audience = world.audience();
    world.put_in(audience, ResourceType::Listener, "82", "1");
    world.builder.publish();
    world.reconnect();
    assert_eq!(world.lines(), ["lds 80=1 81=1 82=1"]);
}

#[test]
fn an_interrupted_series_is_not_taken_for_the_whole() {
    let mut world = World::new(Variant::StateOfTheWorld, &["1", "2", "3", "4", "5"]);
    let body = "x".repeat(30_000);
    let routes: Vec<_> = (1..=5).map(|n| format!("rds {n}={body}")).collect();
    world.put(&routes.iter().map(String::as_str).collect::<Vec<_>>());
    world.client.connect();
    world.hear();
    while world.write() {}
    while world.transit.len() > 1 {
        world.read();
    }
    world.reconnect();
    world.settle();
    assert_eq!(world.held().len(), 5);
}

#[test]
fn stale_answers_do_not_change_the_subscription() {
    let mut world = shop();
    world.lines();
    world.client.outbox.push(Request {
        type_url: ResourceType::Route.type_url().to_owned(),
        nonce: "1".to_owned(),
        ..Request::default()
    });
    world.settle();
    world.put(&["rds 80=2->a"]);
    assert_eq!(world.lines(), ["rds 80=2->a"]);
}

#[test]
fn dropped_names_are_not_sent() {
    let mut world = shop();
    world.lines();
    let nonce = world.session.status(ResourceType::Route).sent.to_string();
    let type_url = ResourceType::Route.type_url().to_owned();
    world.client.outbox.push(Request {
        type_url,
        nonce,
        ..Request::default()
    });
    world.settle();
    world.put(&["rds 80=2->a"]);
    assert_eq!(world.lines(), [""; 0]);
}

#[test]
fn a_refused_member_of_a_set_falls_back() {
    for complaint in [Complaint::Named, Complaint::Unnamed] {
        let mut world = shop();
        world.client.complaint = complaint;
        world.lines();
        world.put(&["cds b=bad", "cds c=plain", "cds n=bad"]);
        let lines = world.lines();
        assert_eq!(
            lines.last().map(String::as_str),
            Some("cds a=eds1 b=plain c=plain"),
            "{complaint:?}"
        );
        world.put(&["cds b=2"]);
        assert_eq!(world.lines(), ["cds a=eds1 b=2 c=plain"]);
    }
}
