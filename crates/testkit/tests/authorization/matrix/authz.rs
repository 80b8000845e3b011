//! What `ferromesh authz test` says of a row.

use std::path::Path;
use std::process::Command;

use ferromesh_testkit::programs::program;
use serde_json::Value;

use super::row::{Due, Row};
use super::world::{Speaker, World};
use crate::arena::Outcome;

/// Checks the verdict, the exit status, how the client speaks, and what is said to be the reason.
pub(super) fn check(world: &World, row: &Row) -> Result<(), String> {
    let manifests = world.manifests();
    let output = Command::new(program("ferromesh"))
        .args(["authz", "test", "--source"])
        .arg(format!("dir:{}", manifests.display()))
        .args(["--from", &row.from, "--to", &row.to, "-o", "json"])
        .args(&row.arguments)
        .output()
        .map_err(|error| error.to_string())?;
    let json: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{error}: {said}")
    })?;
    let [instance] = json["instances"].as_array().map_or(&[][..], Vec::as_slice) else {
        return Err(format!("not one instance: {json}"));
    };
    let (outcome, status) = (outcome(instance)?, output.status.code());
    let expected = match row.outcome {
        Outcome::Allowed => 0,
        _ => 1,
    };
    if (outcome, status) != (row.outcome, Some(expected)) {
        return Err(format!(
            "{outcome:?} and exit status {status:?}: {instance}"
        ));
    }
    let spoken = match world.speaker(&row.from, &row.to) {
        (Speaker::Plaintext, _) => "plaintext",
        (Speaker::Mesh(_), _) => "mesh",
    };
    if instance["tls"] != spoken {
        return Err(format!("not {spoken}: {instance}"));
    }
    let due = due(instance);
    match (&row.due, &due) {
        (Due::Unmatched(policy), Due::Unmatched(all)) if all.split(", ").any(|it| it == policy) => {
            Ok(())
        }
        (expected, due) if expected == due => placed(instance, due, manifests),
        _ => Err(format!("due to {due:?}: {instance}")),
    }
}

fn outcome(instance: &Value) -> Result<Outcome, String> {
    match (instance["verdict"].as_str(), instance["status"].as_u64()) {
        (Some("allowed"), None) => Ok(Outcome::Allowed),
        (Some("reset"), None) => Ok(Outcome::Reset),
        (Some("denied"), Some(400)) => Ok(Outcome::BadRequest),
        (Some("denied"), Some(401)) => Ok(Outcome::Challenged),
        (Some("denied"), Some(403)) => Ok(Outcome::Denied),
        _ => Err(format!("no verdict: {instance}")),
    }
}

/// What is said to be the reason. All policies that don't match are one text.
fn due(instance: &Value) -> Due {
    let text = instance["text"].as_str().unwrap_or_default();
    let policy = &instance["policy"];
    if policy.is_object() {
        return Due::Rule(
            policy["action"].as_str().unwrap_or_default().to_owned(),
            name(policy),
            policy["rule"].as_u64().unwrap_or(u64::MAX),
        );
    }
    if let Some((_, all)) = text.split_once("no ALLOW policy of the workload matches (policies: ") {
        return Due::Unmatched(all.trim_end_matches(')').to_owned());
    }
    if text.starts_with("allowed: no policy of the workload says otherwise") {
        return Due::Open;
    }
    if text.starts_with("reset: the port takes only mutual TLS (PeerAuthentication ") {
        return Due::Mtls(name(&instance["peer_authentication"]));
    }
    Due::Nothing
}

fn name(policy: &Value) -> String {
    let part = |name: &str| policy[name].as_str().unwrap_or_default();
    format!("{}/{}", part("namespace"), part("name"))
}

/// Whoever goes to the place of a policy that is named finds that policy.
fn placed(instance: &Value, due: &Due, manifests: &Path) -> Result<(), String> {
    let policy = match due {
        Due::Rule(..) => &instance["policy"],
        Due::Mtls(_) => &instance["peer_authentication"],
        Due::Unmatched(_) | Due::Open | Due::Nothing => return Ok(()),
    };
    let place = |it: &Value| Some((it["file"].as_str()?.to_owned(), it["line"].as_u64()?));
    let (file, line) = place(policy).ok_or_else(|| format!("no place: {policy}"))?;
    let text = std::fs::read_to_string(manifests.join(file)).map_err(|error| error.to_string())?;
    let line = usize::try_from(line).map_err(|error| error.to_string())?;
    let before: Vec<_> = text.lines().take(line).collect();
    let named = before
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix("metadata: {name: "));
    let found = named.and_then(|rest| rest.split([',', '}']).next());
    if found == policy["name"].as_str() {
        Ok(())
    } else {
        Err(format!("{found:?} stands there: {policy}"))
    }
}
