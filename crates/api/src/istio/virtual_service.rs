//! `networking.istio.io` VirtualService. Semantics:
//! <https://istio.io/latest/docs/reference/config/networking/virtual-service/>.

use serde::Deserialize;

use super::{
    CorsPolicy, Destination, HttpDirectResponse, HttpFault, HttpHeaders, HttpMatch, HttpMirror,
    HttpRedirect, HttpRetry, HttpRewrite, Percent, TcpRoute, TlsRoute,
};
use crate::part::Part;

/// How traffic to hosts is routed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualService {
    /// Hosts; none = this is a delegate of another VirtualService.
    pub hosts: Vec<String>,
    /// Gateways that it is bound to; none, or `mesh` among them = the sidecars.
    pub gateways: Vec<String>,
    /// Rules for HTTP; the first that matches counts.
    pub http: Vec<Part<HttpRoute>>,
    /// Rules for TLS that is not terminated.
    pub tls: Vec<Part<TlsRoute>>,
    /// Rules for everything else.
    pub tcp: Vec<Part<TcpRoute>>,
    /// Namespaces that see it; none = as the mesh configuration says.
    pub export_to: Vec<String>,
}

/// A rule for HTTP.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRoute {
    /// Name, for logs and statistics.
    pub name: String,
    /// Alternatives; none = everything matches.
    #[serde(rename = "match")]
    pub matches: Vec<Part<HttpMatch>>,
    /// Where requests are forwarded to.
    pub route: Vec<HttpRouteDestination>,
    /// Or where clients are sent instead.
    pub redirect: Option<HttpRedirect>,
    /// Or what is answered instead.
    pub direct_response: Option<HttpDirectResponse>,
    /// Or the VirtualService that decides.
    pub delegate: Option<Delegate>,
    /// Rewriting before forwarding.
    pub rewrite: Option<HttpRewrite>,
    /// Time limit, a duration of at least 1 ms; absent = none.
    pub timeout: Option<String>,
    /// Retries; absent = as the mesh configuration says.
    pub retries: Option<HttpRetry>,
    /// Injected faults.
    pub fault: Option<HttpFault>,
    /// Where copies go.
    pub mirror: Option<Destination>,
    /// Or where copies go, with their shares.
    pub mirrors: Vec<HttpMirror>,
    /// The share of `mirror`, in whole percent (deprecated).
    pub mirror_percent: Option<u32>,
    /// The same, in the spelling of old manifests (deprecated).
    #[serde(rename = "mirror_percent")]
    pub mirror_percent_snake: Option<u32>,
    /// The share of `mirror`; absent = all.
    pub mirror_percentage: Option<Percent>,
    /// CORS.
    pub cors_policy: Option<CorsPolicy>,
    /// Changes to headers.
    pub headers: HttpHeaders,
}

/// A backend and its share.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteDestination {
    /// Where to.
    pub destination: Destination,
    /// The share, relative to the sum of all; without effect on a single one.
    #[serde(default)]
    pub weight: i32,
    /// Changes to headers on this way only.
    #[serde(default)]
    pub headers: HttpHeaders,
}

/// Another VirtualService.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Delegate {
    /// Its name.
    pub name: String,
    /// Its namespace; empty = the same.
    pub namespace: String,
}
