//! Order, warming, resume, suppression, removal and subscriptions of the delta variant.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_xds::{Event, Note, Request, ResourceType, Variant};

use crate::world::World;

const SHOP: &[&str] = &[
    "cds a=eds1",
    "cds b=plain",
    "eds a=10.0.0.1",
    "lds 80=1",
    "rds 80=1",
    "vhds 80/a:80=1->a",
    "vhds 80/b:80=1->b",
    "vhds 81/c:81=1->a",
];

fn shop() -> World {
    let mut world = World::new(Variant::Delta, &["80"]);
    world.put(SHOP);
    world.connect();
    world
}

#[test]
fn what_is_referred_to_comes_first() {
    let mut world = shop();
    let expected = [
        "cds a=eds1 b=plain",
        "lds 80=1",
        "rds 80=1",
        "eds a=10.0.0.1",
        "vhds 80/a:80=1->a 80/b:80=1->b",
    ];
    let lines = world.lines();
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    assert!(
        expected
            .iter()
            .all(|line| lines.iter().any(|got| got == line)),
        "{lines:?}"
    );
    let at = |line: &str| lines.iter().position(|got| got == line);
    assert!(at("cds a=eds1 b=plain") < at("eds a=10.0.0.1"));
    assert!(
        at("eds a=10.0.0.1") < at("vhds 80/a:80=1->a 80/b:80=1->b"),
        "{lines:?}"
    );
}

#[test]
fn an_updated_cluster_is_followed_by_its_endpoints() {
    let mut world = shop();
    world.lines();
    world.put(&["cds a=eds2", "cds b=plain2", "vhds 80/a:80=2->a"]);
    assert_eq!(
        world.lines(),
        ["cds a=eds2 b=plain2", "eds a=10.0.0.1", "vhds 80/a:80=2->a"]
    );
}

#[test]
fn an_updated_cluster_without_endpoints_is_told_so_again() {
    let mut world = shop();
    world.put(&["cds n=eds1"]);
    assert!(world.lines().contains(&"eds -n".to_owned()));
    world.put(&["cds n=eds2"]);
    assert_eq!(world.lines(), ["cds n=eds2", "eds -n"]);
    world.put(&["eds n=10.0.0.9"]);
    assert_eq!(world.lines(), ["eds n=10.0.0.9"]);
}

#[test]
fn routes_wait_for_the_endpoints_of_new_clusters() {
    let mut world = World::new(Variant::Delta, &["80", "81"]);
    world.put(SHOP);
    world.put(&["rds 81=1"]);
    world.connect();
    world.lines();
    world.put(&[
        "cds n=eds1",
        "eds n=10.0.0.7",
        "vhds 80/a:80=2->n",
        "vhds 80/b:80=2->b",
        "vhds 81/c:81=2->a",
    ]);
    assert!(world.write());
    assert!(world.write(), "a host of another table does not wait");
    assert!(!world.write());
    world.read();
    world.read();
    assert_eq!(world.client.log, ["cds n=eds1", "vhds 81/c:81=2->a"]);
    world.client.log.clear();
    assert_eq!(
        world.lines(),
        ["eds n=10.0.0.7", "vhds 80/a:80=2->n 80/b:80=2->b"],
        "a domain may move between the hosts of a table"
    );
}

#[test]
fn routes_do_not_wait_for_ever() {
    let mut world = shop();
    world.lines();
    world.put(&["cds n=eds1", "vhds 80/a:80=2->n"]);
    while world.write() {}
    let due = world.session.deadline(world.now).expect("a time limit");
    assert_eq!(due, world.now + Duration::from_secs(5));
    world.now = due;
    while world.write() {}
    assert!(world.events.contains(&Event::Note(Note::Unwarmed {
        cluster: Arc::from("n")
    })));
    while world.read() {}
    assert_eq!(world.client.log, ["cds n=eds1", "vhds 80/a:80=2->n"]);
}

#[test]
fn a_cluster_goes_after_the_last_route_to_it_was_replaced_and_answered() {
    let mut world = shop();
    world.lines();
    world.put(&["vhds 80/b:80=2->a", "cds b="]);
    while world.write() {}
    assert_eq!(world.transit.len(), 1, "the removal waits for an answer");
    assert_eq!(world.lines(), ["vhds 80/b:80=2->a", "cds -b"]);
}

