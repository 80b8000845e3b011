//! Listener filters: they restore the original destination and find out what is spoken.
//!
//! Inspectors wait for the client's first bytes and reset a client that sends some and closes
//! its half at once. So they run only on ports that need them.

use std::net::SocketAddr;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::listener::listener_filter_chain_match_predicate::{MatchSet, Rule};
use envoy::listener::{ListenerFilter, ListenerFilterChainMatchPredicate as Predicate};
use mesh::policy::mtls::MtlsMode;
use mesh::view::listener::{InboundPort, InboundTraffic};

use super::inbound::Captured;

/// The mark of connections from a transparent proxy, as the capture rules know it.
const TRANSPARENT_MARK: u32 = 1337;

/// Whether a port needs TLS to be told from the rest; `named` if policies ask for the name in it.
pub(super) fn tells_tls(traffic: InboundTraffic, mode: MtlsMode, named: bool) -> bool {
    match (traffic, mode) {
        (InboundTraffic::Tcp { server_first: _ }, MtlsMode::Disable | MtlsMode::Strict) => named,
        (InboundTraffic::Tcp { server_first: _ }, MtlsMode::Permissive)
        | (InboundTraffic::Http | InboundTraffic::Detect, _) => true,
    }
}

/// Whether a port needs HTTP to be told from the rest.
fn tells_http(traffic: InboundTraffic, mode: MtlsMode) -> bool {
    match (traffic, mode) {
        // The mesh's TLS says it.
        (InboundTraffic::Detect, MtlsMode::Strict)
        // All that is not TLS is taken for HTTP.
        | (InboundTraffic::Http | InboundTraffic::Tcp { server_first: _ }, _) => false,
        (InboundTraffic::Detect, MtlsMode::Disable | MtlsMode::Permissive) => true,
    }
}

/// The listener filters of a bound inbound port.
pub(super) fn of_port(port: &InboundPort, named: bool) -> Vec<ListenerFilter> {
    let tls = tells_tls(port.traffic, port.mtls, named).then(|| tls_inspector(None));
    let http = tells_http(port.traffic, port.mtls).then(|| http_inspector(None));
    tls.into_iter().chain(http).collect()
}

/// The listener filters of captured inbound traffic. Ports that nobody declared are inspected.
pub(super) fn of_virtual_inbound(captured: &Captured<'_>, named: bool) -> Vec<ListenerFilter> {
    let Captured {
        addresses,
        transparent,
        ports,
        rest: _,
        rest_mtls,
        security: _,
    } = captured;
    let without = |needed: &dyn Fn(&InboundPort) -> bool| {
        let declared = ports.iter().filter(|port| !needed(port));
        // Who connects to the listener itself is refused, whatever it speaks.
        let own = addresses.iter().take(1).map(SocketAddr::port);
        any_port(own.chain(declared.map(|port| port.port)))
    };
    let tls = without(&|port| tells_tls(port.traffic, port.mtls, named));
    let http = without(&|port| tells_http(port.traffic, port.mtls));
    // The HTTP inspector leaves alone what the TLS inspector has recognised.
    let http = (tells_http(InboundTraffic::Detect, *rest_mtls)
        || ports.iter().any(|port| tells_http(port.traffic, port.mtls)))
    .then(|| http_inspector(http));
    let original_dst = filter(
        "envoy.filters.listener.original_dst",
        &envoy::original_dst::OriginalDst::default(),
        None,
    );
    let original_src = transparent.then(|| {
        let config = envoy::original_src::OriginalSrc {
            mark: TRANSPARENT_MARK,
            ..Default::default()
        };
        filter("envoy.filters.listener.original_src", &config, None)
    });
    std::iter::once(original_dst)
        .chain(original_src)
        .chain([tls_inspector(tls)])
        .chain(http)
        .collect()
}

/// Tells TLS from the rest.
fn tls_inspector(disabled: Option<Predicate>) -> ListenerFilter {
    filter(
        "envoy.filters.listener.tls_inspector",
        &envoy::tls_inspector::TlsInspector::default(),
        disabled,
    )
}

/// Tells HTTP from the rest.
pub(super) fn http_inspector(disabled: Option<Predicate>) -> ListenerFilter {
    filter(
        "envoy.filters.listener.http_inspector",
        &envoy::http_inspector::HttpInspector::default(),
        disabled,
    )
}

fn filter<M: envoy::Message + envoy::Name>(
    name: &str,
    config: &M,
    disabled: Option<Predicate>,
) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        filter_disabled: disabled,
        config_type: Some(envoy::listener::listener_filter::ConfigType::TypedConfig(
            envoy::any(config),
        )),
    }
}

/// Connections to one of these ports; `None` if there are none.
fn any_port(ports: impl Iterator<Item = u16>) -> Option<Predicate> {
    let mut rules: Vec<_> = ports
        .map(i32::from)
        .map(|port| envoy::types::Int32Range {
            start: port,
            end: port + 1,
        })
        .map(|range| predicate(Rule::DestinationPortRange(range)))
        .collect();
    match rules.len() {
        // Envoy wants at least two members in a set.
        0 | 1 => rules.pop(),
        _ => Some(predicate(Rule::OrMatch(MatchSet { rules }))),
    }
}

fn predicate(rule: Rule) -> Predicate {
    Predicate { rule: Some(rule) }
}
