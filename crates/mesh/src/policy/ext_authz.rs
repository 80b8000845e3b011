//! External authorizers.

use std::sync::Arc;
use std::time::Duration;

use super::authorization::TextMatch;
use crate::name::{Hostname, Namespace};

/// An external authorizer (an extension provider `envoyExtAuthzHttp` or `envoyExtAuthzGrpc`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalAuthorizer {
    /// The service that is asked.
    pub service: ProviderService,
    /// Its port.
    pub port: u16,
    /// Limit for its answer.
    pub timeout: Duration,
    /// What happens when it can't be asked.
    pub failure: AuthorizerFailure,
    /// Whether a route is chosen again when it allows (it may have changed headers).
    pub routing: AuthorizedRouting,
    /// How much of a request's body it gets; `None` = nothing.
    pub body: Option<AuthorizerBody>,
    /// How it is asked.
    pub protocol: AuthorizerProtocol,
}

/// The service of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProviderService {
    /// Where it must be (`NAMESPACE/HOST`); `None` = anywhere.
    pub namespace: Option<Namespace>,
    /// Its host.
    pub host: Hostname,
}

/// What happens when an authorizer can't be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorizerFailure {
    /// Requests are refused with this status.
    Refuse(u16),
    /// Requests are allowed (`failOpen`).
    Allow,
}

/// Whether a route is chosen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorizedRouting {
    /// It stays.
    Keep,
    /// It is chosen again (`clearRouteCache`).
    Again,
}

/// How much of a request's body an authorizer gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuthorizerBody {
    /// Bytes.
    pub max_bytes: u32,
    /// Whether a longer body is cut; else the request is refused.
    pub partial: PartialBody,
    /// Whether it is sent as bytes instead of text (gRPC).
    pub encoding: BodyEncoding,
}

/// What happens to a body that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartialBody {
    /// 413.
    Refuse,
    /// Its beginning is sent.
    Cut,
}

/// How a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyEncoding {
    /// As text.
    Text,
    /// As bytes.
    Bytes,
}

/// How an authorizer is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuthorizerProtocol {
    /// By `envoy.service.auth.v3.Authorization`; connections too.
    Grpc,
    /// By a request with the same method, path and chosen headers; requests only.
    Http(HttpAuthorizer),
}

/// How an authorizer is asked by HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpAuthorizer {
    /// Put before the path.
    pub path_prefix: Arc<str>,
    /// Headers of the request that it gets.
    pub request_headers: Vec<TextMatch>,
    /// Headers added to what it gets.
    pub added_headers: Vec<(Arc<str>, Arc<str>)>,
    /// Headers of its answer that the application gets when it allows.
    pub upstream_headers: Vec<TextMatch>,
    /// Headers of its answer that the client gets when it allows.
    pub allowed_headers: Vec<TextMatch>,
    /// Headers of its answer that the client gets when it refuses.
    pub denied_headers: Vec<TextMatch>,
}
