//! Clients that do not behave.

use ferromesh_xds::{Event, Note, Reject, Request, ResourceType, Variant};

use crate::world::World;

fn request(ty: ResourceType, names: Vec<String>) -> Request {
    Request {
        type_url: ty.type_url().to_owned(),
        subscribe: names,
        ..Request::default()
    }
}

#[test]
fn endless_names_are_refused() {
    for (ty, prefix) in [
        (ResourceType::Endpoints, "nobody"),
        (ResourceType::Route, "nobody"),
        (ResourceType::Secret, "nobody"),
        (ResourceType::VirtualHost, "table"),
        (ResourceType::VirtualHost, "table/host"),
    ] {
        let mut world = World::new(Variant::Delta, &[]);
        let mut sent = 0;
        let end = (0..100).find_map(|round| {
            let names = (0..1000).map(|n| format!("{prefix}{round}-{n}")).collect();
            sent += 1000;
            let answer = world.session.request(&request(ty, names), world.now);
            while world.session.next_frame(world.now).is_some() {}
            answer.err()
        });
        assert_eq!(
            (end, sent),
            (Some(Reject::TooManyNames), 9000),
            "{ty:?} {prefix}"
        );
    }
}

#[test]
fn a_client_that_never_answers_is_not_fed_for_ever() {
    let mut world = World::new(Variant::Delta, &[]);
    world.put(&["cds a=eds", "eds a=0"]);
    world.client.connect();
    world.client.subscribe(ResourceType::Endpoints, "a");
    world.hear();
    let mut frames = 0;
    for n in 0..1000 {
        world.put(&[&format!("eds a={n}")]);
        while world.write() {
            frames += 1;
        }
    }
    assert!(frames < 100, "{frames}");
    assert_eq!(world.session.backlog(), 0);
    world.settle();
    assert_eq!(
        world.held(),
        ["cds a=eds", "eds a=999"],
        "it recovers once it answers"
    );
}

#[test]
fn nonsense_is_ignored() {
    let mut world = World::new(Variant::Delta, &[]);
    world.put(&["cds a=1"]);
    world.connect();
    world.lines();
    let cds = ResourceType::Cluster.type_url();
    for (type_url, nonce, error) in [
        ("type.googleapis.com/nothing", "", None),
        (cds, "not a number", Some("x")),
        (cds, "18446744073709551615", Some("x")),
        (cds, "0", Some("x")),
        (cds, "1", Some("late, and it was answered already")),
    ] {
        let request = Request {
            type_url: type_url.to_owned(),
            nonce: nonce.to_owned(),
            error: error.map(str::to_owned),
            ..Request::default()
        };
        world.client.outbox.push(request);
        assert_eq!(world.lines(), [""; 0], "{type_url} {nonce}");
    }
    assert!(matches!(
        world.events.as_slice(),
        [Event::Note(Note::UnknownType { .. })]
    ));
    assert_eq!(world.session.status(ResourceType::Cluster).refusals, 0);
}

#[test]
fn whoever_answers_nothing_and_asks_on_is_refused() {
    // Names that it has asked for before, and such that take no room.
    for name in ["nobody", ""] {
        let mut world = World::new(Variant::Delta, &[]);
        let mut sent = 0;
        let end = (0..2000).find_map(|_| {
            let names = vec![name.to_owned(); 1000];
            sent += 1000;
            let answer = world
                .session
                .request(&request(ResourceType::Endpoints, names), world.now);
            while world.session.next_frame(world.now).is_some() {}
            assert!(world.session.backlog() < 2 << 20);
            answer.err()
        });
        assert_eq!(end, Some(Reject::TooManyNames), "{name:?} after {sent}");
    }
}
