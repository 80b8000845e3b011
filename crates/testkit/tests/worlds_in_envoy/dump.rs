//! What a configuration dump says is in force, of the control plane and of Envoy alike.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Content of configuration by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Versions of clusters.
    pub clusters: BTreeMap<String, String>,
    /// Versions of listeners.
    pub listeners: BTreeMap<String, String>,
    /// Names of virtual hosts by route table.
    pub tables: BTreeMap<String, BTreeSet<String>>,
    /// Addresses, ports and weights of endpoints by cluster.
    pub endpoints: BTreeMap<String, BTreeSet<String>>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Held {
    /// Reads a dump.
    pub fn of(dump: &Value) -> Self {
        let mut held = Self::default();
        for section in items(&dump["configs"]) {
            for entry in items(&section["dynamic_active_clusters"]) {
                held.clusters.insert(
                    text(&entry["cluster"]["name"]),
                    text(&entry["version_info"]),
                );
            }
            for entry in items(&section["dynamic_listeners"]) {
                let state = &entry["active_state"];
                if state.is_object() {
                    held.listeners
                        .insert(text(&entry["name"]), text(&state["version_info"]));
                }
            }
            for entry in items(&section["dynamic_route_configs"]) {
                let table = &entry["route_config"];
                let hosts = items(&table["virtual_hosts"]).map(|host| text(&host["name"]));
                held.tables.insert(text(&table["name"]), hosts.collect());
            }
            for entry in items(&section["dynamic_endpoint_configs"]) {
                let assignment = &entry["endpoint_config"];
                held.endpoints
                    .insert(text(&assignment["cluster_name"]), endpoints(assignment));
            }
        }
        held
    }

    /// What the control plane says and Envoy does not hold, or holds and should not.
    ///
    /// Versions count only where they are those of single resources. Envoy keeps route tables of
    /// listeners that drain.
    pub fn lacks(&self, said: &Self, with_versions: bool) -> Vec<String> {
        let Self {
            clusters,
            listeners,
            tables,
            endpoints,
        } = said;
        let mut lacks = Vec::new();
        for (kind, said, held) in [
            ("cluster", clusters, &self.clusters),
            ("listener", listeners, &self.listeners),
        ] {
            for (name, version) in said {
                match held.get(name) {
                    None => lacks.push(format!("no {kind} {name}")),
                    Some(other) if with_versions && other != version => {
                        lacks.push(format!(
                            "{kind} {name} has version {other} and not {version}"
                        ));
                    }
                    Some(_) => {}
                }
            }
            let more = held.keys().filter(|name| !said.contains_key(*name));
            lacks.extend(more.map(|name| format!("{kind} {name} should be gone")));
        }
        for (name, hosts) in tables {
            if self.tables.get(name) != Some(hosts) {
                lacks.push(format!(
                    "table {name} has {:?} and not {hosts:?}",
                    self.tables.get(name)
                ));
            }
        }
        for (name, said) in endpoints {
            if self.endpoints.get(name) != Some(said) {
                lacks.push(format!(
                    "{name} has endpoints {:?} and not {said:?}",
                    self.endpoints.get(name)
                ));
            }
        }
        lacks
    }
}

fn endpoints(assignment: &Value) -> BTreeSet<String> {
    let of_group = |group: &Value| -> Vec<String> {
        let priority = group["priority"].as_u64().unwrap_or(0);
        let one = |endpoint: &Value| {
            let address = &endpoint["endpoint"]["address"]["socket_address"];
            let weight = endpoint["load_balancing_weight"].as_u64().unwrap_or(1);
            let (address, port) = (&address["address"], &address["port_value"]);
            format!("{address}:{port} weight {weight} priority {priority}")
        };
        items(&group["lb_endpoints"]).map(one).collect()
    };
    items(&assignment["endpoints"]).flat_map(of_group).collect()
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