#[test]
fn a_name_that_comes_back_is_not_removed() {
    let mut world = shop();
    world.lines();
    world.put(&["vhds 80/b:80=2->a", "cds b="]);
    assert!(world.write());
    world.put(&["cds b=plain2"]);
    assert_eq!(world.lines(), ["vhds 80/b:80=2->a", "cds b=plain2"]);
}

#[test]
fn hosts_and_listeners_go_at_once() {
    let mut world = shop();
    world.lines();
    world.put(&["vhds 80/a:80=", "lds 80="]);
    assert_eq!(world.lines(), ["lds -80", "vhds -80/a:80"]);
}

#[test]
fn resuming_sends_the_difference() {
    let mut world = shop();
    world.lines();
    world.reconnect();
    assert_eq!(world.lines(), [""; 0], "nothing changed");
    world.put(&["cds a=eds2", "cds b=", "vhds 80/b:80="]);
    let audience = world.audience();
    world.put_in(audience, ResourceType::Cluster, "n", "plain");
    world.builder.publish();
    world.reconnect();
    assert_eq!(
        world.lines(),
        ["cds a=eds2 n=plain", "eds a=10.0.0.1", "vhds -80/b:80"]
    );
    world.pass(Duration::from_secs(1));
    assert_eq!(
        world.lines(),
        ["cds -b"],
        "after the routes had their chance to be resumed"
    );
}

#[test]
fn what_is_equal_is_not_sent() {
    let mut world = shop();
    world.lines();
    let audience = world.audience();
    let twin = world
        .builder
        .insert(crate::world::resource(ResourceType::Cluster, "b", "plain"));
    world.builder.list(audience, twin);
    world.publish();
    let other = world.builder.open_audience();
    world.put_in(other, ResourceType::Cluster, "elsewhere", "1");
    world.publish();
    assert_eq!(world.lines(), [""; 0]);
    world.builder.replace(
        twin,
        crate::world::resource(ResourceType::Cluster, "b", "plain2"),
    );
    world.publish();
    assert_eq!(world.lines(), ["cds b=plain2"], "the twin took the place");
}

#[test]
fn several_changes_before_a_frame_are_one() {
    let mut world = shop();
    world.lines();
    for body in ["eds2", "eds3", "eds4"] {
        world.put(&[&format!("cds a={body}")]);
    }
    assert_eq!(world.lines(), ["cds a=eds4", "eds a=10.0.0.1"]);
}

#[test]
fn responses_are_split_at_64_kib() {
    let mut world = World::new(Variant::Delta, &[]);
    let body = "x".repeat(20_000);
    let clusters: Vec<_> = (0..10).map(|n| format!("cds c{n}={body}")).collect();
    world.put(&clusters.iter().map(String::as_str).collect::<Vec<_>>());
    world.client.connect();
    world.hear();
    while world.write() {}
    let sizes: Vec<_> = world.transit.iter().map(|frame| frame.resources).collect();
    assert_eq!(sizes, [4, 4, 2, 0], "and one empty set of listeners");
}

#[test]
fn an_empty_wildcard_is_answered() {
    let mut world = World::new(Variant::Delta, &["80", "90"]);
    world.connect();
    assert_eq!(world.lines(), ["cds", "lds", "rds -90 -80"]);
    world.put(&["rds 80=1", "vhds 80/a=1"]);
    assert_eq!(world.lines(), ["rds 80=1", "vhds 80/a=1"]);
    world.put(&["rds 90=1"]);
    assert_eq!(
        world.lines(),
        ["rds 90=1", "vhds ?90/"],
        "a second table without hosts"
    );
}

#[test]
fn unknown_hosts_are_answered_without_a_body() {
    let mut world = shop();
    world.lines();
    world
        .client
        .subscribe(ResourceType::VirtualHost, "80/nobody:80");
    assert_eq!(world.lines(), ["vhds ?80/nobody:80"]);
    world.client.subscribe(ResourceType::VirtualHost, "80/a:80");
    assert_eq!(world.lines(), ["vhds 80/a:80=1->a"], "asked for again");
    world.put(&["vhds 80/nobody:80=1"]);
    assert_eq!(world.lines(), ["vhds 80/nobody:80=1"]);
}

