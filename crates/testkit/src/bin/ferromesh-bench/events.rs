//! Single events inside the control plane, without sockets: from the bytes of an object to the
//! bytes that are queued on one stream. Run under callgrind it counts instructions, of
//! [`measured`] alone; by itself it takes the time.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Buf;
use clap::ValueEnum;
use ferromesh_api::Object;
use ferromesh_compiler::acceptance::Acceptance;
use ferromesh_compiler::{Certificates, Compiler, Interception, Proxy, Tables};
use ferromesh_kube_source::{directory, yaml};
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_xds::frame::PREFIX;
use ferromesh_xds::{Request, ResourceType, Session, Snapshot, Variant, wire};
use ferromesh_xds_server::Publisher;

use crate::world::{World, service_text, slice_text, weight_text};

/// A change, or the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Event {
    /// One endpoint of one service has another address.
    Endpoint,
    /// The weights of a route are edited.
    Weight,
    /// A service is added.
    Service,
    /// A whole world is built from nothing.
    Clean,
}

/// The pure core, and one stream that holds everything.
struct Plant {
    acceptance: Acceptance,
    compiler: Compiler,
    publisher: Publisher,
    session: Session,
}

impl Plant {
    fn new() -> Self {
        let mut plant = Self {
            acceptance: Acceptance::new(),
            compiler: Compiler::new(),
            publisher: Publisher::new(),
            session: Session::new(
                Variant::Delta,
                Arc::from("bench"),
                Arc::new(Snapshot::default()),
            ),
        };
        for unit in ferromesh_dialects::default_units() {
            plant.compiler.replace(Arc::new(unit));
        }
        plant.compiler.open(Proxy {
            workload: WorkloadName {
                namespace: Namespace::from("mesh"),
                name: Arc::from("proxy-0"),
            },
            interception: Interception::Redirect,
            tables: Tables::Separate,
            certificates: Certificates::Sds,
        });
        plant
    }

    fn offer(&mut self, bytes: &[u8]) -> io::Result<()> {
        let content = serde_json::from_slice(bytes)?;
        let object = Object::new(content).map_err(|fault| io::Error::other(fault.to_string()))?;
        let unit = Arc::new(ferromesh_dialects::lower(&object));
        if unit.is_refused() {
            return Err(io::Error::other(format!("refused: {:?}", unit.diagnostics)));
        }
        if let Some(unit) = self.acceptance.replace(unit) {
            self.compiler.replace(unit);
        }
        Ok(())
    }

    /// Compiles, publishes, and builds all frames that the stream has to be sent.
    fn serve(&mut self, now: Instant) -> Vec<bytes::Bytes> {
        let published = self.publisher.apply(self.compiler.compile());
        for (_, audiences) in published.assigned {
            self.session
                .assign(audiences, &published.publication.snapshot);
        }
        self.session.publish(&published.publication);
        self.frames(now)
    }

    fn frames(&mut self, now: Instant) -> Vec<bytes::Bytes> {
        let mut frames = Vec::new();
        while let Some(mut frame) = self.session.next_frame(now) {
            frames.push(frame.copy_to_bytes(frame.remaining()));
        }
        frames
    }

    fn request(&mut self, request: &Request, now: Instant) -> io::Result<()> {
        self.session
            .request(request, now)
            .map_err(|reject| io::Error::other(format!("{reject:?}")))
    }

    /// Answers frames as Envoy would, until nothing is left to say. Returns how many bytes
    /// there were.
    fn answer(&mut self, mut frames: Vec<bytes::Bytes>, now: Instant) -> io::Result<usize> {
        let mut total = 0;
        let mut asked = BTreeSet::new();
        while !frames.is_empty() {
            for mut frame in std::mem::take(&mut frames) {
                total += frame.len();
                frame.advance(PREFIX);
                let response = wire::Response::decode_delta(frame).map_err(io::Error::other)?;
                let ack = Request {
                    type_url: response.type_url.clone(),
                    nonce: response.nonce,
                    ..Request::default()
                };
                self.request(&ack, now)?;
                let names: Vec<_> = response.resources.into_iter().map(|r| r.name).collect();
                let next = match ResourceType::from_type_url(&response.type_url) {
                    Some(ResourceType::Cluster) => Some(ResourceType::Endpoints),
                    Some(ResourceType::Route) => Some(ResourceType::VirtualHost),
                    _ => None,
                };
                if let Some(next) = next {
                    let new = names
                        .into_iter()
                        .filter(|name| asked.insert((next, name.clone())));
                    let subscribe: Vec<_> = new.collect();
                    self.subscribe(next, subscribe, now)?;
                }
            }
            frames = self.frames(now);
        }
        Ok(total)
    }

