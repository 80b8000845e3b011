//! `security.istio.io` AuthorizationPolicy.

use serde::Deserialize;

use super::{MatchLabels, PolicyTarget};
use crate::part::Part;

/// Who may do what at workloads.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationPolicy {
    /// Workloads; absent = all of the namespace.
    pub selector: Option<Part<MatchLabels>>,
    /// Deprecated form of `targetRefs`.
    pub target_ref: Option<Part<PolicyTarget>>,
    /// Gateways, or services behind waypoints; not beside `selector`.
    pub target_refs: Vec<Part<PolicyTarget>>,
    /// Any of these.
    pub rules: Vec<Part<AuthorizationRule>>,
    /// What happens to what a rule matches; absent = it is allowed.
    pub action: Option<Part<AuthorizationAction>>,
    /// Who is asked; only with action CUSTOM.
    pub provider: Option<Part<AuthorizationProvider>>,
}

/// What happens to what a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizationAction {
    /// It is allowed, and what no rule matches is refused.
    Allow,
    /// It is refused.
    Deny,
    /// It is logged.
    Audit,
    /// The provider is asked.
    Custom,
}

/// An external authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationProvider {
    /// Its name among the extension providers of the mesh configuration; required.
    pub name: String,
}

/// A rule: one of `from`, one of `to` and all of `when`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationRule {
    /// Who asks; absent = anybody.
    pub from: Option<Vec<Part<AuthorizationFrom>>>,
    /// For what; absent = for anything.
    pub to: Option<Vec<Part<AuthorizationTo>>>,
    /// Under which conditions.
    pub when: Vec<Part<AuthorizationCondition>>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationFrom {
    /// Required.
    pub source: Option<Part<AuthorizationSource>>,
}

/// Who asks: all fields that are written must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationSource {
    /// Peers as `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
    pub principals: Vec<String>,
    /// None of these.
    pub not_principals: Vec<String>,
    /// End users as `ISSUER/SUBJECT`.
    pub request_principals: Vec<String>,
    /// None of these.
    pub not_request_principals: Vec<String>,
    /// Namespaces of peers.
    pub namespaces: Vec<String>,
    /// None of these.
    pub not_namespaces: Vec<String>,
    /// Accounts of peers as `ACCOUNT` or `NAMESPACE/ACCOUNT`.
    pub service_accounts: Vec<String>,
    /// None of these.
    pub not_service_accounts: Vec<String>,
    /// Trust domains of peers.
    pub trust_domains: Vec<String>,
    /// None of these.
    pub not_trust_domains: Vec<String>,
    /// Addresses that connections come from.
    pub ip_blocks: Vec<String>,
    /// None of these.
    pub not_ip_blocks: Vec<String>,
    /// Addresses of clients, by `X-Forwarded-For` or the PROXY protocol.
    pub remote_ip_blocks: Vec<String>,
    /// None of these.
    pub not_remote_ip_blocks: Vec<String>,
}

/// For what.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationTo {
    /// Required.
    pub operation: Option<Part<AuthorizationOperation>>,
}

/// For what: all fields that are written must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationOperation {
    /// Hosts.
    pub hosts: Vec<String>,
    /// None of these.
    pub not_hosts: Vec<String>,
    /// Ports of the workload.
    pub ports: Vec<String>,
    /// None of these.
    pub not_ports: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// None of these.
    pub not_methods: Vec<String>,
    /// Paths, perhaps templates.
    pub paths: Vec<String>,
    /// None of these.
    pub not_paths: Vec<String>,
}

/// A condition on an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationCondition {
    /// The attribute; required.
    pub key: String,
    /// One of these.
    pub values: Vec<String>,
    /// None of these.
    pub not_values: Vec<String>,
}
