//! Custom resource definitions of Istio's kinds: what a plain API server accepts.
//!
//! They accept and refuse what those of Istio 1.31 do, path by path, so that an object which is
//! good for one is good for the other, and definitions may be exchanged under objects that are
//! there. `cargo xtask generate` writes them to `crds/` and `charts/ferromesh-crds/`.
//!
//! *Why functions and no derivation from the types of [`crate::istio`].* Those types are made for
//! reading: they take more than an API server may (absent is default, a number may be text, a
//! broken part doesn't break the rest), and kinds that nothing reads yet have none. A table of
//! paths would say each of 374 fields up to eight times, as Istio's kinds share messages.
//! Functions share them as they are shared, the compiler finds a name that is none, and a field
//! is a line. A test holds them to the table of all leaves (`istio-fields.tsv`), which was read
//! from Istio's own definitions.
//!
//! *What differs from Istio's.* Descriptions and the texts of rules, which are ours and name the
//! way out. Bounds replace rules where they say the same (ports). What Istio says twice is said
//! once ([`server_tls`], [`authorization_policy`], [`extension`]). There are no defaults: one
//! inside a list would make each tool that compares see drift.
//!
//! Reading order: [`schema`], [`definition`], [`status`], then one file per kind; messages that
//! several kinds share have files of their own, of the same names as in [`crate::istio`].

pub mod authorization_policy;
mod client_tls;
mod connection_pool;
pub mod definition;
mod destination;
mod destination_rule;
mod envoy_filter;
pub mod extension;
mod gateway;
mod http_match;
mod http_policy;
mod http_retry;
mod l4_route;
mod load_balancer;
mod locality_lb;
mod outlier_detection;
mod peer_authentication;
mod proxy_config;
mod request_authentication;
pub mod schema;
mod selector;
pub mod server_tls;
mod service_entry;
mod sidecar;
pub mod status;
mod string_match;
mod telemetry;
mod virtual_service;
mod workload_entry;
mod workload_group;

use definition::{Definition, Versions};

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const EXTENSIONS: &str = "extensions.istio.io";
const TELEMETRY: &str = "telemetry.istio.io";

/// Versions of most kinds of [`NETWORKING`].
const TRAFFIC: Versions = Versions {
    served: &["v1", "v1beta1", "v1alpha3"],
    stored: "v1",
};

/// Versions of the kinds of [`SECURITY`].
const POLICY: Versions = Versions {
    served: &["v1", "v1beta1"],
    stored: "v1",
};

/// All definitions, by group and kind.
pub fn definitions() -> [Definition; 15] {
    [
        extension::traffic_extension(),
        extension::wasm_plugin(),
        destination_rule::destination_rule(),
        envoy_filter::envoy_filter(),
        gateway::gateway(),
        proxy_config::proxy_config(),
        service_entry::service_entry(),
        sidecar::sidecar(),
        virtual_service::virtual_service(),
        workload_entry::workload_entry(),
        workload_group::workload_group(),
        authorization_policy::authorization_policy(),
        peer_authentication::peer_authentication(),
        request_authentication::request_authentication(),
        telemetry::telemetry(),
    ]
}
