//! Network filters: the HTTP connection manager with its HTTP filters, and the TCP proxy.

pub(crate) mod authorization;
pub(crate) mod http;
pub(crate) mod marks;
pub(crate) mod not_sent;
pub(crate) mod tcp;

use ferromesh_envoy as envoy;

/// A network filter.
fn network<M: envoy::Message + envoy::Name>(name: &str, config: &M) -> envoy::listener::Filter {
    envoy::listener::Filter {
        name: name.to_owned(),
        config_type: Some(envoy::listener::filter::ConfigType::TypedConfig(
            envoy::any(config),
        )),
    }
}
