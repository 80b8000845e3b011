//! Statements of Envoy's RBAC in short.

use envoy_types::pb::envoy::extensions::rbac::principals::mtls_authenticated::v3::Config;
use envoy_types::pb::envoy::r#type::matcher::v3 as matcher;
use matcher::string_matcher::MatchPattern;
use pb::rbac::v3::permission::Rule;
use pb::rbac::v3::principal::Identifier;
use pb::rbac::v3::{Permission, Principal};
use pb::route::v3::HeaderMatcher;
use pb::route::v3::header_matcher::HeaderMatchSpecifier;

use super::*;

fn joined(all: impl Iterator<Item = String>, by: &str) -> String {
    let all: Vec<_> = all.collect();
    format!("({})", all.join(by))
}

/// `=exact`, `^prefix`, `$suffix`, `~regex`; in capitals `i` if case doesn't matter.
pub fn string(string: &matcher::StringMatcher) -> String {
    let case = if string.ignore_case { "i" } else { "" };
    let text = match string.match_pattern.as_ref().expect("a pattern") {
        MatchPattern::Exact(text) => format!("={text}"),
        MatchPattern::Prefix(text) => format!("^{text}"),
        MatchPattern::Suffix(text) => format!("${text}"),
        MatchPattern::SafeRegex(regex) => format!("~{}", regex.regex),
        other => panic!("{other:?}"),
    };
    format!("{case}{text}")
}

fn value(value: &matcher::ValueMatcher) -> String {
    use matcher::value_matcher::MatchPattern;
    match value.match_pattern.as_ref().expect("a pattern") {
        MatchPattern::StringMatch(it) => string(it),
        MatchPattern::ListMatch(list) => match list.match_pattern.as_ref() {
            Some(matcher::list_matcher::MatchPattern::OneOf(one)) => {
                format!("[{}]", self::value(one))
            }
            other => panic!("{other:?}"),
        },
        MatchPattern::OrMatch(any) => joined(any.value_matchers.iter().map(self::value), "|"),
        other => panic!("{other:?}"),
    }
}

fn metadata(metadata: &matcher::MetadataMatcher) -> String {
    use matcher::metadata_matcher::path_segment::Segment;
    let filter = metadata.filter.rsplit('.').next().unwrap_or_default();
    let keys = metadata.path.iter().map(|it| match &it.segment {
        Some(Segment::Key(key)) => key.clone(),
        None => panic!("no key"),
    });
    let keys: Vec<_> = keys.collect();
    let value = self::value(metadata.value.as_ref().expect("a value"));
    format!("{filter}[{}]{value}", keys.join("]["))
}

fn sourced(sourced: &pb::rbac::v3::SourcedMetadata) -> String {
    metadata(sourced.metadata_matcher.as_ref().expect("a matcher"))
}

fn header(header: &HeaderMatcher) -> String {
    let specifier = match header.header_match_specifier.as_ref() {
        Some(HeaderMatchSpecifier::StringMatch(it)) => string(it),
        Some(HeaderMatchSpecifier::PresentMatch(true)) => "?".to_owned(),
        other => panic!("{other:?}"),
    };
    format!("{}{specifier}", header.name)
}

fn range(range: &pb::core::v3::CidrRange) -> String {
    let length = range.prefix_len.map_or(0, |it| it.value);
    format!("{}/{length}", range.address_prefix)
}

/// Who asks.
pub fn principal(one: &Principal) -> String {
    match one.identifier.as_ref().expect("an identifier") {
        Identifier::AndIds(set) => joined(set.ids.iter().map(principal), " & "),
        Identifier::OrIds(set) => joined(set.ids.iter().map(principal), " | "),
        Identifier::NotId(not) => format!("!{}", principal(not)),
        Identifier::Any(true) => "any".to_owned(),
        Identifier::DirectRemoteIp(it) => format!("direct {}", range(it)),
        Identifier::RemoteIp(it) => format!("remote {}", range(it)),
        Identifier::Header(it) => header(it),
        Identifier::SourcedMetadata(it) => sourced(it),
        Identifier::Custom(custom) => {
            let config: Config = open(custom.typed_config.as_ref().expect("a configuration"));
            match config.san_matcher {
                Some(san) => format!("uri{}", string(&san.matcher.expect("a matcher"))),
                None => format!("certificate {}", config.any_validated_client_certificate),
            }
        }
        // In particular `authenticated`, which nobody must use.
        other => panic!("{other:?}"),
    }
}

/// What is asked for.
pub fn permission(one: &Permission) -> String {
    match one.rule.as_ref().expect("a rule") {
        Rule::AndRules(set) => joined(set.rules.iter().map(permission), " & "),
        Rule::OrRules(set) => joined(set.rules.iter().map(permission), " | "),
        Rule::NotRule(not) => format!("!{}", permission(not)),
        Rule::Any(true) => "any".to_owned(),
        Rule::Header(it) => header(it),
        Rule::UrlPath(path) => match path.rule.as_ref() {
            Some(matcher::path_matcher::Rule::Path(it)) => format!("path{}", string(it)),
            None => panic!("no path"),
        },
        Rule::DestinationPort(port) => format!("port {port}"),
        Rule::DestinationIp(it) => format!("to {}", range(it)),
        Rule::RequestedServerName(it) => format!("sni{}", string(it)),
        other => panic!("{other:?}"),
    }
}
