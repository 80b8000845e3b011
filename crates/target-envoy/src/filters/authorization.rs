//! The filters that judge requests and connections to a workload.

use std::collections::BTreeSet;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::matcher::metadata_matcher::PathSegment;
use envoy::matcher::metadata_matcher::path_segment::Segment;
use envoy::matcher::string_matcher::MatchPattern;
use envoy::matcher::value_matcher::MatchPattern as Value;
use envoy::matcher::{MetadataMatcher, StringMatcher, ValueMatcher};
use envoy::mutation_rules::header_mutation::Action;
use envoy::rbac::Rbac;
use mesh::policy::authorization as policy;
use mesh::policy::authorization::Enforcement;
use mesh::view::security::{InboundSecurity, Policy};

use super::http::{HttpFilter, filter};
use super::network;
use crate::authorization::{Layer, Station, stations};
use crate::route::References;
use crate::{ext_authz, jwt, names};

/// The filters, and the metadata that they leave.
const HTTP_RBAC: &str = "envoy.filters.http.rbac";
const NETWORK_RBAC: &str = "envoy.filters.network.rbac";
const HTTP_EXT_AUTHZ: &str = "envoy.filters.http.ext_authz";
const NETWORK_EXT_AUTHZ: &str = "envoy.filters.network.ext_authz";

/// Istio's prefix of statistics about connections.
const STATISTICS: &str = "tcp.";

/// What is demanded of those who connect to a workload, as filters: the same at every port.
pub(crate) struct Guard<'a> {
    /// What is demanded.
    pub(crate) security: &'a InboundSecurity,
    /// Whether something is logged though nothing else is.
    pub(crate) audit: Audit,
    requests: Vec<envoy::hcm::HttpFilter>,
    connections: Vec<envoy::listener::Filter>,
    declared_connections: Vec<envoy::listener::Filter>,
}

impl<'a> Guard<'a> {
    /// All filters.
    pub(crate) fn new(security: &'a InboundSecurity, references: &mut References) -> Self {
        Self {
            security,
            audit: Audit::of(security),
            requests: requests(security, references),
            connections: connections(security, Layer::Connections, references),
            declared_connections: connections(security, Layer::DeclaredConnections, references),
        }
    }

    /// Those for requests.
    pub(crate) fn requests(&self) -> Vec<envoy::hcm::HttpFilter> {
        self.requests.clone()
    }

    /// Those for connections.
    pub(crate) fn connections(&self, declared: Declared) -> Vec<envoy::listener::Filter> {
        match declared {
            Declared::Connections => self.declared_connections.clone(),
            Declared::Others => self.connections.clone(),
        }
    }
}

/// Whether something is to be logged whoever logs or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audit {
    /// What a policy marks.
    Marked,
    /// Nothing.
    Nothing,
}

impl Audit {
    fn of(security: &InboundSecurity) -> Self {
        let audits = |policy: &Policy| {
            policy.action == policy::Action::Audit && policy.enforcement == Enforcement::Enforced
        };
        if security.authorization.iter().any(audits) {
            Self::Marked
        } else {
            Self::Nothing
        }
    }
}

/// What a port is declared to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// Nothing but connections.
    Connections,
    /// Requests, or nothing is declared.
    Others,
}

/// For requests.
fn requests(
    security: &InboundSecurity,
    references: &mut References,
) -> Vec<envoy::hcm::HttpFilter> {
    let told = jwt::told_in(&security.tokens);
    let without = (!told.is_empty()).then(|| without(told));
    let tokens = jwt::filter(&security.tokens);
    let tokens = tokens.map(|it| filter(jwt::FILTER, envoy::any(&it)));
    let mut all: Vec<_> = without.into_iter().chain(tokens).collect();
    for station in stations(security, Layer::Requests) {
        match station {
            Station::Judge { enforced, tried } => {
                all.push(http_rbac(
                    enforced,
                    tried.map(|(it, prefix)| (it, prefix.to_owned())),
                ));
            }
            Station::Ask(provider, authorizer, rules) => {
                references.insert(names::cluster(&authorizer.cluster));
                let prefix = asking_prefix(provider);
                let asked = asked(HTTP_RBAC, &prefix);
                all.push(http_rbac(None, Some((rules, prefix))));
                let asks = ext_authz::of_requests(authorizer, asked);
                all.push(filter(HTTP_EXT_AUTHZ, envoy::any(&asks)));
            }
        }
    }
    all
}

/// Nobody but us says what is said in these headers.
fn without(headers: BTreeSet<String>) -> envoy::hcm::HttpFilter {
    let remove = |name| envoy::mutation_rules::HeaderMutation {
        action: Some(Action::Remove(name)),
    };
    let config = envoy::header_mutation::HeaderMutation {
        mutations: Some(envoy::header_mutation::Mutations {
            request_mutations: headers.into_iter().map(remove).collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    filter(&HttpFilter::HeaderMutation.name(), envoy::any(&config))
}

/// For connections.
fn connections(
    security: &InboundSecurity,
    layer: Layer,
    references: &mut References,
) -> Vec<envoy::listener::Filter> {
    let mut all = Vec::new();
    for station in stations(security, layer) {
        match station {
            Station::Judge { enforced, tried } => {
                let tried = tried.map(|(it, prefix)| (it, prefix.to_owned()));
                all.push(network_rbac(enforced, tried));
            }
            Station::Ask(provider, authorizer, rules) => {
                references.insert(names::cluster(&authorizer.cluster));
                let prefix = asking_prefix(provider);
                let asked = asked(NETWORK_RBAC, &prefix);
                all.push(network_rbac(None, Some((rules, prefix))));
                let asks = ext_authz::of_connections(authorizer, asked);
                all.push(network(NETWORK_EXT_AUTHZ, &asks));
            }
        }
    }
    all
}

/// Istio's.
fn asking_prefix(provider: &str) -> String {
    format!("istio_ext_authz_{provider}_")
}

/// The rules that say whether to ask are shadow rules that would deny; that is how they say it.
fn asked(filter: &str, prefix: &str) -> MetadataMatcher {
    let key = Segment::Key(format!("{prefix}shadow_engine_result"));
    MetadataMatcher {
        filter: filter.to_owned(),
        path: vec![PathSegment { segment: Some(key) }],
        value: Some(ValueMatcher {
            match_pattern: Some(Value::StringMatch(StringMatcher {
                match_pattern: Some(MatchPattern::Exact("denied".to_owned())),
                ..Default::default()
            })),
        }),
        invert: false,
    }
}

fn http_rbac(enforced: Option<Rbac>, shadow: Option<(Rbac, String)>) -> envoy::hcm::HttpFilter {
    let (shadow_rules, shadow_rules_stat_prefix) = shadow.unzip();
    let config = envoy::http_rbac::Rbac {
        rules: enforced,
        shadow_rules,
        shadow_rules_stat_prefix: shadow_rules_stat_prefix.unwrap_or_default(),
        ..Default::default()
    };
    filter(HTTP_RBAC, envoy::any(&config))
}

fn network_rbac(enforced: Option<Rbac>, shadow: Option<(Rbac, String)>) -> envoy::listener::Filter {
    let (shadow_rules, shadow_rules_stat_prefix) = shadow.unzip();
    let config = envoy::network_rbac::Rbac {
        rules: enforced,
        shadow_rules,
        shadow_rules_stat_prefix: shadow_rules_stat_prefix.unwrap_or_default(),
        stat_prefix: STATISTICS.to_owned(),
        ..Default::default()
    };
    network(NETWORK_RBAC, &config)
}
