//! Whatever happens in whatever order: in the end the client has exactly what it should have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_xds::{AudienceId, ResourceType, Variant};
use proptest::prelude::*;

use crate::client::Complaint;
use crate::world::World;

/// How many layers of audiences there are; the first one is everybody's.
const LAYERS: usize = 3;

#[derive(Clone, Debug)]
pub enum Step {
    /// Puts content under a name of one layer, or takes it out.
    Put {
        layer: usize,
        ty: usize,
        name: u8,
        body: u8,
    },
    /// Moves a name that may be in any one layer.
    Move {
        ty: usize,
        layer: usize,
        body: u8,
    },
    Publish,
    Write,
    Read,
    Hear,
    Reconnect,
    /// Moves the client to the first layer and another one.
    Assign(usize),
    /// Replaces a layer by a new audience with new slots of the same content.
    Rebuild(usize),
    Pass,
}

const TYPES: [ResourceType; 5] = [
    ResourceType::Cluster,
    ResourceType::Endpoints,
    ResourceType::Listener,
    ResourceType::Route,
    ResourceType::VirtualHost,
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..LAYERS, 0..TYPES.len(), 0..3u8, 0..6u8)
            .prop_map(|(layer, ty, name, body)| Step::Put { layer, ty, name, body }),
        2 => (0..TYPES.len(), 0..LAYERS, 0..6u8)
            .prop_map(|(ty, layer, body)| Step::Move { ty, layer, body }),
        4 => Just(Step::Publish),
        6 => Just(Step::Write),
        6 => Just(Step::Read),
        6 => Just(Step::Hear),
        1 => Just(Step::Reconnect),
        1 => (1..LAYERS).prop_map(Step::Assign),
        1 => (0..LAYERS).prop_map(Step::Rebuild),
        1 => Just(Step::Pass),
    ]
}

/// The name of a resource of a layer; routes and hosts belong to tables that the client has.
fn name(ty: ResourceType, stem: &str) -> String {
    match ty {
        ResourceType::VirtualHost => format!("80/{stem}"),
        // The table of the hosts is one of them.
        ResourceType::Route if stem == "l0n1" => "80".to_owned(),
        ResourceType::Cluster
        | ResourceType::Endpoints
        | ResourceType::Listener
        | ResourceType::Route
        | ResourceType::Secret => stem.to_owned(),
    }
}

fn body(ty: ResourceType, number: u8, faults: bool) -> String {
    match (ty, number) {
        (_, 0) => String::new(),
        (_, 5) if faults => "bad".to_owned(),
        (ResourceType::Cluster, 1 | 2) => format!("eds{number}"),
        (ResourceType::Listener | ResourceType::Route | ResourceType::VirtualHost, 3) => {
            "3->l0n0".to_owned()
        }
        _ => number.to_string(),
    }
}

/// The world and its layers.
pub struct Play {
    world: World,
    layers: Vec<AudienceId>,
    faults: bool,
}

impl Play {
    pub fn new(variant: Variant, faults: bool, complaint: Complaint) -> Self {
        let routes = ["80", "l0n0", "l1n1", "m"];
        let mut world = World::new(variant, &routes);
        world.client.complaint = complaint;
        let mut layers = vec![world.audience()];
        layers.extend((1..LAYERS).map(|_| world.builder.open_audience()));
        world.publish();
        world.client.connect();
        Self {
            world,
            layers,
            faults,
        }
    }

    pub fn step(&mut self, step: &Step) {
        let world = &mut self.world;
        match *step {
            Step::Put {
                layer,
                ty,
                name: number,
                body: content,
            } => {
                let ty = TYPES[ty];
                let name = name(ty, &format!("l{layer}n{number}"));
                world.put_in(
                    self.layers[layer],
                    ty,
                    &name,
                    &body(ty, content, self.faults),
                );
            }
            Step::Move {
                ty,
                layer,
                body: content,
            } => {
                let ty = TYPES[ty];
                let name = name(ty, "m");
                for (at, audience) in self.layers.iter().enumerate() {
                    let content = if at == layer {
                        body(ty, content, self.faults)
                    } else {
                        String::new()
                    };
                    world.put_in(*audience, ty, &name, &content);
                }
            }
            Step::Publish => world.publish(),
            Step::Write => {
                world.write();
            }
            Step::Read => {
                world.read();
            }
            Step::Hear => {
                world.hear();
            }
            Step::Reconnect => {
                world.publish();
                world.reconnect();
            }
            Step::Assign(layer) => {
                world.assign(Arc::new([self.layers[0], self.layers[layer]]));
            }
            Step::Rebuild(layer) => self.rebuild(layer),
            Step::Pass => world.pass(Duration::from_secs(2)),
        }
    }

