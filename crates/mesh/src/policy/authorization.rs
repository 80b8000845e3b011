//! Who may do what.

use std::sync::Arc;

use ipnet::IpNet;

use super::set::Set;
use crate::origin::Origin;

/// What happens to what a rule of a policy matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// An external authorizer of this name in the mesh configuration is asked.
    Custom(Arc<str>),
    /// It is logged; nothing else.
    Audit,
    /// It is refused.
    Deny,
    /// It is allowed, and what no rule of any such policy of the workload matches is refused.
    Allow,
}

/// Whether a policy takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enforcement {
    /// It does.
    Enforced,
    /// It is evaluated, counted and logged, and changes nothing (`istio.io/dry-run`).
    DryRun,
}

/// A rule. It matches when one of its sources, one of its operations and all of its conditions
/// do; without sources every source matches, and so on, so that the empty rule matches
/// everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Who asks.
    pub sources: Vec<Source>,
    /// For what.
    pub operations: Vec<Operation>,
    /// Under which conditions.
    pub conditions: Vec<Condition>,
    /// Where it was said.
    pub origin: Origin,
}

/// Who asks. All parts must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// Peers as `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, proven by their certificate. The trust
    /// domains of the mesh's own and of its aliases stand for each other.
    pub principals: Set<TextMatch>,
    /// End users as `ISSUER/SUBJECT`, proven by a token. Requests only.
    pub request_principals: Set<TextMatch>,
    /// Namespaces of peers.
    pub namespaces: Set<TextMatch>,
    /// Accounts of peers.
    pub service_accounts: Set<AccountMatch>,
    /// Trust domains of peers.
    pub trust_domains: Set<TextMatch>,
    /// Addresses that connections come from.
    pub ip_blocks: Set<IpNet>,
    /// Addresses that requests come from (the client behind trusted proxies).
    pub remote_ip_blocks: Set<IpNet>,
}

/// A service account of a namespace, in any trust domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountMatch {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The account.
    pub account: Arc<str>,
}

/// What is asked for. All parts must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Hosts, without regard to case. Requests only.
    pub hosts: Set<TextMatch>,
    /// Methods. Requests only.
    pub methods: Set<TextMatch>,
    /// Paths without query. Requests only.
    pub paths: Set<PathMatch>,
    /// Ports of the workload.
    pub ports: Set<u16>,
}

/// A condition on an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// A text.
    Text(TextAttribute, Set<TextMatch>),
    /// An address.
    Address(AddressAttribute, Set<IpNet>),
    /// The port of the workload (`destination.port`).
    Port(Set<u16>),
    /// The peer's account (`source.serviceAccount`).
    Account(Set<AccountMatch>),
}

/// An attribute that is a text, or a list of texts of which one must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextAttribute {
    /// A header, in lower case (`request.headers[NAME]`). Requests only.
    Header(Arc<str>),
    /// The peer's namespace (`source.namespace`).
    Namespace,
    /// The peer (`source.principal`).
    Principal,
    /// The peer's trust domain (`source.trustDomain`).
    TrustDomain,
    /// The end user as `ISSUER/SUBJECT` (`request.auth.principal`). Requests only.
    RequestPrincipal,
    /// The token's audiences (`request.auth.audiences`). Requests only.
    Audiences,
    /// The token's presenter, claim `azp` (`request.auth.presenter`). Requests only.
    Presenter,
    /// A claim, nested by this path (`request.auth.claims[A][B]`). Requests only.
    Claim(Vec<Arc<str>>),
    /// The server name that the client asked for by TLS (`connection.sni`).
    ServerName,
    /// Metadata that an Envoy filter of this name has left under this path
    /// (`experimental.envoy.filters.FILTER[KEY]`).
    FilterMetadata(Arc<str>, Vec<Arc<str>>),
}

/// An attribute that is an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressAttribute {
    /// `source.ip`.
    Source,
    /// `remote.ip`.
    Remote,
    /// `destination.ip`.
    Destination,
}

/// A match on a text as policies write it: `abc`, `abc*`, `*abc`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextMatch {
    /// Equal.
    Exact(Arc<str>),
    /// Starts with.
    Prefix(Arc<str>),
    /// Ends with.
    Suffix(Arc<str>),
    /// Is there and not empty.
    Present,
}

/// A match on a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathMatch {
    /// As any text.
    Text(TextMatch),
    /// A template with `{*}` for one segment and `{**}` for any number, in Envoy's URI template
    /// syntax (which is Istio's).
    Template(Arc<str>),
}
