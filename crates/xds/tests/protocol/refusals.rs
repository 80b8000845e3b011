//! What happens when a client refuses something.

use std::sync::Arc;

use ferromesh_xds::{Event, ResourceType, Session, Variant};

use crate::client::{Client, Complaint};
use crate::world::World;

fn world(complaint: Complaint) -> World {
    let mut world = World::new(Variant::Delta, &["80"]);
    world.client.complaint = complaint;
    world.put(&["cds a=1", "cds b=1", "cds c=1", "rds 80=1", "vhds 80/x=1"]);
    world.connect();
    world.lines();
    world
}

fn refused(world: &World) -> Vec<&str> {
    world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Refused(refusal) => Some(refusal.name.as_ref()),
            Event::Vouched { .. } | Event::Note(_) => None,
        })
        .collect()
}

#[test]
fn the_last_accepted_version_is_sent_again() {
    let mut world = world(Complaint::Named);
    world.put(&["cds a=bad", "cds b=2"]);
    assert_eq!(world.lines(), ["cds a=bad b=2", "cds a=1"]);
    assert_eq!(refused(&world), ["a"]);
    world.put(&["cds a=bad again", "cds c=2"]);
    assert_eq!(
        world.lines(),
        ["cds a=bad again c=2", "cds a=1"],
        "the refused predecessor does not count"
    );
    let status = world.session.status(ResourceType::Cluster);
    assert_eq!((status.refusals, status.sent), (2, status.accepted));
    assert_eq!(status.error.as_deref(), Some("Error adding/updating a: no"));
    world.put(&["cds a=3"]);
    assert_eq!(world.lines(), ["cds a=3"]);
    let status = world.session.status(ResourceType::Cluster);
    assert_eq!(status.error, None, "everything is in force");
}

#[test]
fn what_an_error_does_not_name_is_in_doubt_if_its_end_was_cut_off() {
    let mut world = world(Complaint::Cut);
    world.put(&["cds a=bad", "cds b=bad", "cds c=2"]);
    assert_eq!(
        world.lines(),
        [
            "cds a=bad b=bad c=2",
            "cds a=1 b=bad c=2",
            "cds a=1 b=1 c=2"
        ]
    );
    assert_eq!(refused(&world), ["a", "b"]);
}

#[test]
fn what_was_never_accepted_is_removed() {
    let mut world = world(Complaint::Named);
    world.put(&["cds n=bad"]);
    assert_eq!(world.lines(), ["cds n=bad", "cds -n"]);
    world.put(&["cds n=2"]);
    assert_eq!(world.lines(), ["cds n=2"]);
}

#[test]
fn an_error_without_a_name_is_found_one_by_one() {
    let mut world = world(Complaint::Unnamed);
    world.put(&["cds a=2", "cds b=bad", "cds c=2", "cds n=bad"]);
    assert_eq!(
        world.lines(),
        [
            "cds a=2 b=bad c=2 n=bad",
            "cds a=2",
            "cds b=bad",
            "cds b=1",
            "cds c=2",
            "cds n=bad",
            "cds -n"
        ]
    );
    assert_eq!(refused(&world), ["b", "n"]);
}

#[test]
fn the_rest_of_a_refused_response_of_hosts_is_sent_again() {
    let mut world = world(Complaint::Named);
    world.put(&["vhds 80/x=bad", "vhds 80/y=1"]);
    assert_eq!(
        world.lines(),
        ["vhds 80/x=bad 80/y=1", "vhds 80/x=1 80/y=1"]
    );
}

#[test]
fn a_refusal_of_something_replaced_meanwhile_changes_nothing() {
    let mut world = world(Complaint::Named);
    world.put(&["cds a=bad"]);
    assert!(world.write());
    world.put(&["cds a=2"]);
    assert_eq!(world.lines(), ["cds a=bad", "cds a=2"]);
    world.put(&["cds a=3"]);
    assert!(world.write());
    world.put(&["cds a=bad"]);
    assert_eq!(
        world.lines(),
        ["cds a=3", "cds a=bad", "cds a=3"],
        "3 was accepted while bad was under way"
    );
}

#[test]
fn a_cluster_stays_as_long_as_a_fallback_refers_to_it() {
    let mut world = world(Complaint::Named);
    world.put(&["vhds 80/x=2->a"]);
    world.lines();
    world.put(&["vhds 80/x=bad->b", "cds a="]);
    assert_eq!(world.lines(), ["vhds 80/x=bad->b", "vhds 80/x=2->a"]);
    world.put(&["vhds 80/x=3->b"]);
    assert_eq!(world.lines(), ["vhds 80/x=3->b", "cds -a"]);
}

/// A pod with a stream of its own in somebody else's world.
fn stranger(world: &World, name: &str) -> (Session, Client) {
    let snapshot = Arc::new(world.builder.snapshot().clone());
    let mut session = Session::new(Variant::Delta, Arc::from(name), Arc::clone(&snapshot));
    session.assign(Arc::clone(world.session.audiences()), &snapshot);
    let mut client = Client::new(Variant::Delta, &[]);
    client.connect();
    for request in std::mem::take(&mut client.outbox) {
        session
            .request(&request, world.now)
            .expect("an acceptable request");
    }
    (session, client)
}

fn first_cluster_of(world: &World, name: &str) -> String {
    let (mut session, mut client) = stranger(world, name);
    client.apply(session.next_frame(world.now).expect("clusters"));
    client.log.remove(0)
}

#[test]
fn new_streams_get_the_predecessor_of_what_two_others_refused() {
    let mut world = world(Complaint::Named);
    let id = *world
        .slots
        .get(&(world.audience(), ResourceType::Cluster, "a".to_owned()))
        .expect("a slot");
    world.put(&["cds a=bad"]);
    world.lines();
    let version = world
        .builder
        .snapshot()
        .resource(id)
        .expect("a cluster")
        .version;
    let (good, bad) = ("cds a=1 b=1 c=1", "cds a=bad b=1 c=1");
    for (pod, expected) in [("one", bad), ("two", bad), ("three", good)] {
        assert_eq!(
            first_cluster_of(&world, "new"),
            expected,
            "before {pod} refused"
        );
        world.builder.refuse(id, version, &Arc::from(pod));
    }
    assert_eq!(
        first_cluster_of(&world, "two"),
        good,
        "two others: one and three"
    );
    let (mut cautious, mut client) = stranger(&world, "cautious");
    client.apply(cautious.next_frame(world.now).expect("clusters"));
    assert_eq!(client.log.remove(0), good);
    world.builder.vouch(id, version);
    assert_eq!(first_cluster_of(&world, "new"), bad, "somebody accepted it");
    let publication = world.builder.publish();
    cautious.publish(&publication);
    let frames = std::iter::from_fn(|| cautious.next_frame(world.now));
    frames.for_each(|frame| client.apply(frame));
    assert!(
        client.log.contains(&"cds a=bad".to_owned()),
        "{:?}",
        client.log
    );
}

#[test]
fn streams_vouch_for_what_others_refused() {
    let mut world = world(Complaint::Named);
    let id = *world
        .slots
        .get(&(world.audience(), ResourceType::Cluster, "a".to_owned()))
        .expect("a slot");
    let version = world
        .builder
        .snapshot()
        .resource(id)
        .expect("a cluster")
        .version;
    world.builder.refuse(id, version, &Arc::from("other"));
    world.publish();
    assert!(world.events.contains(&Event::Vouched { id, version }));
}
