//! An API server of our own: lists, watches, bookmarks, and everything that goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A server that can be stopped and started again.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

struct State {
    world: Mutex<World>,
    /// Counts up with everything that watches have to look at.
    ticks: watch::Sender<u64>,
}

/// What is stored, and how it is served.
#[derive(Default)]
pub struct World {
    /// By collection (`/api/v1/pods`), then by `namespace/name`.
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    history: Vec<Event>,
    version: u64,
    /// Watches can't begin before this version.
    pub oldest: u64,
    /// Collections that nobody may read.
    pub forbidden: BTreeSet<String>,
    /// Whether lists can be streamed.
    pub streams: bool,
    /// So many objects make a page.
    pub page: usize,
    /// All requests so far.
    pub requests: Vec<String>,
    /// All watches of before end.
    epoch: u64,
}

struct Event {
    version: u64,
    collection: String,
    line: Line,
}

#[derive(Clone)]
enum Line {
    Event(&'static str, Value),
    Raw(&'static str),
}

/// The collection of the definitions.
pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

type Body = BoxBody<Bytes, std::io::Error>;

impl Server {
    /// An empty one; how its lists are served.
    pub async fn start(streams: bool) -> Self {
        let world = World {
            streams,
            page: 2,
            ..World::default()
        };
        let state = Arc::new(State {
            world: Mutex::new(world),
            ticks: watch::Sender::new(0),
        });
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            state,
            accepting: None,
        };
        server.resume().await;
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections, at the same address as before.
    pub async fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("an address");
        self.address = listener.local_addr().expect("an address");
        let state = self.state.clone();
        self.accepting = Some(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = state.clone();
                let service = service_fn(move |request| answer(state.clone(), request));
                connections.spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }));
    }

    /// Is gone, with all connections.
    pub async fn stop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            let _ = accepting.await;
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.state.world.lock().expect("no panic")
    }

    /// Does something to the world, and has all watches look at it.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.world());
        self.state.ticks.send_modify(|tick| *tick += 1);
        result
    }

    pub fn put(&self, collection: &str, object: Value) {
        self.change(|world| world.put(collection, object));
    }

    pub fn delete(&self, collection: &str, name: &str) {
        self.change(|world| world.delete(collection, name));
    }

    /// All watches end in the middle of a line.
    pub fn disconnect(&self) {
        self.change(|world| world.epoch += 1);
    }

    /// Defines a kind with these served versions, the stored one first.
    pub fn define(&self, group: &str, plural: &str, generation: u64, versions: &[&str]) {
        let versions: Vec<_> = versions
            .iter()
            .enumerate()
            .map(|(index, name)| json!({"name": name, "served": true, "storage": index == 0}))
            .collect();
        self.put(
            DEFINITIONS,
            json!({
                "metadata": {"name": format!("{plural}.{group}"), "generation": generation},
                "spec": {"group": group, "versions": versions},
                "status": {"conditions": [{"type": "Established", "status": "True"}]},
            }),
        );
    }
}

impl World {
    pub fn put(&mut self, collection: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let collection_objects = self.objects.entry(collection.to_owned()).or_default();
        let before = collection_objects.insert(name_of(&object), object.clone());
        let word = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.log(collection, Line::Event(word, object));
    }

    pub fn delete(&mut self, collection: &str, name: &str) {
        let removed = self
            .objects
            .get_mut(collection)
            .and_then(|objects| objects.remove(name));
        if let Some(mut object) = removed {
            self.version += 1;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.log(collection, Line::Event("DELETED", object));
        }
    }

    /// Tells watches how far they have come, and that nobody may ask for what was before.
    pub fn bookmark(&mut self, collection: &str) -> u64 {
        self.version += 1;
        let object = json!({"metadata": {"resourceVersion": self.version.to_string()}});
        self.log(collection, Line::Event("BOOKMARK", object));
        self.oldest = self.version;
        self.version
    }

    /// Forgets what has happened.
    pub fn compact(&mut self) {
        self.version += 1;
        self.oldest = self.version;
    }

    /// Says something in the watches of a collection.
    pub fn say(&mut self, collection: &str, line: &'static str) {
        self.version += 1;
        self.log(collection, Line::Raw(line));
    }

