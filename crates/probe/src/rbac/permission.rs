//! What is asked for.

use envoy::matcher::MetadataMatcher;
use envoy::rbac::Permission;
use envoy::rbac::permission::Rule;
use envoy::uri_template::UriTemplateMatchConfig;
use ferromesh_envoy as envoy;

use super::{path, sourced};
use crate::answer::Answer;
use crate::config::read;
use crate::traffic::Traffic;
use crate::{address, header, metadata, template, text};

/// Whether this is asked for.
pub(super) fn matches(permission: &Permission, traffic: &Traffic<'_>) -> Answer {
    let connection = &traffic.connection;
    match &permission.rule {
        Some(Rule::AndRules(set)) => {
            Answer::all(set.rules.iter().map(|rule| matches(rule, traffic)))
        }
        Some(Rule::OrRules(set)) => {
            Answer::any(set.rules.iter().map(|rule| matches(rule, traffic)))
        }
        Some(Rule::NotRule(rule)) => matches(rule, traffic).not(),
        // Envoy doesn't look at the value, which can't be false.
        Some(Rule::Any(_)) => Answer::Yes,
        Some(Rule::Header(matcher)) => header::matches(matcher, &traffic.headers),
        Some(Rule::UrlPath(matcher)) => path(matcher, traffic),
        Some(Rule::DestinationIp(range)) => address::contains(range, connection.destination.ip()),
        Some(Rule::DestinationPort(port)) => {
            (*port == u32::from(connection.destination.port())).into()
        }
        Some(Rule::DestinationPortRange(range)) => {
            let port = i32::from(connection.destination.port());
            (range.start <= port && port < range.end).into()
        }
        Some(Rule::RequestedServerName(matcher)) => text::matches(matcher, &connection.server_name),
        Some(Rule::UriTemplate(extension)) => {
            let config = extension.typed_config.as_ref();
            match config.map(read::<UriTemplateMatchConfig>) {
                Some(Ok(config)) => {
                    template::matches(&config.path_template, traffic.headers.path())
                }
                _ => Answer::unknown(format!("the matcher {}", extension.name)),
            }
        }
        Some(Rule::SourcedMetadata(matcher)) => sourced(matcher, traffic),
        Some(Rule::Matcher(extension)) => {
            Answer::unknown(format!("the matcher {}", extension.name))
        }
        None => Answer::unknown("a permission without rule"),
        Some(old) => match dynamic(old) {
            Some(matcher) => metadata::matches(matcher, &traffic.metadata),
            None => Answer::unknown("a permission of an unknown kind"),
        },
    }
}

#[allow(deprecated, reason = "Envoy still reads the old form")]
fn dynamic(rule: &Rule) -> Option<&MetadataMatcher> {
    match rule {
        Rule::Metadata(matcher) => Some(matcher),
        _ => None,
    }
}
