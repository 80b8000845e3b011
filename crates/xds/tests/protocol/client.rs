//! A client that behaves like Envoy, as far as the protocol goes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, Bytes};
use ferromesh_xds::frame::PREFIX;
use ferromesh_xds::wire::Response;
use ferromesh_xds::{Frame, Request, ResourceType, Variant};

/// What a client holds under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub version: String,
    pub body: String,
}

/// How a client words its refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// It names the resources.
    Named,
    /// It does not.
    Unnamed,
    /// It names the first one, and the end of the text is cut off, as Envoy does.
    Cut,
    /// It names nothing and takes nothing of the response: what Envoy does with one that it cannot
    /// read, or of which a field breaks a constraint.
    Whole,
}

/// The client. A cluster whose body starts with `eds` makes it ask for endpoints under the
/// cluster's name, a body that starts with `bad` is refused.
#[derive(Debug)]
pub struct Client {
    pub variant: Variant,
    pub complaint: Complaint,
    pub held: BTreeMap<(ResourceType, String), Held>,
    /// Requests that wait to be read by the server.
    pub outbox: Vec<Request>,
    /// What came, a line for each response.
    pub log: Vec<String>,
    /// Names that do not exist, as far as the client was told.
    pub absent: BTreeSet<(ResourceType, String)>,
    endpoints: BTreeSet<String>,
    routes: Vec<String>,
    nonces: BTreeMap<ResourceType, (String, String)>,
    /// It has asked for virtual hosts, which it does as soon as it knows a table.
    hosts: bool,
}

impl Client {
    /// A client that will ask for these routes.
    pub fn new(variant: Variant, routes: &[&str]) -> Self {
        let routes = routes.iter().map(|name| (*name).to_owned()).collect();
        Self {
            variant,
            complaint: Complaint::Named,
            held: BTreeMap::new(),
            outbox: Vec::new(),
            log: Vec::new(),
            absent: BTreeSet::new(),
            endpoints: BTreeSet::new(),
            routes,
            nonces: BTreeMap::new(),
            hosts: false,
        }
    }

    /// The first requests on a stream.
    pub fn connect(&mut self) {
        self.outbox.clear();
        for (nonce, _) in self.nonces.values_mut() {
            nonce.clear();
        }
        let versions = self.nonces.clone();
        let endpoints: Vec<_> = self.endpoints.iter().cloned().collect();
        for (ty, names) in [
            (ResourceType::Cluster, Vec::new()),
            (ResourceType::Endpoints, endpoints),
            (ResourceType::Listener, Vec::new()),
            (ResourceType::Route, self.routes.clone()),
            (ResourceType::VirtualHost, Vec::new()),
        ] {
            let whole = match ty {
                ResourceType::Cluster | ResourceType::Listener => true,
                ResourceType::VirtualHost => self.hosts,
                ResourceType::Endpoints | ResourceType::Route | ResourceType::Secret => false,
            };
            if whole || !names.is_empty() {
                let version_info = versions
                    .get(&ty)
                    .map_or_else(String::new, |(_, version)| version.clone());
                self.ask(ty, names, version_info);
            }
        }
    }

    fn ask(&mut self, ty: ResourceType, subscribe: Vec<String>, version_info: String) {
        let of_type = self.held.iter().filter(|((held, _), _)| *held == ty);
        let versions = match self.variant {
            Variant::Delta => of_type
                .map(|((_, name), held)| (name.clone(), held.version.clone()))
                .collect(),
            Variant::StateOfTheWorld => Vec::new(),
        };
        let type_url = ty.type_url().to_owned();
        self.outbox.push(Request {
            type_url,
            subscribe,
            versions,
            version_info,
            ..Request::default()
        });
    }

    /// Subscribes to one more name.
    pub fn subscribe(&mut self, ty: ResourceType, name: &str) {
        let type_url = ty.type_url().to_owned();
        self.outbox.push(Request {
            type_url,
            subscribe: vec![name.to_owned()],
            ..Request::default()
        });
    }

    /// Reads a response and answers it.
    pub fn apply(&mut self, frame: Frame) {
        let ty = frame.ty;
        let response = decode(self.variant, frame);
        let mut line = ty.short().to_owned();
        if self.complaint == Complaint::Whole && self.refuse_whole(ty, &response) {
            return;
        }
        let mut refused = Vec::new();
        let mut present = BTreeSet::new();
        for received in response.resources {
            let Some(value) = received.value else {
                assert_eq!(
                    received.aliases,
                    std::slice::from_ref(&received.name),
                    "a host that does not exist"
                );
                line += &format!(" ?{}", received.name);
                self.absent.insert((ty, received.name));
                continue;
            };
            let (name, body) = split(&value);
            if self.variant == Variant::Delta {
                assert_eq!(received.name, name);
            }
            line += &format!(" {name}={body}");
            present.insert(name.clone());
            if body.starts_with("bad") {
                refused.push(name);
                continue;
            }
            self.absent.remove(&(ty, name.clone()));
            if ty == ResourceType::Cluster
                && body.starts_with("eds")
                && self.endpoints.insert(name.clone())
            {
                self.ask_endpoints(Some(name.clone()), None);
            }
            if ty == ResourceType::VirtualHost && !self.knows_table(&name) {
                continue;
            }
            if ty == ResourceType::Route && self.variant == Variant::Delta && !self.hosts {
                self.hosts = true;
                self.ask(ResourceType::VirtualHost, Vec::new(), String::new());
            }
            self.held.insert(
                (ty, name),
                Held {
                    version: received.version,
                    body,
                },
            );
        }
        for name in response.removed {
            line += &format!(" -{name}");
            self.drop_resource(ty, &name);
            self.absent.insert((ty, name));
        }
        // Envoy takes what is sound of a set, and what the set lacks goes, even if it refuses the
        // rest.
        if self.variant == Variant::StateOfTheWorld
            && matches!(ty, ResourceType::Cluster | ResourceType::Listener)
        {
            let gone = self
                .held
                .keys()
                .filter(|(held, name)| *held == ty && !present.contains(name));
            for (_, name) in gone.cloned().collect::<Vec<_>>() {
                self.drop_resource(ty, &name);
            }
        }
        self.log.push(line);
        self.answer(ty, response.nonce, response.version_info, &refused);
    }

