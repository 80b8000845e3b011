//! What the control plane says of its streams.

use std::collections::BTreeMap;

use ferromesh_testkit::mesh::Mesh;
use ferromesh_testkit::wait::eventually;

/// What it has sent since its start: resources by type, as in `ferromesh_xds_sent_resources`.
/// Types of which nothing was sent are left out.
pub async fn sent(mesh: &Mesh) -> BTreeMap<String, u64> {
    let samples = samples(mesh, "ferromesh_xds_sent_resources{type=\"").await;
    let samples = samples.into_iter().filter(|(_, count)| *count > 0);
    samples
        .map(|(label, count)| (label.trim_end_matches("\"}").to_owned(), count))
        .collect()
}

/// The value of a metric without labels.
pub async fn metric(mesh: &Mesh, name: &str) -> u64 {
    let samples = samples(mesh, &format!("{name} ")).await;
    // Its name is all of the line before the value.
    samples.into_values().next().unwrap_or(0)
}

/// The samples whose lines begin so, by what is left of their names.
async fn samples(mesh: &Mesh, begin: &str) -> BTreeMap<String, u64> {
    let answer = mesh.debug("/metrics").await.expect("metrics");
    let text = answer.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix(begin));
    lines
        .map(|rest| match rest.rsplit_once(' ') {
            Some((label, value)) => (label.to_owned(), value),
            None => (String::new(), rest),
        })
        .map(|(label, value)| (label, value.parse::<f64>().expect("a number") as u64))
        .collect()
}

/// Waits until so many proxies are connected and have made so many requests together.
pub async fn connected(mesh: &Mesh, proxies: u64, requests: u64) {
    eventually("the proxies are back", async || {
        let open = metric(mesh, "pilot_xds").await;
        let made = metric(mesh, "ferromesh_xds_requests").await;
        if open == proxies && made >= requests {
            Ok(())
        } else {
            Err(format!("{open} are connected and made {made} requests"))
        }
    })
    .await;
}

/// What `/debug/syncz` says of a proxy, `NAME.NAMESPACE`.
pub async fn syncz(mesh: &Mesh, proxy: &str) -> serde_json::Value {
    let list = mesh.debug_json("/debug/syncz").await;
    let found = list
        .as_array()
        .and_then(|list| list.iter().find(|stream| stream["proxy"] == proxy));
    found.cloned().unwrap_or_default()
}
