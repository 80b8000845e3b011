//! The filters that evaluate rules: for connections and for requests.

mod permission;
mod principal;

use envoy::rbac::{Policy, Rbac, rbac};
use ferromesh_envoy as envoy;

use crate::answer::{Answer, unknown};
use crate::metadata;
use crate::traffic::Traffic;
use crate::verdict::{Action, Outcome, Said, Shadow, ShadowOutcome, Verdict};

/// The names under which the filters leave what they found.
const HTTP: &str = "envoy.filters.http.rbac";
const NETWORK: &str = "envoy.filters.network.rbac";

/// The filter of connections.
pub(crate) fn connection(
    filter: &str,
    config: &envoy::network_rbac::Rbac,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    if config.matcher.is_some() || config.shadow_matcher.is_some() {
        return Err(unknown(format!("the matcher of {filter}")));
    }
    if let Some(rules) = &config.shadow_rules {
        let prefix = &config.shadow_rules_stat_prefix;
        shadow(rules, prefix, NETWORK, traffic, verdict)?;
    }
    let Some(rules) = &config.rules else {
        return Ok(());
    };
    enforce(filter, rules, traffic, verdict, |policy| Outcome::Reset {
        details: denied(policy),
    })
}

/// The filter of requests.
pub(crate) fn request(
    filter: &str,
    config: &envoy::http_rbac::Rbac,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    if config.matcher.is_some() || config.shadow_matcher.is_some() {
        return Err(unknown(format!("the matcher of {filter}")));
    }
    if let Some(rules) = &config.shadow_rules {
        shadow(
            rules,
            &config.shadow_rules_stat_prefix,
            HTTP,
            traffic,
            verdict,
        )?;
    }
    let Some(rules) = &config.rules else {
        return Ok(());
    };
    enforce(filter, rules, traffic, verdict, |policy| Outcome::Denied {
        status: 403,
        details: denied(policy),
    })?;
    // Only what passes goes on.
    let key = format!("{}enforced_engine_result", config.rules_stat_prefix);
    let result = (key, metadata::string("allowed"));
    traffic.metadata.add(HTTP, [result]);
    Ok(())
}

/// What the access log says.
fn denied(policy: Option<&str>) -> String {
    let policy = policy.unwrap_or("none").replace(char::is_whitespace, "_");
    format!("rbac_access_denied_matched_policy[{policy}]")
}

/// Rules that are only tried.
fn shadow(
    rules: &Rbac,
    prefix: &str,
    filter: &str,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    let action = action(rules)?;
    let policy = matched(rules, traffic)?;
    let outcome = match (action, policy.is_some()) {
        (Action::Allow, true) | (Action::Deny, false) | (Action::Log, _) => ShadowOutcome::Allowed,
        (Action::Allow, false) | (Action::Deny, true) => ShadowOutcome::Denied,
    };
    let result = match outcome {
        ShadowOutcome::Allowed => "allowed",
        ShadowOutcome::Denied => "denied",
    };
    let result = (
        format!("{prefix}shadow_engine_result"),
        metadata::string(result),
    );
    let effective = policy.as_ref().map(|policy| {
        let key = format!("{prefix}shadow_effective_policy_id");
        (key, metadata::string(policy.clone()))
    });
    let fields = std::iter::once(result).chain(effective);
    traffic.metadata.add(filter, fields);
    verdict.shadows.push(Shadow {
        prefix: prefix.to_owned(),
        action,
        policy,
        outcome,
    });
    Ok(())
}

/// Rules that count.
fn enforce(
    filter: &str,
    rules: &Rbac,
    traffic: &Traffic<'_>,
    verdict: &mut Verdict,
    refuse: impl Fn(Option<&str>) -> Outcome,
) -> Result<(), Outcome> {
    let action = action(rules)?;
    let policy = matched(rules, traffic)?;
    let said = Said::Rules {
        action,
        policy: policy.clone(),
        policies: rules.policies.keys().cloned().collect(),
    };
    verdict.step(filter, said);
    match (action, policy) {
        (Action::Log, _) | (Action::Deny, None) => Ok(()),
        (Action::Allow, Some(policy)) => {
            verdict.policy = Some(policy);
            Ok(())
        }
        (Action::Allow, None) => {
            verdict.policy = None;
            Err(refuse(None))
        }
        (Action::Deny, Some(policy)) => {
            let outcome = refuse(Some(&policy));
            verdict.policy = Some(policy);
            Err(outcome)
        }
    }
}

fn action(rules: &Rbac) -> Result<Action, Outcome> {
    match rbac::Action::try_from(rules.action) {
        Ok(rbac::Action::Allow) => Ok(Action::Allow),
        Ok(rbac::Action::Deny) => Ok(Action::Deny),
        Ok(rbac::Action::Log) => Ok(Action::Log),
        Err(_) => Err(unknown("the action of rules")),
    }
}

/// The first policy by name that matches.
fn matched(rules: &Rbac, traffic: &Traffic<'_>) -> Result<Option<String>, Outcome> {
    let mut open = None;
    for (name, policy) in &rules.policies {
        match matches(policy, traffic) {
            Answer::Yes => return Ok(Some(name.clone())),
            Answer::No => {}
            Answer::Unknown(what) => {
                open.get_or_insert(Outcome::Unknown { what });
            }
        }
    }
    open.map_or(Ok(None), Err)
}

fn matches(policy: &Policy, traffic: &Traffic<'_>) -> Answer {
    let Policy {
        permissions,
        principals,
        condition,
        checked_condition,
        cel_config: _,
    } = policy;
    let permitted = permissions
        .iter()
        .map(|it| permission::matches(it, traffic));
    let meant = principals.iter().map(|it| principal::matches(it, traffic));
    let condition = match (condition, checked_condition) {
        (None, None) => Answer::Yes,
        _ => Answer::unknown("a condition in CEL"),
    };
    Answer::all([Answer::any(permitted), Answer::any(meant), condition])
}

/// What route metadata says is not known here: the route is chosen by others.
fn sourced(matcher: &envoy::rbac::SourcedMetadata, traffic: &Traffic<'_>) -> Answer {
    let source = envoy::rbac::MetadataSource::try_from(matcher.metadata_source);
    match (&matcher.metadata_matcher, source) {
        (Some(matcher), Ok(envoy::rbac::MetadataSource::Dynamic)) => {
            metadata::matches(matcher, &traffic.metadata)
        }
        _ => Answer::unknown("the metadata of the route"),
    }
}

/// The path without query and fragment; on connections there is none, which matches nothing.
fn path(matcher: &envoy::matcher::PathMatcher, traffic: &Traffic<'_>) -> Answer {
    use envoy::matcher::path_matcher::Rule;
    let Some(path) = traffic.headers.first(":path") else {
        return Answer::No;
    };
    match &matcher.rule {
        Some(Rule::Path(matcher)) => {
            crate::text::matches(matcher, crate::header::without_query(path))
        }
        None => Answer::unknown("a matcher of paths without rule"),
    }
}
