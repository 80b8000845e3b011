//! The kubelet's probes and lifecycle handlers: they come without a certificate, so they go to the agent, which asks
//! the application in their place.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::draft::{Draft, Fields, name_of};
use crate::{CAPTURE, PROXY};

/// The environment variable from which the agent learns what to ask: a mapping from paths to handlers.
pub(crate) const ENVIRONMENT: &str = "ISTIO_KUBE_APP_PROBERS";

/// Where a handler stands in a container, and the path at which the agent answers for it.
#[derive(Clone, Copy)]
struct Site {
    parent: Option<&'static str>,
    key: &'static str,
    path: [&'static str; 2],
}

const SITES: [Site; 5] = [
    Site {
        parent: None,
        key: "livenessProbe",
        path: ["/app-health/", "/livez"],
    },
    Site {
        parent: None,
        key: "readinessProbe",
        path: ["/app-health/", "/readyz"],
    },
    Site {
        parent: None,
        key: "startupProbe",
        path: ["/app-health/", "/startupz"],
    },
    Site {
        parent: Some("lifecycle"),
        key: "postStart",
        path: ["/app-lifecycle/", "/poststart"],
    },
    Site {
        parent: Some("lifecycle"),
        key: "preStop",
        path: ["/app-lifecycle/", "/prestop"],
    },
];

/// What the kubelet asks by connecting to a pod.
const HANDLERS: [&str; 3] = ["httpGet", "tcpSocket", "grpc"];

impl Site {
    fn path(self, container: &str) -> String {
        let [before, after] = self.path;
        format!("{before}{container}{after}")
    }

    fn find(self, container: &mut Fields) -> Option<&mut Fields> {
        let parent = match self.parent {
            None => container,
            Some(parent) => container.get_mut(parent)?.as_object_mut()?,
        };
        parent.get_mut(self.key)?.as_object_mut()
    }

    fn path_of_field(self) -> String {
        match self.parent {
            None => self.key.to_owned(),
            Some(parent) => format!("{parent}.{}", self.key),
        }
    }
}

/// Sends the probes of all containers of others to the agent, and says what it has to ask for each path.
pub(crate) fn rewrite(draft: &mut Draft, port: u16, warnings: &mut Vec<String>) -> Fields {
    let mut asked = Fields::new();
    for container in draft
        .init_containers
        .iter_mut()
        .chain(&mut draft.containers)
    {
        let Value::Object(container) = container else {
            continue;
        };
        let name = name_in(container);
        if matches!(name.as_str(), PROXY | CAPTURE) {
            continue;
        }
        let ports = named_ports(container);
        for site in SITES {
            let path = site.path(&name);
            let Some(probe) = site.find(container) else {
                continue;
            };
            match redirect(probe, &path, port, &ports) {
                Outcome::Asked(prober) => {
                    asked.insert(path, prober);
                }
                Outcome::NotOurs => {}
                Outcome::UnknownPort(unknown) => warnings.push(format!(
                    "container {name:?}: {} asks port {unknown}, which the container does not name; it is left as it is",
                    site.path_of_field()
                )),
            }
        }
    }
    asked
}

enum Outcome {
    /// The agent asks this now.
    Asked(Value),
    /// It is nothing that the agent can answer for.
    NotOurs,
    /// It names a port that is not there.
    UnknownPort(String),
}

fn redirect(probe: &mut Fields, path: &str, agent: u16, ports: &BTreeMap<String, u64>) -> Outcome {
    let found = HANDLERS
        .into_iter()
        .find_map(|kind| Some((kind, probe.get(kind)?.as_object()?.clone())));
    let Some((kind, mut handler)) = found else {
        return Outcome::NotOurs;
    };
    // A probe of another host does not come to this pod.
    let elsewhere = handler
        .get("host")
        .and_then(Value::as_str)
        .is_some_and(|host| !host.is_empty());
    if elsewhere {
        return Outcome::NotOurs;
    }
    let Some(port) = resolve(handler.get("port"), ports) else {
        let port = handler.get("port").unwrap_or(&Value::Null);
        return Outcome::UnknownPort(port.to_string());
    };
    if port == u64::from(agent) {
        return Outcome::NotOurs;
    }
    handler.insert("port".to_owned(), json!(port));
    if handler.get("service").is_some_and(|service| service == "") {
        // The API server writes it where the author has said nothing.
        handler.shift_remove("service");
    }
    let mut prober = Fields::from_iter([(kind.to_owned(), Value::Object(handler.clone()))]);
    if let Some(seconds) = probe.get("timeoutSeconds") {
        prober.insert("timeoutSeconds".to_owned(), seconds.clone());
    }
    replace(
        probe,
        kind,
        "httpGet",
        Value::Object(to_agent(kind, handler, path, agent)),
    );
    Outcome::Asked(Value::Object(prober))
}

/// The handler that goes to the agent, in plain HTTP, with the headers that the author gave.
fn to_agent(kind: &str, handler: Fields, path: &str, agent: u16) -> Fields {
    let mut handler = if kind == "httpGet" {
        handler
    } else {
        Fields::new()
    };
    handler.insert("path".to_owned(), json!(path));
    handler.insert("port".to_owned(), json!(agent));
    if let Some(scheme) = handler.get_mut("scheme") {
        *scheme = json!("HTTP");
    }
    handler
}

/// Replaces a field by another one at the same place.
fn replace(fields: &mut Fields, old: &str, new: &str, value: Value) {
    let place = fields.keys().position(|key| key == old);
    fields.shift_remove(old);
    let place = place.unwrap_or(fields.len()).min(fields.len());
    fields.shift_insert(place, new.to_owned(), value);
}

/// A port as the kubelet finds it: a number, the name of one of the container's, or a number in a text.
fn resolve(port: Option<&Value>, ports: &BTreeMap<String, u64>) -> Option<u64> {
    let number = match port? {
        Value::String(text) => ports.get(text).copied().or_else(|| text.parse().ok()),
        other => other.as_u64(),
    };
    number.filter(|port| (1..=65535).contains(port))
}

fn named_ports(container: &Fields) -> BTreeMap<String, u64> {
    let ports = container.get("ports").and_then(Value::as_array);
    let ports = ports.into_iter().flatten();
    ports
        .filter_map(|port| {
            let number = port.get("containerPort")?.as_u64()?;
            Some((name_of(port).to_owned(), number))
        })
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

fn name_in(container: &Fields) -> String {
    let name = container.get("name").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// Gives the probes back that an earlier injection has sent to the agent.
pub(crate) fn restore(draft: &mut Draft, asked: &Fields) {
    for container in draft
        .init_containers
        .iter_mut()
        .chain(&mut draft.containers)
    {
        let Value::Object(container) = container else {
            continue;
        };
        let name = name_in(container);
        for site in SITES {
            let path = site.path(&name);
            let Some(probe) = site.find(container) else {
                continue;
            };
            let goes_to_agent = probe
                .get("httpGet")
                .and_then(|handler| handler.get("path"))
                .is_some_and(|found| *found == json!(path));
            let before = asked.get(&path).and_then(Value::as_object);
            let before = before.and_then(|prober| {
                HANDLERS
                    .into_iter()
                    .find_map(|kind| Some((kind, prober.get(kind)?.clone())))
            });
            if let (true, Some((kind, handler))) = (goes_to_agent, before) {
                replace(probe, "httpGet", kind, handler);
            }
        }
    }
}