    fn rebuild(&mut self, layer: usize) {
        let world = &mut self.world;
        let old = self.layers[layer];
        let new = world.builder.open_audience();
        let slots: Vec<_> = world
            .slots
            .keys()
            .filter(|(at, _, _)| *at == old)
            .cloned()
            .collect();
        for (at, ty, name) in slots {
            let id = world.slots.remove(&(at, ty, name.clone())).expect("a slot");
            let copy = world
                .builder
                .snapshot()
                .resource(id)
                .expect("a resource")
                .as_ref()
                .clone();
            let id = world.builder.insert(copy);
            world.builder.list(new, id);
            world.slots.insert((new, ty, name), id);
        }
        world.builder.close_audience(old);
        self.layers[layer] = new;
        let held = world.session.audiences().iter();
        let audiences: Arc<[AudienceId]> =
            held.map(|id| if *id == old { new } else { *id }).collect();
        world.assign(audiences);
    }

    /// Lets everything come to rest and compares.
    pub fn check(mut self) -> Result<(), TestCaseError> {
        self.world.publish();
        for _ in 0..3 {
            self.world.settle();
            self.world.pass(Duration::from_secs(10));
        }
        self.world.settle();
        let world = &self.world;
        let held = &world.client.held;
        let mut expected = BTreeSet::new();
        // Clusters to which something refers of which the client refused the content.
        let mut needed = BTreeSet::new();
        for audience in world.session.audiences().iter() {
            for ((_, ty, name), id) in world.slots.iter().filter(|((at, _, _), _)| at == audience) {
                let resource = world.builder.snapshot().resource(*id).expect("a resource");
                let body = String::from_utf8_lossy(&resource.value())
                    .split_once('=')
                    .expect("a body")
                    .1
                    .to_owned();
                let key = (*ty, name.clone());
                let eds = held.get(&(ResourceType::Cluster, name.clone()));
                let wanted = match ty {
                    ResourceType::Endpoints => {
                        eds.is_some_and(|cluster| cluster.body.starts_with("eds"))
                    }
                    ResourceType::Route => ["80", "l0n0", "l1n1", "m"].contains(&name.as_str()),
                    ResourceType::VirtualHost => {
                        let table = (ResourceType::Route, "80".to_owned());
                        world.client.variant == Variant::Delta && held.contains_key(&table)
                    }
                    ResourceType::Cluster | ResourceType::Listener | ResourceType::Secret => true,
                };
                if !wanted {
                    continue;
                }
                if body == "bad" {
                    if let Some(held) = held.get(&key) {
                        let cluster = held.body.split_once("->").map(|(_, cluster)| cluster);
                        needed.extend(cluster.map(str::to_owned));
                        expected.insert(key);
                    }
                    continue;
                }
                prop_assert_eq!(
                    held.get(&key).map(|held| held.body.clone()),
                    Some(body),
                    "{:?}",
                    key
                );
                expected.insert(key);
            }
        }
        let state_of_the_world = world.client.variant == Variant::StateOfTheWorld;
        for key in held.keys().filter(|key| !expected.contains(key)) {
            // Only sets can say that a name is gone, and Envoy keeps endpoints of clusters that
            // are not EDS any more until it has no use for them. A cluster stays as long as
            // something needs it that stands in for what was refused.
            let sets = matches!(key.0, ResourceType::Cluster | ResourceType::Listener);
            let leftover = match key.0 {
                ResourceType::Endpoints => true,
                ResourceType::Cluster => needed.contains(&key.1),
                _ => state_of_the_world && !sets,
            };
            prop_assert!(leftover, "{:?} is left over: {:?}", key, world.client.log);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_client_ends_with_the_snapshot(
        delta in any::<bool>(),
        faults in any::<bool>(),
        named in any::<bool>(),
        steps in prop::collection::vec(step(), 1..150),
        // The last one, so that the seeds of old failures keep their meaning.
        harsh in any::<bool>(),
    ) {
        let variant = if delta { Variant::Delta } else { Variant::StateOfTheWorld };
        let complaint = match (named, harsh) {
            (true, false) => Complaint::Named,
            (true, true) => Complaint::Cut,
            (false, false) => Complaint::Unnamed,
            (false, true) => Complaint::Whole,
        };
        let mut play = Play::new(variant, faults, complaint);
        for step in &steps {
            play.step(step);
        }
        play.check()?;
    }
}

/// A host always refers to a cluster of the same publication.
#[derive(Clone, Debug)]
enum Edit {
    Host { name: u8, cluster: u8 },
    Drop { cluster: u8 },
    Touch { cluster: u8 },
    Write,
    Read,
    Hear,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => (0..3u8, 0..4u8).prop_map(|(name, cluster)| Edit::Host { name, cluster }),
        1 => (0..4u8).prop_map(|cluster| Edit::Drop { cluster }),
        1 => (0..4u8).prop_map(|cluster| Edit::Touch { cluster }),
        3 => Just(Edit::Write),
        3 => Just(Edit::Read),
        3 => Just(Edit::Hear),
    ]
}

/// What the server's hosts refer to.
#[derive(Default)]
struct Hosts {
    refers: [Option<u8>; 3],
    counter: u32,
}

impl Hosts {
    fn apply(&mut self, world: &mut World, edit: &Edit) {
        self.counter += 1;
        let counter = self.counter;
        let audience = world.audience();
        let cluster = |world: &mut World, number: u8, body: &str| {
            let (name, eds) = (format!("c{number}"), number.is_multiple_of(2));
            let body = if eds && !body.is_empty() {
                format!("eds{body}")
            } else {
                body.to_owned()
            };
            world.put_in(audience, ResourceType::Cluster, &name, &body);
            if eds {
                world.put_in(audience, ResourceType::Endpoints, &name, &body);
            }
        };
        match *edit {
            Edit::Host {
                name,
                cluster: number,
            } => {
                cluster(world, number, "1");
                self.refers[usize::from(name)] = Some(number);
                let body = format!("{counter}->c{number}");
                world.put_in(
                    audience,
                    ResourceType::VirtualHost,
                    &format!("80/{name}"),
                    &body,
                );
            }
            Edit::Drop { cluster: number } => {
                cluster(world, number, "");
                for (name, refers) in self.refers.iter_mut().enumerate() {
                    if *refers == Some(number) {
                        *refers = None;
                        let body = counter.to_string();
                        world.put_in(
                            audience,
                            ResourceType::VirtualHost,
                            &format!("80/{name}"),
                            &body,
                        );
                    }
                }
            }
            Edit::Touch { cluster: number } if self.refers.contains(&Some(number)) => {
                cluster(world, number, &counter.to_string());
            }
            Edit::Touch { .. } => {}
            Edit::Write => {
                world.write();
            }
            Edit::Read => {
                world.read();
            }
            Edit::Hear => {
                world.hear();
            }
        }
        world.publish();
    }
}

/// Everything to which a host of the client refers is there, and knows its endpoints.
fn nothing_dangles(world: &World) -> Result<(), TestCaseError> {
    let held = &world.client.held;
    for ((_, name), host) in held
        .iter()
        .filter(|((ty, _), _)| *ty == ResourceType::VirtualHost)
    {
        let Some((_, cluster)) = host.body.split_once("->") else {
            continue;
        };
        let found = held.get(&(ResourceType::Cluster, cluster.to_owned()));
        prop_assert!(
            found.is_some(),
            "{name} refers to {cluster}: {:?}",
            world.client.log
        );
        let eds = found.is_some_and(|cluster| cluster.body.starts_with("eds"));
        let endpoints = (ResourceType::Endpoints, cluster.to_owned());
        let known = held.contains_key(&endpoints) || world.client.absent.contains(&endpoints);
        prop_assert!(
            !eds || known,
            "{name} refers to {cluster} without endpoints: {:?}",
            world.client.log
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn make_before_break(edits in prop::collection::vec(edit(), 1..150)) {
        let mut world = World::new(Variant::Delta, &["80"]);
        world.put(&["rds 80=1"]);
        world.connect();
        let mut hosts = Hosts::default();
        for edit in &edits {
            hosts.apply(&mut world, edit);
            nothing_dangles(&world)?;
        }
        while world.hear() | world.write() | world.read() {
            nothing_dangles(&world)?;
        }
    }
}
