//! A virtual host of a table.

use std::sync::Arc;

use super::cluster::ClusterName;
use super::route_table::TableName;
use crate::name::Hostname;
use crate::origin::Origin;
use crate::policy::cors::Cors;
use crate::policy::direct_response::DirectResponse;
use crate::policy::fault::Fault;
use crate::policy::headers::MessageHeaders;
use crate::policy::load_balancer::HashKey;
use crate::policy::matches::RequestMatch;
use crate::policy::percent::PartsPerMillion;
use crate::policy::redirect::Redirect;
use crate::policy::retry::RetryPolicy;
use crate::policy::rewrite::Rewrite;
use crate::policy::timeout::Timeout;

/// A virtual host of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualHost {
    /// The table.
    pub table: TableName,
    /// The host and port that name it.
    pub host: Hostname,
    /// The port.
    pub port: u16,
    /// Domains (`:authority` values, with and without port), unique in the table.
    pub domains: Vec<Arc<str>>,
    /// Routes; the first that matches counts.
    pub routes: Vec<Route>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name: the rule's, with `.` and the match's if that has one; `default` without rules.
    pub name: Arc<str>,
    /// What the request must look like.
    pub request: RequestMatch,
    /// Prefix of statistics; empty = none.
    pub stat_prefix: Arc<str>,
    /// What is done.
    pub action: Action,
    /// Changes to headers (without those of single backends).
    pub headers: MessageHeaders,
    /// CORS; `None` = off.
    pub cors: Option<Cors>,
    /// Faults; `None` = none.
    pub fault: Option<Fault>,
    /// The object and rule; `None` for the default route of a service.
    pub origin: Option<Origin>,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is forwarded.
    Forward(Box<Forward>),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// A fixed answer.
    DirectResponse(DirectResponse),
}

/// Forwarding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Backends; never empty. If all weights are 0 the target answers 503.
    pub backends: Vec<RouteBackend>,
    /// Time limit.
    pub timeout: Timeout,
    /// Retries; `None` = none.
    pub retry: Option<RetryPolicy>,
    /// Rewriting.
    pub rewrite: Rewrite,
    /// Copies.
    pub mirrors: Vec<RouteMirror>,
    /// What is hashed to choose an instance; empty = nothing.
    pub hash: Vec<HashKey>,
}

/// A backend of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteBackend {
    /// Where to.
    pub target: BackendTarget,
    /// Its weight.
    pub weight: u32,
    /// Changes to headers for this backend.
    pub headers: MessageHeaders,
    /// Rewriting of the authority for this backend.
    pub authority: Option<Arc<str>>,
}

/// Where a backend is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendTarget {
    /// A cluster that exists.
    Cluster(ClusterName),
    /// Nowhere (an unknown host, port or subset): it keeps its weight and answers 503. The
    /// name is what it would have been called.
    Missing(ClusterName),
}

/// A copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMirror {
    /// Where to; copies to nowhere are left out.
    pub cluster: ClusterName,
    /// For which share.
    pub share: PartsPerMillion,
}
