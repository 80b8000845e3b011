//! How requests to hosts are routed.

use std::sync::Arc;

use super::{Export, Labels};
use crate::name::{Hostname, Namespace, SubsetName};
use crate::origin::{Age, Origin};
use crate::policy::cors::Cors;
use crate::policy::direct_response::DirectResponse;
use crate::policy::fault::Fault;
use crate::policy::headers::MessageHeaders;
use crate::policy::matches::RequestMatch;
use crate::policy::percent::PartsPerMillion;
use crate::policy::redirect::Redirect;
use crate::policy::retry::RetryPolicy;
use crate::policy::rewrite::Rewrite;
use crate::policy::timeout::Timeout;

/// How requests to hosts are routed: the `http` part of a VirtualService that is bound to the
/// mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRoutes {
    /// The author's namespace.
    pub namespace: Namespace,
    /// The object's name.
    pub name: Arc<str>,
    /// Hosts, fully qualified, possibly wildcards. For each host the declaration with the most
    /// specific pattern counts, of those the oldest.
    pub hosts: Vec<Hostname>,
    /// Who may see it.
    pub export: Export,
    /// Rules; the first that matches counts.
    pub rules: Vec<HttpRule>,
    /// Its age.
    pub age: Age,
    /// Where it was said.
    pub origin: Origin,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// Its name; empty = none.
    pub name: Arc<str>,
    /// Alternatives; never empty (a rule without matches has one that matches everything).
    pub matches: Vec<HttpMatch>,
    /// What is done.
    pub action: HttpAction,
    /// Where it was said.
    pub origin: Origin,
}

/// An alternative of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpMatch {
    /// Its name; empty = none.
    pub name: Arc<str>,
    /// The request.
    pub request: RequestMatch,
    /// The port that the client addressed; `None` = any.
    pub port: Option<u16>,
    /// Labels that the client must have.
    pub source_labels: Labels,
    /// The client's namespace; `None` = any.
    pub source_namespace: Option<Namespace>,
    /// Prefix of statistics; empty = none.
    pub stat_prefix: Arc<str>,
    /// Where it was said.
    pub origin: Origin,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAction {
    /// It is forwarded.
    Forward(Box<Forward>),
    /// The client is sent elsewhere.
    Redirect {
        /// Where to.
        redirect: Redirect,
        /// Changes to headers (the response's only).
        headers: MessageHeaders,
        /// CORS.
        cors: Option<Cors>,
        /// Faults.
        fault: Option<Fault>,
    },
    /// A fixed answer.
    DirectResponse {
        /// The answer.
        response: DirectResponse,
        /// Changes to headers (the response's only).
        headers: MessageHeaders,
        /// CORS.
        cors: Option<Cors>,
        /// Faults.
        fault: Option<Fault>,
    },
}

/// Forwarding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Backends; never empty. A single one has weight 1. A total weight of 0 is possible
    /// (Argo Rollouts may write it): then nothing is served and clients see 503.
    pub backends: Vec<Backend>,
    /// Time limit.
    pub timeout: Timeout,
    /// Retries.
    pub retry: Retry,
    /// Rewriting.
    pub rewrite: Rewrite,
    /// Changes to headers, for all backends.
    pub headers: MessageHeaders,
    /// Copies.
    pub mirrors: Vec<Mirror>,
    /// Faults.
    pub fault: Option<Fault>,
    /// CORS.
    pub cors: Option<Cors>,
}

/// Retries of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// As the mesh configuration says.
    MeshDefault,
    /// None (`retries: {}` or `attempts: 0`).
    Off,
    /// As said.
    Policy(RetryPolicy),
}

/// A backend and its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Where to.
    pub destination: Destination,
    /// Its weight.
    pub weight: u32,
    /// Changes to headers, for this backend; `request.set` of `Host` is in `authority`.
    pub headers: MessageHeaders,
    /// Rewriting of the authority for this backend.
    pub authority: Option<Arc<str>>,
}

/// A service, perhaps narrowed to a subset and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The service, fully qualified.
    pub host: Hostname,
    /// The subset; `None` = all instances.
    pub subset: Option<SubsetName>,
    /// The port; `None` = the only one of the service, or else the one that the client
    /// addressed.
    pub port: Option<u16>,
    /// Where it was said.
    pub origin: Origin,
}

/// A copy of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Where to.
    pub destination: Destination,
    /// For which share.
    pub share: PartsPerMillion,
}
