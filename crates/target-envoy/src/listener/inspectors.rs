//! Listener filters: they restore the original destination and find out what is spoken.
//!
//! Inspectors wait for the client's first bytes and reset a client that sends some and closes
//! its half at once. So they run only on ports that need them.

use std::net::SocketAddr;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::listener::listener_filter_chain_match_predicate::{MatchSet, Rule};
use envoy::listener::{ListenerFilter, ListenerFilterChainMatchPredicate as Predicate};
use mesh::view::listener::{InboundPort, InboundTraffic};

/// The mark of connections from a transparent proxy, as the capture rules know it.
const TRANSPARENT_MARK: u32 = 1337;

/// Which inspectors inbound traffic needs.
struct Needs {
    tls: bool,
    http: bool,
}

fn needs(traffic: InboundTraffic) -> Needs {
    match traffic {
        // All that is not TLS is taken for HTTP.
        InboundTraffic::Http => Needs {
            tls: true,
            http: false,
        },
        InboundTraffic::Tcp { server_first: _ } => Needs {
            tls: false,
            http: false,
        },
        InboundTraffic::Detect => Needs {
            tls: true,
            http: true,
        },
    }
}

/// The listener filters of a bound inbound port.
pub(super) fn of_port(traffic: InboundTraffic) -> Vec<ListenerFilter> {
    let Needs { tls, http } = needs(traffic);
    let tls = tls.then(|| tls_inspector(None));
    let http = http.then(|| http_inspector(None));
    tls.into_iter().chain(http).collect()
}

/// The listener filters of captured inbound traffic. Ports that nobody declared are inspected.
pub(super) fn of_virtual_inbound(
    addresses: &[SocketAddr],
    ports: &[InboundPort],
    transparent: bool,
) -> Vec<ListenerFilter> {
    let without = |needed: fn(&Needs) -> bool| {
        let declared = ports
            .iter()
            .filter(|port| !needed(&needs(port.traffic)))
            .map(|port| port.port);
        // Who connects to the listener itself is refused, whatever it speaks.
        let own = addresses.iter().take(1).map(SocketAddr::port);
        any_port(own.chain(declared))
    };
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
        // The HTTP inspector leaves alone what the TLS inspector has recognised.
        .chain([
            tls_inspector(without(|needs| needs.tls)),
            http_inspector(without(|needs| needs.http)),
        ])
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