    /// Refuses a response that has anything bad in it.
    fn refuse_whole(&mut self, ty: ResourceType, response: &Response) -> bool {
        let values = response
            .resources
            .iter()
            .filter_map(|resource| resource.value.as_deref());
        let (names, bodies): (Vec<_>, Vec<_>) = values.map(split).unzip();
        let refuses = bodies.iter().any(|body| body.starts_with("bad"));
        if refuses {
            self.log
                .push(format!("{} {} refused", ty.short(), names.join(" ")));
            let (nonce, version) = (response.nonce.clone(), response.version_info.clone());
            self.answer(ty, nonce, version, &names);
        }
        refuses
    }

    fn knows_table(&self, host: &str) -> bool {
        let table = host.split_once('/').map_or("", |(table, _)| table);
        self.held
            .contains_key(&(ResourceType::Route, table.to_owned()))
    }

    fn drop_resource(&mut self, ty: ResourceType, name: &str) {
        self.held.remove(&(ty, name.to_owned()));
        if ty == ResourceType::Route {
            let of_table =
                |host: &str| host.split_once('/').is_some_and(|(table, _)| table == name);
            self.held
                .retain(|(held, host), _| *held != ResourceType::VirtualHost || !of_table(host));
        }
        if ty == ResourceType::Cluster && self.endpoints.remove(name) {
            self.held
                .remove(&(ResourceType::Endpoints, name.to_owned()));
            self.ask_endpoints(None, Some(name.to_owned()));
            // A version says nothing about what was dropped since; Envoy does not know better.
            if let Some((_, version)) = self.nonces.get_mut(&ResourceType::Endpoints) {
                version.clear();
            }
        }
    }

    fn ask_endpoints(&mut self, more: Option<String>, less: Option<String>) {
        let type_url = ResourceType::Endpoints.type_url().to_owned();
        let request = match self.variant {
            Variant::Delta => Request {
                type_url,
                subscribe: more.into_iter().collect(),
                unsubscribe: less.into_iter().collect(),
                ..Request::default()
            },
            Variant::StateOfTheWorld => {
                let last = self.nonces.get(&ResourceType::Endpoints).cloned();
                let (nonce, version_info) = last.unwrap_or_default();
                let subscribe = self.endpoints.iter().cloned().collect();
                Request {
                    type_url,
                    subscribe,
                    nonce,
                    version_info,
                    ..Request::default()
                }
            }
        };
        self.outbox.push(request);
    }

    fn answer(&mut self, ty: ResourceType, nonce: String, version: String, refused: &[String]) {
        let error = match (refused, self.complaint) {
            ([], _) => None,
            (names, Complaint::Named) => {
                Some(format!("Error adding/updating {}: no", names.join(", ")))
            }
            (_, Complaint::Unnamed | Complaint::Whole) => Some("no".to_owned()),
            ([first, ..], Complaint::Cut) => {
                Some(format!("Error adding/updating {first}: no, ...(truncated)"))
            }
        };
        // Envoy would bring the version before, although it applied a part of the refused set:
        // a flaw of the protocol that no server can mend.
        let accepted = match &error {
            None => version,
            Some(_) => String::new(),
        };
        self.nonces.insert(ty, (nonce.clone(), accepted.clone()));
        let names = match (self.variant, ty) {
            (Variant::StateOfTheWorld, ResourceType::Endpoints) => {
                self.endpoints.iter().cloned().collect()
            }
            (Variant::StateOfTheWorld, ResourceType::Route) => self.routes.clone(),
            _ => Vec::new(),
        };
        self.outbox.push(Request {
            type_url: ty.type_url().to_owned(),
            subscribe: names,
            version_info: accepted,
            nonce,
            error,
            ..Request::default()
        });
    }
}

/// Reads a frame.
pub fn decode(variant: Variant, mut frame: Frame) -> Response {
    let len = frame.remaining();
    let mut bytes: Bytes = frame.copy_to_bytes(len);
    assert_eq!(bytes.get_u8(), 0, "not compressed");
    assert_eq!(bytes.get_u32() as usize, len - PREFIX);
    match variant {
        Variant::Delta => Response::decode_delta(bytes),
        Variant::StateOfTheWorld => Response::decode_sotw(bytes),
    }
    .expect("a response")
}

/// Bodies of the tests are `NAME=TEXT`, because a state-of-the-world response has no names.
fn split(value: &[u8]) -> (String, String) {
    let text = std::str::from_utf8(value).expect("a text");
    let (name, body) = text.split_once('=').expect("a name");
    (name.to_owned(), body.to_owned())
}
