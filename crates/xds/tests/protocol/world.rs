//! A server and one client with a wire between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferromesh_xds::{
    AudienceId, Event, Frame, Resource, ResourceId, ResourceType, Session, SnapshotBuilder, Variant,
};

use crate::client::{Client, Held};

/// The server's world, one session, one client.
pub struct World {
    pub builder: SnapshotBuilder,
    pub slots: BTreeMap<(AudienceId, ResourceType, String), ResourceId>,
    pub session: Session,
    pub client: Client,
    /// Responses that the client has not read.
    pub transit: VecDeque<Frame>,
    pub now: Instant,
    pub events: Vec<Event>,
}

/// A resource of the tests.
pub fn resource(ty: ResourceType, name: &str, body: &str) -> Resource {
    let refers: Vec<Arc<str>> = match ty {
        ResourceType::Listener | ResourceType::Route | ResourceType::VirtualHost => {
            let names = body.split_once("->").map_or("", |(_, names)| names);
            names
                .split(',')
                .filter(|name| !name.is_empty())
                .map(Arc::from)
                .collect()
        }
        _ => Vec::new(),
    };
    let eds = (ty == ResourceType::Cluster && body.starts_with("eds")).then(|| Arc::from(name));
    let aliases: &[&str] = if ty == ResourceType::VirtualHost {
        &[name]
    } else {
        &[]
    };
    Resource::encode(
        ty,
        name,
        aliases,
        format!("{name}={body}").as_bytes(),
        refers,
        eds,
    )
}

impl World {
    pub fn new(variant: Variant, routes: &[&str]) -> Self {
        let mut builder = SnapshotBuilder::new();
        let audience = builder.open_audience();
        let snapshot = builder.publish().snapshot;
        let mut session = Session::new(variant, Arc::from("pod"), Arc::clone(&snapshot));
        session.assign(Arc::new([audience]), &snapshot);
        Self {
            builder,
            slots: BTreeMap::new(),
            session,
            client: Client::new(variant, routes),
            transit: VecDeque::new(),
            now: Instant::now(),
            events: Vec::new(),
        }
    }

    pub fn audience(&self) -> AudienceId {
        *self.session.audiences().first().expect("an audience")
    }

    /// Puts a resource into an audience; an empty body takes it out.
    pub fn put_in(&mut self, audience: AudienceId, ty: ResourceType, name: &str, body: &str) {
        let key = (audience, ty, name.to_owned());
        if body.is_empty() {
            self.slots.remove(&key);
            self.builder.unlist(audience, ty, name);
            return;
        }
        let new = resource(ty, name, body);
        match self.slots.get(&key) {
            Some(id) => {
                self.builder.replace(*id, new);
            }
            None => {
                let id = self.builder.insert(new);
                self.builder.list(audience, id);
                self.slots.insert(key, id);
            }
        }
    }

    /// Puts resources into the client's first audience, written `TYPE NAME=BODY`, and publishes.
    pub fn put(&mut self, resources: &[&str]) {
        let audience = self.audience();
        for text in resources {
            let (ty, rest) = text.split_once(' ').expect("a type");
            let ty = ResourceType::ALL
                .into_iter()
                .find(|known| known.short() == ty)
                .expect("a known type");
            let (name, body) = rest.split_once('=').expect("a body");
            self.put_in(audience, ty, name, body);
        }
        self.publish();
    }

    pub fn publish(&mut self) {
        let publication = self.builder.publish();
        self.session.publish(&publication);
        self.note();
    }

    fn note(&mut self) {
        self.events.extend(self.session.take_events());
    }

    /// The server writes one response.
    pub fn write(&mut self) -> bool {
        let frame = self.session.next_frame(self.now);
        self.note();
        let wrote = frame.is_some();
        self.transit.extend(frame);
        wrote
    }

    /// The client reads one response.
    pub fn read(&mut self) -> bool {
        let Some(frame) = self.transit.pop_front() else {
            return false;
        };
        self.client.apply(frame);
        true
    }

    /// The server reads all requests.
    pub fn hear(&mut self) -> bool {
        let requests = std::mem::take(&mut self.client.outbox);
        for request in &requests {
            self.session
                .request(request, self.now)
                .expect("an acceptable request");
        }
        self.note();
        !requests.is_empty()
    }

    /// Until nobody has anything to say.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !(self.hear() | self.write() | self.read()) {
                return;
            }
        }
        panic!(
            "server and client do not come to rest: {:?}",
            self.client.log
        );
    }

    /// As [`Self::settle`]; returns what the client got.
    pub fn lines(&mut self) -> Vec<String> {
        self.settle();
        std::mem::take(&mut self.client.log)
    }

    pub fn connect(&mut self) {
        self.client.connect();
        self.settle();
    }

    /// The stream breaks and another server takes over.
    pub fn reconnect(&mut self) {
        let snapshot = Arc::new(self.builder.snapshot().clone());
        let audiences = Arc::clone(self.session.audiences());
        self.session = Session::new(self.client.variant, Arc::from("pod"), Arc::clone(&snapshot));
        self.session.assign(audiences, &snapshot);
        self.transit.clear();
        self.client.connect();
    }

    /// Moves the client, by the next publication.
    pub fn assign(&mut self, audiences: Arc<[AudienceId]>) {
        let publication = self.builder.publish();
        self.session.assign(audiences, &publication.snapshot);
        self.session.publish(&publication);
        self.note();
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// What the client holds, as `TYPE NAME=BODY`.
    pub fn held(&self) -> Vec<String> {
        let line = |((ty, name), held): (&(ResourceType, String), &Held)| {
            format!("{} {name}={}", ty.short(), held.body)
        };
        self.client.held.iter().map(line).collect()
    }
}
