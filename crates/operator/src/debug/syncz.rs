//! Which proxies are connected and whether they are up to date, in the shape of Istio's
//! `/debug/syncz`, which Kiali and istioctl read.

use ferromesh_chassis::version;
use ferromesh_xds::ResourceType;
use ferromesh_xds_server::StreamState;
use serde_json::{Map, Value, json};

/// The beginnings of Istio's keys. Secrets do not travel on these streams.
const KEYS: [(ResourceType, &str); 5] = [
    (ResourceType::Cluster, "cluster"),
    (ResourceType::Listener, "listener"),
    (ResourceType::Route, "route"),
    (ResourceType::Endpoints, "endpoint"),
    (ResourceType::VirtualHost, "virtual_host"),
];

/// `[{cluster_id, proxy, …, cluster_sent, cluster_acked, …}]`, by proxy. What was never sent has
/// no key; after a refusal there is `…_error` with the proxy's own words.
pub fn render(streams: &[StreamState]) -> Value {
    let mut list: Vec<_> = streams
        .iter()
        .map(|stream| (stream.client.name(), one(stream)))
        .collect();
    list.sort_by(|a, b| a.0.cmp(&b.0));
    list.into_iter().map(|(_, value)| value).collect()
}

fn one(stream: &StreamState) -> Value {
    let StreamState {
        client,
        proxy: _,
        variant,
        peer,
        connected,
        audiences: _,
        status,
    } = stream;
    let since = connected.elapsed().unwrap_or_default();
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("cluster_id", json!("Kubernetes"));
    put("proxy", json!(&*client.name()));
    put("proxy_type", json!("sidecar"));
    put("istio_version", json!(version::NUMBER));
    put("node_id", json!(&*client.id));
    put("peer", json!(peer.to_string()));
    put("variant", json!(format!("{variant:?}")));
    put("connected_seconds", json!(since.as_secs()));
    for (ty, key) in KEYS {
        let status = status.get(ty);
        if status.sent > 0 {
            put(&format!("{key}_sent"), json!(status.sent.to_string()));
        }
        if status.accepted > 0 {
            put(&format!("{key}_acked"), json!(status.accepted.to_string()));
        }
        if let Some(error) = &status.error {
            put(&format!("{key}_error"), json!(&**error));
        }
    }
    Value::Object(fields)
}
