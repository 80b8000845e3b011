//! What a proxy is served, in the shape of Envoy's own `/config_dump`, which people and tools read.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_envoy::json::to_json;
use ferromesh_xds::{Resource, ResourceType};
use serde_json::{Value, json};

/// The dump of these resources. Virtual hosts are shown within their route tables, as Envoy
/// shows them.
pub fn render<'a>(resources: impl IntoIterator<Item = &'a Arc<Resource>>) -> Value {
    let mut by_type: BTreeMap<ResourceType, Vec<&Resource>> = BTreeMap::new();
    for resource in resources {
        by_type.entry(resource.ty).or_default().push(resource);
    }
    by_type
        .values_mut()
        .for_each(|list| list.sort_by(|a, b| a.name.cmp(&b.name)));
    let of = |ty| by_type.get(&ty).map_or(&[][..], Vec::as_slice);
    let hosts = of(ResourceType::VirtualHost);
    json!({ "configs": [
        {
            "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
            "dynamic_active_clusters": entries(of(ResourceType::Cluster), "cluster", body),
        },
        {
            "@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump",
            "dynamic_endpoint_configs": entries(of(ResourceType::Endpoints), "endpoint_config", body),
        },
        {
            "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
            "dynamic_listeners": of(ResourceType::Listener).iter().map(|listener| json!({
                "name": &*listener.name,
                "active_state": {
                    "version_info": listener.version.to_string(),
                    "listener": body(listener),
                },
            })).collect::<Vec<_>>(),
        },
        {
            "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
            "dynamic_route_configs": entries(of(ResourceType::Route), "route_config", |table| with_hosts(table, hosts)),
        },
    ]})
}

fn entries(resources: &[&Resource], key: &str, body: impl Fn(&Resource) -> Value) -> Vec<Value> {
    resources
        .iter()
        .map(
            |resource| json!({ "version_info": resource.version.to_string(), key: body(resource) }),
        )
        .collect()
}

/// A route table with the virtual hosts that are resources of their own.
fn with_hosts(table: &Resource, hosts: &[&Resource]) -> Value {
    let mut value = body(table);
    let own = hosts
        .iter()
        .filter(|host| {
            host.name
                .rsplit_once('/')
                .is_some_and(|(route, _)| *route == *table.name)
        })
        .map(|host| body(host));
    let own: Vec<_> = own.collect();
    if let (Value::Object(fields), false) = (&mut value, own.is_empty()) {
        let list = fields.entry("virtual_hosts").or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.extend(own);
        }
    }
    value
}

/// A resource in Envoy's JSON form.
pub fn body(resource: &Resource) -> Value {
    let type_url = resource.ty.type_url();
    to_json(type_url, &resource.value())
        .unwrap_or_else(|error| json!({ "@error": error.to_string() }))
}