#[test]
fn names_beside_a_wildcard() {
    let mut world = World::new(Variant::Delta, &[]);
    world.put(&["cds a=1", "cds b=1"]);
    let request = |subscribe: &[&str], unsubscribe: &[&str]| Request {
        type_url: ResourceType::Cluster.type_url().to_owned(),
        subscribe: subscribe.iter().map(|name| (*name).to_owned()).collect(),
        unsubscribe: unsubscribe.iter().map(|name| (*name).to_owned()).collect(),
        ..Request::default()
    };
    let steps: [(Request, &[&str]); 6] = [
        (request(&["a", "x"], &[]), &["cds a=1 -x"]),
        (request(&["*"], &[]), &["cds b=1"]),
        (request(&[], &["a"]), &["cds a=1"]),
        (request(&["b"], &[]), &["cds b=1"]),
        (request(&[], &["*"]), &[]),
        (request(&["a"], &[]), &["cds a=1"]),
    ];
    for (request, expected) in steps {
        world.client.outbox.push(request.clone());
        assert_eq!(world.lines(), expected, "{request:?}");
    }
    world.put(&["cds a=2", "cds b=2", "cds c=2", "cds x=2"]);
    assert_eq!(
        world.lines(),
        ["cds a=2 b=2 x=2"],
        "x was asked for by name before it existed"
    );
}

#[test]
fn an_empty_first_subscription_is_a_wildcard_and_stays_one() {
    let mut world = shop();
    world.lines();
    world.client.subscribe(ResourceType::Cluster, "late");
    assert_eq!(world.lines(), ["cds -late"]);
    world.put(&["cds late=1", "cds later=1"]);
    assert_eq!(world.lines(), ["cds late=1 later=1"]);
}

#[test]
fn moving_to_other_audiences_sends_the_difference() {
    let mut world = shop();
    let shared = world.audience();
    let layer = |world: &mut World, resources: &[(&str, &str)]| {
        let audience = world.builder.open_audience();
        for (name, body) in resources {
            world.put_in(audience, ResourceType::Listener, name, body);
        }
        audience
    };
    let one = layer(&mut world, &[("in", "1"), ("x", "1"), ("same", "1")]);
    let two = layer(&mut world, &[("in", "2"), ("y", "1"), ("same", "1")]);
    world.publish();
    world.assign(Arc::new([shared, one]));
    world.lines();
    world.assign(Arc::new([two, shared]));
    assert_eq!(world.lines(), ["lds in=2 y=1 -x"]);
    let id = world
        .slots
        .remove(&(shared, ResourceType::Listener, "80".to_owned()))
        .expect("a slot");
    world.builder.unlist(shared, ResourceType::Listener, "80");
    world.builder.list(two, id);
    world.publish();
    assert_eq!(
        world.lines(),
        [""; 0],
        "a name that changes its layer is no news"
    );
}

#[test]
fn an_audience_that_is_rebuilt_with_equal_content_is_no_news() {
    let mut world = shop();
    world.lines();
    let old = world.audience();
    let new = world.builder.open_audience();
    let snapshot = world.builder.snapshot().clone();
    for (_, resource) in snapshot.resources() {
        let id = world.builder.insert(resource.as_ref().clone());
        world.builder.list(new, id);
    }
    world.builder.close_audience(old);
    world.assign(Arc::new([new]));
    assert_eq!(world.lines(), [""; 0]);
}

#[test]
fn interest_is_in_what_is_named() {
    let mut world = shop();
    let audience = world.audience();
    let slot =
        |world: &World, ty, name: &str| world.slots.get(&(audience, ty, name.to_owned())).copied();
    let (eds, rds) = (
        slot(&world, ResourceType::Endpoints, "a"),
        slot(&world, ResourceType::Route, "80"),
    );
    let mut added = world.session.take_interest().added;
    added.sort();
    assert_eq!(added.into_iter().map(Some).collect::<Vec<_>>(), [eds, rds]);
    world.put(&["cds a=", "eds a="]);
    world.settle();
    let interest = world.session.take_interest();
    assert_eq!(
        interest.dropped.into_iter().map(Some).collect::<Vec<_>>(),
        [eds]
    );
    assert!(interest.added.is_empty());
}
