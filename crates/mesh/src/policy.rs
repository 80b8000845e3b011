//! Policies: plain leaf values with no names of services inside. One concept per file; the
//! same file name at every station (`dialect-istio`, `target-envoy`).

pub mod access_log;
pub mod authorization;
pub mod connection_pool;
pub mod cors;
pub mod direct_response;
pub mod ext_authz;
pub mod fault;
pub mod headers;
pub mod jwt;
pub mod keepalive;
pub mod load_balancer;
pub mod locality;
pub mod matches;
pub mod mtls;
pub mod outlier;
pub mod path_normalization;
pub mod percent;
pub mod protocol;
pub mod redirect;
pub mod retry;
pub mod retry_budget;
pub mod rewrite;
pub mod set;
pub mod string_match;
pub mod timeout;
pub mod tls;
