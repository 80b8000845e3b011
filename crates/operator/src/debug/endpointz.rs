//! The endpoints of every cluster, in the shape of Istio's `/debug/endpointz`.

use std::sync::Arc;

use ferromesh_xds::{Resource, ResourceType};
use serde_json::{Value, json};

use super::config_dump::body;

/// `[{svc, ep: [{endpoint: {Address, Port}, health, weight, locality, priority}]}]`, by name.
pub fn render<'a>(resources: impl IntoIterator<Item = &'a Arc<Resource>>) -> Value {
    let mut list: Vec<_> = resources
        .into_iter()
        .filter(|resource| resource.ty == ResourceType::Endpoints)
        .collect();
    list.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
    list.dedup_by(|a, b| a.name == b.name && a.version == b.version);
    list.into_iter()
        .map(|resource| json!({ "svc": &*resource.name, "ep": endpoints(&body(resource)) }))
        .collect()
}

fn endpoints(assignment: &Value) -> Vec<Value> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for group in items(&assignment["endpoints"]) {
        for endpoint in items(&group["lb_endpoints"]) {
            let address = &endpoint["endpoint"]["address"]["socket_address"];
            all.push(json!({
                "endpoint": { "Address": address["address"], "Port": address["port_value"] },
                "health": endpoint.get("health_status").cloned().unwrap_or_else(|| json!("HEALTHY")),
                "weight": endpoint["load_balancing_weight"],
                "locality": group["locality"],
                "priority": group.get("priority").cloned().unwrap_or_else(|| json!(0)),
            }));
        }
    }
    all
}
