//! Extension providers of MeshConfig (`istio.mesh.v1alpha1`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::part::Part;

/// A provider: a name and exactly one of the others. Fields of type [`Value`] are known and not
/// looked into.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtensionProvider {
    /// Name; required.
    pub name: String,
    /// An external authorizer that is asked by HTTP.
    pub envoy_ext_authz_http: Option<Part<ExtAuthzHttp>>,
    /// An external authorizer that is asked by gRPC.
    pub envoy_ext_authz_grpc: Option<Part<ExtAuthzGrpc>>,
    /// Traces.
    pub zipkin: Option<Value>,
    /// Traces; removed from Envoy.
    pub lightstep: Option<Value>,
    /// Traces.
    pub datadog: Option<Value>,
    /// Traces, metrics and logs.
    pub stackdriver: Option<Value>,
    /// Traces; removed from Envoy.
    pub opencensus: Option<Value>,
    /// Traces.
    pub skywalking: Option<Value>,
    /// Traces.
    pub opentelemetry: Option<Value>,
    /// Metrics.
    pub prometheus: Option<Value>,
    /// Logs.
    pub envoy_file_access_log: Option<Value>,
    /// Logs.
    pub envoy_http_als: Option<Value>,
    /// Logs.
    pub envoy_tcp_als: Option<Value>,
    /// Logs.
    pub envoy_otel_als: Option<Value>,
    /// Secrets.
    pub sds: Option<Value>,
}

/// An external authorizer that is asked by HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtAuthzHttp {
    /// `HOST` or `NAMESPACE/HOST`; required.
    pub service: String,
    /// Port of the service; required.
    pub port: u32,
    /// Limit for an answer; absent = 600 s.
    pub timeout: Option<String>,
    /// What is put before the path.
    pub path_prefix: String,
    /// Whether requests are allowed while nobody answers.
    pub fail_open: bool,
    /// Whether a route is chosen again.
    pub clear_route_cache: bool,
    /// Status while nobody answers; empty = 403.
    pub status_on_error: String,
    /// Deprecated form of `includeRequestHeadersInCheck`, which wins.
    pub include_headers_in_check: Vec<String>,
    /// Headers of the request that it gets.
    pub include_request_headers_in_check: Vec<String>,
    /// Further headers that it gets.
    pub include_additional_headers_in_check: BTreeMap<String, String>,
    /// How much of the body it gets; absent = nothing.
    pub include_request_body_in_check: Option<ExtAuthzBody>,
    /// Headers of its answer that the application gets.
    pub headers_to_upstream_on_allow: Vec<String>,
    /// Headers of its answer that the client gets when it refuses.
    pub headers_to_downstream_on_deny: Vec<String>,
    /// Headers of its answer that the client gets when it allows.
    pub headers_to_downstream_on_allow: Vec<String>,
}

/// An external authorizer that is asked by gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtAuthzGrpc {
    /// `HOST` or `NAMESPACE/HOST`; required.
    pub service: String,
    /// Port of the service; required.
    pub port: u32,
    /// Limit for an answer; absent = 600 s.
    pub timeout: Option<String>,
    /// Whether requests are allowed while nobody answers.
    pub fail_open: bool,
    /// Whether a route is chosen again.
    pub clear_route_cache: bool,
    /// Status while nobody answers; empty = 403.
    pub status_on_error: String,
    /// How much of the body it gets; absent = nothing.
    pub include_request_body_in_check: Option<ExtAuthzBody>,
}

/// How much of a request's body an authorizer gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtAuthzBody {
    /// At most so many bytes; required.
    pub max_request_bytes: u32,
    /// Whether a longer body is cut; else the request is refused.
    pub allow_partial_message: bool,
    /// Whether it is sent as bytes instead of text.
    pub pack_as_bytes: bool,
}
