//! What is said.

use ferromesh_mesh::policy::authorization::Action;
use ferromesh_mesh::policy::mtls::MtlsMode;
use ferromesh_probe::{Outcome, PolicyName, ShadowOutcome};
use serde_json::{Value, json};

use super::OPEN;
use super::arguments::Arguments;
use super::instance::{Answer, Stated};
use super::world::written;

/// The exit status: refused by one is refused.
pub(super) fn status(answers: &[Answer]) -> u8 {
    let all = || answers.iter().map(|answer| word(&answer.verdict.outcome));
    if all().any(|it| it == Word::Refused) {
        1
    } else if all().any(|it| it == Word::Open) {
        OPEN
    } else {
        0
    }
}

#[derive(PartialEq, Eq)]
enum Word {
    Allowed,
    Refused,
    Open,
}

fn word(outcome: &Outcome) -> Word {
    match outcome {
        Outcome::Allowed => Word::Allowed,
        Outcome::Denied { .. }
        | Outcome::Challenged { .. }
        | Outcome::Redirected { .. }
        | Outcome::Reset { .. } => Word::Refused,
        Outcome::Asks { .. } | Outcome::Unknown { .. } => Word::Open,
    }
}

/// One line if all instances say the same, else one for each.
pub(super) fn text(answers: &[Answer]) -> String {
    let lines: Vec<String> = answers.iter().map(line).collect();
    match lines.as_slice() {
        [first, others @ ..] if others.iter().all(|it| it == first) => format!("{first}\n"),
        lines => answers
            .iter()
            .zip(lines)
            .map(|(answer, line)| format!("{}: {line}\n", name(answer)))
            .collect(),
    }
}

/// The workload, or the address of an instance.
fn name(answer: &Answer) -> String {
    let instance = &answer.instance;
    match &instance.workload {
        Some(workload) => written(&workload.name),
        None => instance.address.to_string(),
    }
}

fn line(answer: &Answer) -> String {
    let mut line = verdict(answer);
    for shadow in &answer.verdict.shadows {
        if shadow.prefix.contains("dry_run") && shadow.outcome == ShadowOutcome::Denied {
            let by = match shadow.policy.as_deref().map(str::parse::<PolicyName>) {
                Some(Ok(it)) => format!(" by {}/{}, rule {}", it.namespace, it.name, it.rule),
                Some(Err(())) | None => String::new(),
            };
            line.push_str(&format!("; a dry run would deny it{by}"));
        }
    }
    line
}

fn verdict(answer: &Answer) -> String {
    let policy = answer.policy.as_ref().map(describe);
    match (&answer.verdict.outcome, policy) {
        (Outcome::Allowed, Some(policy)) => format!("allowed by {policy}"),
        (Outcome::Allowed, None) => "allowed: no policy of the workload says otherwise".to_owned(),
        (Outcome::Denied { status: 403, .. }, Some(policy)) => format!("denied by {policy}"),
        (
            Outcome::Denied {
                status: 403,
                details,
            },
            None,
        ) if details.starts_with("rbac_") => {
            format!("denied: {}", nobody_allows(answer))
        }
        (Outcome::Denied { status, details }, _) => format!("denied: {status} {details}"),
        (Outcome::Challenged { details }, _) => format!("denied: 401 {details}"),
        (Outcome::Redirected { location }, _) => format!("redirected: 307 to {location}"),
        (Outcome::Reset { .. }, Some(policy)) => format!("reset: denied by {policy}"),
        (Outcome::Reset { details }, None) if details.starts_with("rbac_") => {
            format!("reset: {}", nobody_allows(answer))
        }
        (Outcome::Reset { details }, None) => format!("reset: {}", reset(answer, details)),
        (Outcome::Asks { provider }, policy) => {
            let provider = provider_name(answer, provider);
            match policy {
                Some(policy) => format!("asks {provider}, because of {policy}"),
                None => format!("asks {provider}"),
            }
        }
        (Outcome::Unknown { what }, _) => format!("can't tell: {what} is not known"),
    }
}

fn nobody_allows(answer: &Answer) -> String {
    format!(
        "no ALLOW policy of the workload matches (policies: {})",
        answer.allowing.join(", ")
    )
}