    fn log(&mut self, collection: &str, line: Line) {
        self.history.push(Event {
            version: self.version,
            collection: collection.to_owned(),
            line,
        });
    }

    /// What is stored, by `namespace/name`.
    pub fn stored(&self, collection: &str) -> BTreeMap<String, Value> {
        self.objects.get(collection).cloned().unwrap_or_default()
    }

    /// Requests that contain this.
    pub fn asked(&self, text: &str) -> usize {
        self.requests
            .iter()
            .filter(|line| line.contains(text))
            .count()
    }

    fn is_served(&self, collection: &str) -> bool {
        let parts: Vec<_> = collection.split('/').collect();
        match parts[..] {
            ["", "apis", group, version, plural] if group.ends_with(".istio.io") => {
                let definitions = self.stored(DEFINITIONS);
                let definition = definitions.get(&format!("/{plural}.{group}"));
                definition.is_some_and(|definition| {
                    let versions = definition["spec"]["versions"].as_array();
                    versions
                        .into_iter()
                        .flatten()
                        .any(|is| is["name"] == version)
                })
            }
            _ => true,
        }
    }
}

/// `namespace/name`.
pub fn name_of(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let query: BTreeMap<String, String> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| {
            (
                key.to_owned(),
                value
                    .replace("%3D", "=")
                    .replace("%2E", ".")
                    .replace("%2D", "-"),
            )
        })
        .collect();
    let accept = request.headers().get(http::header::ACCEPT);
    let ask = Ask {
        path: request.uri().path().to_owned(),
        only_metadata: accept.is_some_and(|accept| {
            accept
                .as_bytes()
                .starts_with(b"application/json;as=PartialObjectMetadata")
        }),
        query,
    };
    let mut world = state.world.lock().expect("no panic");
    world.requests.push(format!(
        "{}?{}",
        ask.path,
        request.uri().query().unwrap_or_default()
    ));
    if world.forbidden.contains(&ask.path) {
        return Ok(status(StatusCode::FORBIDDEN, "you may not"));
    }
    if let Some(name) = ask.path.strip_prefix(&format!("{DEFINITIONS}/")) {
        return Ok(match world.stored(DEFINITIONS).get(&format!("/{name}")) {
            Some(object) => plain(object),
            None => status(StatusCode::NOT_FOUND, "not there"),
        });
    }
    if !world.is_served(&ask.path) {
        return Ok(status(StatusCode::NOT_FOUND, "not there"));
    }
    if !ask.query.contains_key("watch") {
        return Ok(plain(&list(&world, &ask)));
    }
    if ask.query.contains_key("sendInitialEvents") && !world.streams {
        let message = "sendInitialEvents is forbidden for watch";
        return Ok(status(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    let watching = Watching::new(&world, ask);
    drop(world);
    let ticks = state.ticks.subscribe();
    let lines = stream::unfold((watching, state, ticks), next_line);
    Ok(Response::new(StreamBody::new(lines).boxed()))
}

struct Ask {
    path: String,
    only_metadata: bool,
    query: BTreeMap<String, String>,
}

impl Ask {
    fn chosen(&self, object: &Value) -> bool {
        match self
            .query
            .get("fieldSelector")
            .and_then(|text| text.strip_prefix("metadata.name="))
        {
            Some(name) => object["metadata"]["name"] == name,
            None => true,
        }
    }

    fn shown(&self, object: &Value) -> Value {
        if self.only_metadata {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
        } else {
            object.clone()
        }
    }

    /// Requests for one namespace are answered from the collection of all.
    fn collection(&self) -> String {
        match self.path.split_once("/namespaces/") {
            Some((prefix, rest)) => match rest.split_once('/') {
                Some((_, plural)) => format!("{prefix}/{plural}"),
                None => self.path.clone(),
            },
            None => self.path.clone(),
        }
    }
}

fn list(world: &World, ask: &Ask) -> Value {
    let all = world.stored(&ask.collection());
    let after = ask
        .query
        .get("continue")
        .map(String::as_str)
        .unwrap_or_default();
    let mut rest = all
        .iter()
        .filter(|(name, _)| *name.as_str() > *decode(after));
    let mut items = Vec::new();
    let mut last = "";
    for (name, object) in rest.by_ref().take(world.page) {
        last = name;
        if ask.chosen(object) {
            items.push(ask.shown(object));
        }
    }
    let more = if rest.next().is_some() {
        encode(last)
    } else {
        String::new()
    };
    json!({"metadata": {"resourceVersion": world.version.to_string(), "continue": more}, "items": items})
}

/// Page tokens are opaque, and not all of their characters may stand in a URI as they are.
fn encode(name: &str) -> String {
    format!(
        "+{}",
        name.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    )
}

fn decode(token: &str) -> String {
    let hex = token.strip_prefix("%2B").unwrap_or_default();
    let bytes = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"));
    String::from_utf8(bytes.collect()).expect("text")
}

struct Watching {
    ask: Ask,
    collection: String,
    /// Lines to be said at once.
    first: Vec<String>,
    /// Everything up to here has been said.
    version: u64,
    epoch: u64,
    is_over: bool,
}

impl Watching {
    fn new(world: &World, ask: Ask) -> Self {
        let collection = ask.collection();
        let mut watching = Self {
            first: Vec::new(),
            version: world.version,
            epoch: world.epoch,
            is_over: false,
            collection,
            ask,
        };
        match watching.ask.query.get("resourceVersion") {
            None => watching.first_lines(world),
            Some(version) => {
                let version: u64 = version.parse().expect("a version of ours");
                watching.version = version;
                if version < world.oldest {
                    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"});
                    watching.first.push(line("ERROR", &gone));
                    watching.is_over = true;
                }
            }
        }
        watching
    }

    fn first_lines(&mut self, world: &World) {
        let objects = world.stored(&self.collection);
        let chosen = objects.values().filter(|object| self.ask.chosen(object));
        let mut lines: Vec<_> = chosen
            .map(|object| line("ADDED", &self.ask.shown(object)))
            .collect();
        let end = json!({"metadata": {
            "resourceVersion": world.version.to_string(),
            "annotations": {"k8s.io/initial-events-end": "true"},
        }});
        lines.push(line("BOOKMARK", &end));
        self.first = lines;
    }

    /// What there is to say, and whether that was all.
    fn lines(&mut self, world: &World) -> String {
        let mut text: String = self.first.drain(..).collect();
        if self.is_over {
            return text;
        }
        let events = world
            .history
            .iter()
            .filter(|event| event.version > self.version && event.collection == self.collection);
        for event in events {
            match &event.line {
                Line::Event("BOOKMARK", object) => text += &line("BOOKMARK", object),
                Line::Event(word, object) if self.ask.chosen(object) => {
                    text += &line(word, &self.ask.shown(object))
                }
                Line::Event(..) => {}
                Line::Raw(raw) => text += &format!("{raw}\n"),
            }
        }
        self.version = self.version.max(world.version);
        text
    }
}

type Said = (
    Result<Frame<Bytes>, std::io::Error>,
    (Watching, Arc<State>, watch::Receiver<u64>),
);

async fn next_line(
    (mut watching, state, mut ticks): (Watching, Arc<State>, watch::Receiver<u64>),
) -> Option<Said> {
    loop {
        ticks.borrow_and_update();
        let (text, is_broken) = {
            let world = state.world.lock().expect("no panic");
            let is_broken = world.epoch != watching.epoch;
            (
                if is_broken {
                    String::new()
                } else {
                    watching.lines(&world)
                },
                is_broken,
            )
        };
        if is_broken {
            watching.is_over = true;
            return Some((
                Err(std::io::ErrorKind::ConnectionReset.into()),
                (watching, state, ticks),
            ));
        }
        if !text.is_empty() {
            return Some((Ok(Frame::data(text.into())), (watching, state, ticks)));
        }
        if watching.is_over || ticks.changed().await.is_err() {
            return None;
        }
    }
}

fn line(word: &str, object: &Value) -> String {
    // As a real server writes it: the type comes first.
    format!("{{\"type\":\"{word}\",\"object\":{object}}}\n")
}

fn plain(value: &Value) -> Response<Body> {
    Response::new(full(value))
}

fn status(code: StatusCode, message: &str) -> Response<Body> {
    let body = json!({"kind": "Status", "code": code.as_u16(), "message": message});
    let mut response = Response::new(full(&body));
    *response.status_mut() = code;
    response
}

fn full(value: &Value) -> Body {
    Full::new(Bytes::from(value.to_string()))
        .map_err(|never| match never {})
        .boxed()
}
