//! `ferromesh proxy-status`: whether every proxy has what it should have.

use std::process::ExitCode;

use clap::Args;
use ferromesh_chassis::Failure;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::live;
use crate::output::{self, Format};

/// Say of every proxy of every replica of the control plane whether it has what it should have.
///
/// SYNCED: it has taken everything that it was sent. STALE: it has not answered yet. NACK: it has refused something, and
/// keeps what it had; the reason is in its own words.
///
/// Exit status: 0 if all are synced, 1 if not, 2 for wrong usage.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The namespace of the control plane.
    #[arg(long, value_name = "NAME", default_value = "ferromesh-system")]
    control_plane_namespace: String,

    /// One line of text for each proxy, or a JSON array.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// What is configured apart from each other, by the keys of the debug page.
const KINDS: [&str; 5] = ["cluster", "listener", "route", "endpoint", "virtual_host"];

/// Runs the command.
///
/// # Errors
/// When there is no cluster or no control plane.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let namespace = &arguments.control_plane_namespace;
    let rows = live::with_cluster(async |client| {
        let replicas = live::replicas(&client, namespace).await?;
        if replicas.is_empty() {
            let text = format!(
                "no control plane runs in namespace {namespace} (see --control-plane-namespace)"
            );
            return Err(Failure::new(text));
        }
        let mut rows = Vec::new();
        for replica in &replicas {
            let page = live::get(&client, replica, live::DEBUG_PORT, "/debug/syncz").await?;
            let page: Value =
                serde_json::from_slice(&page).map_err(|error| Failure::new(error.to_string()))?;
            let streams = page.as_array().into_iter().flatten();
            rows.extend(streams.map(|stream| row(stream, &replica.name_any())));
        }
        Ok(rows)
    })?;
    output::print(match arguments.output {
        Format::Json => vec![format!("{}\n", Value::Array(rows.clone()))],
        Format::Text => rows.iter().map(line).collect(),
    })?;
    let all = rows.iter().all(|row| row["state"] == "SYNCED");
    Ok(ExitCode::from(u8::from(!all)))
}

/// What one stream comes to.
fn row(stream: &Value, replica: &str) -> Value {
    let mut states = serde_json::Map::new();
    let (mut worst, mut reasons) = ("SYNCED", Vec::new());
    for kind in KINDS {
        let field = |suffix: &str| stream.get(format!("{kind}_{suffix}"));
        let state = match (field("error"), field("sent"), field("acked")) {
            (Some(error), _, _) => {
                reasons.push(format!("{kind}: {}", error.as_str().unwrap_or_default()));
                "NACK"
            }
            (None, None, _) => continue,
            (None, sent, acked) if sent == acked => "SYNCED",
            (None, _, _) => "STALE",
        };
        worst = match (worst, state) {
            ("NACK", _) | (_, "NACK") => "NACK",
            ("STALE", _) | (_, "STALE") => "STALE",
            _ => "SYNCED",
        };
        states.insert(kind.to_owned(), json!(state));
    }
    json!({
        "proxy": stream["proxy"],
        "state": worst,
        "states": states,
        "reason": reasons.join("; "),
        "replica": replica,
        "connectedSeconds": stream["connected_seconds"],
    })
}

fn line(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let reason = match text("reason").as_str() {
        "" => String::new(),
        reason => format!("  {reason}"),
    };
    format!(
        "{:<7} {:<50} {}{reason}\n",
        text("state"),
        text("proxy"),
        text("replica")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_a_proxy_is_told_with_its_reason() {
        let state = |stream: Value| {
            let row = row(&stream, "r");
            (
                row["state"].as_str().unwrap().to_owned(),
                row["reason"].as_str().unwrap().to_owned(),
            )
        };
        let synced = json!({"proxy": "a.b", "cluster_sent": "2", "cluster_acked": "2"});
        assert_eq!(state(synced.clone()).0, "SYNCED");
        let mut stale = synced.clone();
        stale["listener_sent"] = json!("1");
        assert_eq!(state(stale.clone()).0, "STALE");
        stale["route_sent"] = json!("1");
        stale["route_error"] = json!("no such cluster");
        assert_eq!(
            state(stale),
            ("NACK".to_owned(), "route: no such cluster".to_owned())
        );
    }
}
