//! What a configuration dump says is in force, of the control plane and of Envoy alike.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The content of configuration, by kind and name. Virtual hosts are parts of their tables.
///
/// Not the versions: when Envoy replaces but the filter chains of a listener, it goes on showing
/// the version that the listener had before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held(BTreeMap<(Kind, String), Value>);

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A cluster.
    Cluster,
    /// The endpoints of a cluster.
    Endpoints,
    /// A listener.
    Listener,
    /// A route table without its virtual hosts.
    Table,
    /// A virtual host of some table.
    VirtualHost,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Tables have virtual hosts of the same names, unless these are resources of their own.
fn virtual_host(table: &str, name: &str) -> String {
    if name
        .split_once('/')
        .is_some_and(|(before, _)| before == table)
    {
        name.to_owned()
    } else {
        format!("{table}/{name}")
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Held {
    /// Reads a dump. What still warms is not held.
    pub fn of(dump: &Value) -> Self {
        let mut held = Self::default();
        for section in items(&dump["configs"]) {
            for entry in items(&section["dynamic_active_clusters"]) {
                held.put(Kind::Cluster, &entry["cluster"]["name"], &entry["cluster"]);
            }
            for entry in items(&section["dynamic_endpoint_configs"]) {
                let assignment = &entry["endpoint_config"];
                let content = endpoints(assignment);
                held.put(Kind::Endpoints, &assignment["cluster_name"], &content);
            }
            for entry in items(&section["dynamic_listeners"]) {
                let listener = &entry["active_state"]["listener"];
                if !listener.is_null() {
                    held.put(Kind::Listener, &entry["name"], listener);
                }
            }
            for entry in items(&section["dynamic_route_configs"]) {
                let mut table = entry["route_config"].clone();
                let hosts = table["virtual_hosts"].take();
                held.put(Kind::Table, &table["name"], &table);
                for host in items(&hosts) {
                    let name = json!(virtual_host(text(&table["name"]), text(&host["name"])));
                    held.put(Kind::VirtualHost, &name, host);
                }
            }
        }
        held
    }

    fn put(&mut self, kind: Kind, name: &Value, content: &Value) {
        let mut content = content.clone();
        if let Some(fields) = content.as_object_mut() {
            fields.remove("@type");
        }
        self.0.insert((kind, text(name).to_owned()), content);
    }

    /// Whether there is a resource of this kind and name.
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.0.contains_key(&(kind, name.to_owned()))
    }

    /// How `self`, which is Envoy's, differs from what the control plane says.
    ///
    /// Envoy keeps route tables as long as listeners drain that use them, and shows endpoints of
    /// clusters that get them in other ways.
    pub fn differs(&self, said: &Self) -> Vec<String> {
        let Self(said) = said;
        let mut all = Vec::new();
        for (key, content) in said {
            match self.0.get(key) {
                None => all.push(format!("{key:?} is missing")),
                Some(other) => all.extend(difference(&format!("{key:?}"), content, other)),
            }
        }
        let more = self.0.keys().filter(|key| {
            let may_stay = matches!(key.0, Kind::Endpoints | Kind::Table | Kind::VirtualHost);
            !may_stay && !said.contains_key(*key)
        });
        all.extend(more.map(|key| format!("{key:?} should be gone")));
        all
    }
}

/// The addresses, ports, weights and priorities of endpoints, sorted. The rest of what Envoy shows
/// is not what it was told but what it has made of it.
fn endpoints(assignment: &Value) -> Value {
    let mut all = Vec::new();
    for group in items(&assignment["endpoints"]) {
        for endpoint in items(&group["lb_endpoints"]) {
            let address = &endpoint["endpoint"]["address"]["socket_address"];
            let (address, port) = (&address["address"], &address["port_value"]);
            let weight = endpoint["load_balancing_weight"].as_u64().unwrap_or(1);
            let priority = group["priority"].as_u64().unwrap_or(0);
            all.push(format!(
                "{address}:{port} weight {weight} priority {priority}"
            ));
        }
    }
    all.sort();
    all.into()
}

/// The first place where two values differ.
fn difference(path: &str, said: &Value, held: &Value) -> Option<String> {
    match (said, held) {
        (Value::Object(one), Value::Object(other)) => {
            // Each key once: rules are deep, and twice at each level would be too often.
            let more = other.keys().filter(|key| !one.contains_key(*key));
            one.keys().chain(more).find_map(|key| {
                let (one, other) = (one.get(key), other.get(key));
                difference(
                    &format!("{path}.{key}"),
                    one.unwrap_or(&Value::Null),
                    other.unwrap_or(&Value::Null),
                )
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(at, (one, other))| difference(&format!("{path}[{at}]"), one, other))
        }
        _ if said == held || said.is_number() && said.as_f64() == held.as_f64() => None,
        _ => Some(format!("{path} is {held} and not {said}")),
    }
}

/// Everything in a dump that Envoy has refused.
pub fn refused(dump: &Value) -> Vec<String> {
    let mut refused = Vec::new();
    collect(dump, &mut refused);
    refused
}

fn collect(value: &Value, refused: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(state) = fields.get("error_state").filter(|state| !state.is_null()) {
                refused.push(state["details"].to_string());
            }
            fields.values().for_each(|value| collect(value, refused));
        }
        Value::Array(all) => all.iter().for_each(|value| collect(value, refused)),
        _ => {}
    }
}