/// Why a port takes no such connection.
fn reset(answer: &Answer, details: &str) -> String {
    let by = match &answer.peer_authentication {
        Some(policy) => format!(" (PeerAuthentication {})", place(policy)),
        None => String::new(),
    };
    match (answer.mtls, answer.spoken) {
        (MtlsMode::Strict, "plaintext" | "tls") => {
            format!("the port takes only mutual TLS{by}")
        }
        (MtlsMode::Disable, "mesh") => {
            format!("the port takes no mutual TLS{by}: {details}")
        }
        _ => details.to_owned(),
    }
}

fn describe(policy: &Stated) -> String {
    let action = match &policy.action {
        Some(action) => format!("{} policy ", action_word(action)),
        None => String::new(),
    };
    let rule = policy
        .rule
        .map(|it| format!(", rule {it}"))
        .unwrap_or_default();
    let name = format!("{}/{}", policy.namespace, policy.name);
    let place = match at(policy) {
        place if place.is_empty() => place,
        place => format!(" ({place})"),
    };
    format!("{action}{name}{rule}{place}")
}

/// A policy without rules, as it stands in a remark.
fn place(policy: &Stated) -> String {
    let name = format!("{}/{}", policy.namespace, policy.name);
    match at(policy) {
        place if place.is_empty() => name,
        place => format!("{name}, {place}"),
    }
}

/// Where a policy stands; empty if that is not known.
fn at(policy: &Stated) -> String {
    match (&*policy.file, policy.line) {
        ("", _) => String::new(),
        (file, 0) => file.to_owned(),
        (file, line) => format!("{file}:{line}"),
    }
}

fn action_word(action: &Action) -> &'static str {
    match action {
        Action::Custom(_) => "CUSTOM",
        Action::Audit => "AUDIT",
        Action::Deny => "DENY",
        Action::Allow => "ALLOW",
    }
}

/// What policies call the authorizer of a cluster.
fn provider_name<'a>(answer: &'a Answer, cluster: &'a str) -> &'a str {
    let mut known = answer.providers.iter();
    known
        .find(|(it, _)| it == cluster)
        .map_or(cluster, |(_, name)| name)
}

/// `{verdict, instances: [{workload, address, port, tls, verdict, text, status, details,
/// provider, policy, peer_authentication, chain, dry_run}]}`; what there is not is null.
pub(super) fn json(arguments: &Arguments, answers: &[Answer]) -> Value {
    let (host, port) = &arguments.to;
    let verdict = match status(answers) {
        0 => "allowed",
        1 => "refused",
        _ => "unknown",
    };
    json!({
        "to": {"host": host, "port": port},
        "verdict": verdict,
        "instances": answers.iter().map(instance).collect::<Vec<_>>(),
    })
}

fn instance(answer: &Answer) -> Value {
    let (kind, status, details, provider) = match &answer.verdict.outcome {
        Outcome::Allowed => ("allowed", None, None, None),
        Outcome::Denied { status, details } => ("denied", Some(*status), Some(details), None),
        Outcome::Challenged { details } => ("denied", Some(401), Some(details), None),
        Outcome::Redirected { location } => ("redirected", Some(307), Some(location), None),
        Outcome::Reset { details } => ("reset", None, Some(details), None),
        Outcome::Asks { provider } => ("asks", None, None, Some(provider_name(answer, provider))),
        Outcome::Unknown { what } => ("unknown", None, Some(what), None),
    };
    let dry_run: Vec<Value> = answer
        .verdict
        .shadows
        .iter()
        .filter(|shadow| shadow.prefix.contains("dry_run"))
        .map(|shadow| {
            let denied = shadow.outcome == ShadowOutcome::Denied;
            json!({"policy": shadow.policy, "verdict": if denied { "denied" } else { "allowed" }})
        })
        .collect();
    json!({
        "workload": answer.instance.workload.as_ref().map(|it| written(&it.name)),
        "address": answer.instance.address,
        "port": answer.instance.port,
        "tls": answer.spoken,
        "verdict": kind,
        "text": line(answer),
        "status": status,
        "details": details,
        "provider": provider,
        "policy": answer.policy.as_ref().map(stated),
        "peer_authentication": answer.peer_authentication.as_ref().map(stated),
        "chain": answer.verdict.chain,
        "dry_run": dry_run,
    })
}

fn stated(policy: &Stated) -> Value {
    let Stated {
        namespace,
        name,
        rule,
        action,
        file,
        line,
    } = policy;
    json!({
        "namespace": namespace,
        "name": name,
        "rule": rule,
        "action": action.as_ref().map(action_word),
        "file": (!file.is_empty()).then_some(file),
        "line": (*line > 0).then_some(line),
    })
}
