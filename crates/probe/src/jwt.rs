//! The filter that verifies tokens.
//!
//! Reading order: this file → `requirement` → `location` → `token` → `keys` → `passed_on`.

mod keys;
mod location;
mod passed_on;
mod requirement;
mod token;

use envoy::jwt_authn::requirement_rule::RequirementType;
use envoy::jwt_authn::{JwtAuthentication, JwtRequirement, RequirementRule};
use envoy::route::route_match::PathSpecifier;
use envoy::{Struct, Value, value};
use ferromesh_envoy as envoy;

use crate::answer::{Answer, unknown};
use crate::header::without_query;
use crate::request::HttpRequest;
use crate::traffic::Traffic;
use crate::verdict::{Outcome, Verdict};
use requirement::Court;

/// The name under which the filter leaves what tokens say.
const FILTER: &str = "envoy.filters.http.jwt_authn";

/// What became of the tokens of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    /// They are good.
    Good,
    /// There are none.
    Missing,
    /// One is of nobody that is known.
    UnknownIssuer,
    /// One is for somebody else.
    WrongAudience,
    /// One is bad, because of this.
    Bad(String),
    /// That can't be told, because of this.
    Unknown(String),
}

/// Verifies the tokens of a request.
pub(crate) fn request(
    filter: &str,
    config: &JwtAuthentication,
    request: &HttpRequest,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    if config.filter_state_rules.is_some() {
        return Err(unknown(format!("the filter state rules of {filter}")));
    }
    for provider in config.providers.values() {
        passed_on::clear(provider, &mut traffic.headers);
    }
    if config.bypass_cors_preflight && is_preflight(traffic) {
        verdict.note(filter, "a preflight needs no token");
        return Ok(());
    }
    let Some(requirement) = required(config, traffic)? else {
        return Ok(());
    };
    let mut court = Court::new(config, &request.claims, traffic);
    let status = court.judge(requirement)?;
    let payloads = court.into_payloads();
    let details = match status {
        Status::Good => {
            let who = if payloads.is_empty() {
                "no token, which is allowed"
            } else {
                "the token is valid"
            };
            verdict.note(filter, who);
            leave(payloads, traffic);
            return Ok(());
        }
        Status::Unknown(what) => return Err(Outcome::Unknown { what }),
        Status::Missing => "Jwt is missing".to_owned(),
        Status::UnknownIssuer => "Jwt issuer is not configured".to_owned(),
        Status::WrongAudience => {
            return Err(Outcome::Denied {
                status: 403,
                details: denied("Audiences in Jwt are not allowed"),
            });
        }
        Status::Bad(why) => why,
    };
    Err(Outcome::Challenged {
        details: denied(&details),
    })
}

/// What the access log says.
fn denied(why: &str) -> String {
    let why = why.replace(char::is_whitespace, "_");
    format!("jwt_authn_access_denied{{{why}}}")
}

fn is_preflight(traffic: &Traffic<'_>) -> bool {
    let has = |name: &str| traffic.headers.first(name).is_some_and(|it| !it.is_empty());
    traffic.headers.first(":method") == Some("OPTIONS")
        && has("origin")
        && has("access-control-request-method")
}

/// What the first rule for the path demands.
fn required<'a>(
    config: &'a JwtAuthentication,
    traffic: &Traffic<'_>,
) -> Result<Option<&'a JwtRequirement>, Outcome> {
    for rule in &config.rules {
        if !is_meant(rule, traffic).decided()? {
            continue;
        }
        return match &rule.requirement_type {
            None => Ok(None),
            Some(RequirementType::Requires(requirement)) => Ok(Some(requirement)),
            Some(RequirementType::RequirementName(name)) => {
                match config.requirement_map.get(name) {
                    Some(requirement) => Ok(Some(requirement)),
                    None => Err(unknown(format!("the requirement {name}"))),
                }
            }
        };
    }
    Ok(None)
}

fn is_meant(rule: &RequirementRule, traffic: &Traffic<'_>) -> Answer {
    let Some(matcher) = &rule.r#match else {
        return Answer::unknown("a rule for tokens without match");
    };
    let simple = matcher.headers.is_empty()
        && matcher.query_parameters.is_empty()
        && matcher.runtime_fraction.is_none()
        && matcher.case_sensitive.unwrap_or(true);
    let path = traffic.headers.path();
    match &matcher.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) if simple => path.starts_with(prefix).into(),
        Some(PathSpecifier::Path(exact)) if simple => (without_query(path) == exact).into(),
        _ => Answer::unknown("a rule for tokens by something else than the path"),
    }
}

/// Leaves what tokens say for later filters.
fn leave(payloads: Vec<(String, Struct)>, traffic: &mut Traffic<'_>) {
    let fields = payloads.into_iter().map(|(name, payload)| {
        let value = Value {
            kind: Some(value::Kind::StructValue(payload)),
        };
        (name, value)
    });
    traffic.metadata.add(FILTER, fields);
}
