//! Istio's kinds (Istio 1.31, all served versions share one schema). One file per kind; messages
//! that several kinds share have files of their own.

mod authorization_policy;
mod client_tls;
mod connection_pool;
mod destination;
mod destination_rule;
mod extension_provider;
mod http_match;
mod http_policy;
mod http_retry;
mod l4_route;
mod load_balancer;
mod locality_lb;
mod mesh_config;
mod mesh_security;
mod outlier_detection;
mod peer_authentication;
mod percent;
mod policy_target;
mod port_selector;
mod proxy_config;
mod request_authentication;
mod server_tls;
mod service_entry;
mod sidecar;
mod string_match;
mod virtual_service;
mod workload_entry;
mod workload_labels;

pub use authorization_policy::{
    AuthorizationAction, AuthorizationCondition, AuthorizationFrom, AuthorizationOperation,
    AuthorizationPolicy, AuthorizationProvider, AuthorizationRule, AuthorizationSource,
    AuthorizationTo,
};
pub use client_tls::{ClientTls, ClientTlsMode};
pub use connection_pool::{
    ConnectionPool, H2UpgradePolicy, Http2KeepAlive, HttpSettings, TcpKeepalive, TcpSettings,
};
pub use destination::Destination;
pub use destination_rule::{
    DestinationRule, MatchLabels, PortTrafficPolicy, ProxyProtocol, ProxyProtocolVersion,
    RetryBudget, Subset, TrafficPolicy, Tunnel,
};
pub use extension_provider::{ExtAuthzBody, ExtAuthzGrpc, ExtAuthzHttp, ExtensionProvider};
pub use http_match::HttpMatch;
pub use http_policy::{
    CorsPolicy, DerivePort, FaultAbort, FaultDelay, HeaderOperations, HttpBody, HttpDirectResponse,
    HttpFault, HttpHeaders, HttpMirror, HttpRedirect, HttpRewrite, RegexRewrite,
    UnmatchedPreflights,
};
pub use http_retry::HttpRetry;
pub use l4_route::{L4Match, RouteDestination, TcpRoute, TlsMatch, TlsRoute};
pub use load_balancer::{
    ConsistentHash, CookieAttribute, HttpCookie, LoadBalancer, Maglev, RingHash, SimpleLb, Warmup,
};
pub use locality_lb::{Distribute, Failover, LocalityLbSetting, ZoneAwareLbSetting};
pub use mesh_config::{AccessLogEncoding, MeshConfig, MeshOutboundMode, MeshOutboundPolicy};
pub use mesh_security::{
    CaCertificates, MeshPathNormalization, MeshPathNormalizationKind, MeshTls, MeshTlsVersion,
};
pub use outlier_detection::OutlierDetection;
pub use peer_authentication::{MutualTls, MutualTlsMode, PeerAuthentication};
pub use percent::Percent;
pub use policy_target::PolicyTarget;
pub use port_selector::PortSelector;
pub use proxy_config::ProxyConfig;
pub use request_authentication::{ClaimToHeader, JwtHeader, JwtRule, RequestAuthentication};
pub use server_tls::{ServerTls, ServerTlsMode, TlsCertificate, TlsVersion};
pub use service_entry::{Location, Resolution, ServiceEntry, ServicePort};
pub use sidecar::{
    CaptureMode, EgressListener, EgressProxy, IngressListener, Sidecar, SidecarOutboundMode,
    SidecarOutboundPolicy, SidecarPort,
};
pub use string_match::StringMatch;
pub use virtual_service::{Delegate, HttpRoute, HttpRouteDestination, VirtualService};
pub use workload_entry::WorkloadEntry;
pub use workload_labels::WorkloadLabels;