    fn subscribe(&mut self, ty: ResourceType, names: Vec<String>, now: Instant) -> io::Result<()> {
        let request = Request {
            type_url: ty.type_url().to_owned(),
            subscribe: names,
            ..Request::default()
        };
        self.request(&request, now)
    }

    fn subscribe_to_everything(&mut self, now: Instant) -> io::Result<usize> {
        self.subscribe(ResourceType::Cluster, Vec::new(), now)?;
        self.subscribe(ResourceType::Listener, Vec::new(), now)?;
        self.subscribe(ResourceType::Route, vec!["80".to_owned()], now)?;
        let frames = self.frames(now);
        self.answer(frames, now)
    }
}

/// What is counted: from the bytes of an object to the bytes that are queued on a stream.
#[inline(never)]
fn measured(plant: &mut Plant, objects: &[Vec<u8>], now: Instant) -> io::Result<Vec<bytes::Bytes>> {
    for object in objects {
        plant.offer(object)?;
    }
    Ok(plant.serve(now))
}

fn json(text: &str) -> io::Result<Vec<Vec<u8>>> {
    let read = yaml::read(text);
    if let Some(fault) = read.faults.first() {
        return Err(io::Error::other(fault.to_string()));
    }
    let documents = read.documents.iter();
    documents
        .map(|document| serde_json::to_vec(&document.content).map_err(io::Error::other))
        .collect()
}

fn world(services: usize) -> io::Result<Vec<Vec<u8>>> {
    let directory = tempfile::tempdir()?;
    World::write(directory.path(), services, 1)?;
    let loaded = directory::load(&[directory.path()], "default");
    let objects = loaded.objects.iter();
    objects
        .map(|located| serde_json::to_vec(&located.object.content).map_err(io::Error::other))
        .collect()
}

/// The objects of one turn of an event.
fn objects(event: Event, services: usize, turn: usize) -> io::Result<Vec<Vec<u8>>> {
    match event {
        Event::Endpoint => json(&slice_text(services, turn)),
        Event::Weight => json(&weight_text(turn)),
        Event::Service => {
            let number = services + 1 + turn;
            json(&format!(
                "{}{}",
                service_text(number),
                slice_text(number, 0)
            ))
        }
        Event::Clean => world(services),
    }
}

/// Measures an event and prints a line of a table.
pub fn run(services: usize, event: Event, rounds: usize) -> io::Result<()> {
    let now = Instant::now();
    let mut plant = Plant::new();
    let mut bytes = 0;
    if event != Event::Clean {
        measured(&mut plant, &world(services)?, now)?;
        plant.subscribe_to_everything(now)?;
        // The first turn does what only a first turn has to do.
        let frames = measured(&mut plant, &objects(event, services, 0)?, now)?;
        plant.answer(frames, now)?;
    }
    let mut times = Vec::with_capacity(rounds);
    for turn in 1..=rounds {
        if event == Event::Clean {
            plant = Plant::new();
        }
        let objects = objects(event, services, turn)?;
        let start = Instant::now();
        let frames = measured_once(&mut plant, &objects, now)?;
        times.push(start.elapsed());
        bytes = plant.answer(frames, now)?;
        if event != Event::Clean && bytes == 0 {
            return Err(io::Error::other("the event sent nothing"));
        }
    }
    times.sort();
    let median = times
        .get(times.len() / 2)
        .copied()
        .unwrap_or(Duration::ZERO);
    println!(
        "{event:?} {services} {:.1} {bytes}",
        median.as_secs_f64() * 1e6
    );
    Ok(())
}

/// The function whose instructions callgrind collects (`--toggle-collect`); the warm-up calls
/// [`measured`] directly.
#[inline(never)]
fn measured_once(
    plant: &mut Plant,
    objects: &[Vec<u8>],
    now: Instant,
) -> io::Result<Vec<bytes::Bytes>> {
    measured(plant, objects, now)
}
