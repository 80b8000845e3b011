//! Rules in nft's language.

use std::collections::BTreeSet;
use std::fmt::Display;

use ipnet::IpNet;

use super::scope::{Choice, Scope};
use crate::settings::Captured;

/// The table that has all of them.
pub const TABLE: &str = "ferromesh";

/// Ports of the proxy itself, as Istio's: tunnel, metrics, health, Envoy's statistics.
const OWN_PORTS: [u16; 4] = [15008, 15020, 15021, 15090];

/// Where captured connections go.
const OUTBOUND: u16 = 15001;
/// The same for those of others.
const INBOUND: u16 = 15006;

/// The mark of inbound connections that were captured transparently, and of those that the proxy itself makes to its own
/// pod. The mark is never put on a connection by the rule that catches it: its answers would be routed to ourselves.
pub const MARK: u32 = 1337;
/// The same.
const OWN_MARK: u32 = 1338;

/// A chain of rules.
pub struct Chain {
    name: &'static str,
    hook: &'static str,
    /// Its rules in nft's language.
    pub rules: Vec<String>,
}

/// What is set.
pub fn chains(scope: &Scope) -> Vec<Chain> {
    let chain = |name, hook, rules| Chain { name, hook, rules };
    match scope.captured {
        Captured::Redirect => vec![
            chain(
                "prerouting",
                "nat hook prerouting priority dstnat",
                redirected_inbound(scope),
            ),
            chain(
                "output",
                "nat hook output priority -100",
                self_calls(scope)
                    .into_iter()
                    .chain(outbound(scope))
                    .collect(),
            ),
        ],
        Captured::Tproxy => vec![
            chain(
                "prerouting",
                "filter hook prerouting priority mangle",
                transparent_inbound(scope),
            ),
            chain(
                "virtual",
                "nat hook prerouting priority dstnat",
                virtual_rules(scope),
            ),
            chain("output", "route hook output priority mangle", marks(scope)),
            chain("natout", "nat hook output priority -100", outbound(scope)),
        ],
    }
}

/// A transaction that replaces what is there.
pub fn render(chains: &[Chain]) -> String {
    let mut text =
        format!("add table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n");
    for Chain { name, hook, rules } in chains {
        text.push_str(&format!(
            "  chain {name} {{\n    type {hook}; policy accept;\n"
        ));
        for rule in rules {
            text.push_str(&format!("    {rule}\n"));
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

/// `{ a, b }`.
fn set<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("{{ {} }}", items.join(", "))
}

/// Names of interfaces in quotes; they have no others in them.
fn interfaces<T: Display>(names: &BTreeSet<T>) -> String {
    set(names.iter().map(|name| format!("\"{name}\"")))
}

/// Addresses by family; a family without any has no match.
fn addresses(ranges: &BTreeSet<IpNet>) -> Vec<String> {
    let of = |family: &str, is_of: fn(&IpNet) -> bool| {
        let ranges: Vec<_> = ranges
            .iter()
            .filter(|range| is_of(range))
            .copied()
            .collect();
        let merged = IpNet::aggregate(&ranges);
        (!merged.is_empty()).then(|| format!("{family} daddr {}", set(merged)))
    };
    [
        of("ip", |range| matches!(range, IpNet::V4(_))),
        of("ip6", |range| matches!(range, IpNet::V6(_))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Traffic that is no business of the proxy's in either direction.
fn left_alone(scope: &Scope, interface: &str) -> Vec<String> {
    let mut rules = vec!["meta l4proto != tcp return".to_owned()];
    if !scope.excluded_interfaces.is_empty() {
        rules.push(format!(
            "{interface} {} return",
            interfaces(&scope.excluded_interfaces)
        ));
    }
    rules
}

/// Connections to the ports of the proxy itself, and to those that an author has left out.
fn inbound_exceptions(scope: &Scope) -> String {
    let ports: BTreeSet<_> = OWN_PORTS
        .iter()
        .chain(&scope.excluded_inbound_ports)
        .collect();
    format!("tcp dport {} return", set(ports))
}

/// The match for ports that are captured; `None` if there are none.
fn ports(choice: &Choice<u16>) -> Option<String> {
    match choice {
        Choice::All => Some("meta l4proto tcp".to_owned()),
        Choice::These(ports) if ports.is_empty() => None,
        Choice::These(ports) => Some(format!("tcp dport {}", set(ports))),
    }
}

fn redirected_inbound(scope: &Scope) -> Vec<String> {
    let mut rules = left_alone(scope, "iifname");
    rules.extend(virtual_rules(scope));
    rules.push(inbound_exceptions(scope));
    rules
        .extend(ports(&scope.inbound_ports).map(|ports| format!("{ports} redirect to :{INBOUND}")));
    rules
}

fn transparent_inbound(scope: &Scope) -> Vec<String> {
    let mut rules = left_alone(scope, "iifname");
    rules.push(format!("meta mark {MARK} ct mark set meta mark return"));
    if !scope.virtual_interfaces.is_empty() {
        rules.push(format!(
            "iifname {} return",
            interfaces(&scope.virtual_interfaces)
        ));
    }
    rules.push(inbound_exceptions(scope));
    rules.push(format!("iifname \"lo\" meta mark != {OWN_MARK} return"));
    if let Some(ports) = ports(&scope.inbound_ports) {
        rules.push(format!(
            "{ports} ct state established,related meta mark set {MARK} accept"
        ));
        for (family, loopback) in [("ip", "127.0.0.1"), ("ip6", "::1")] {
            rules.push(format!(
                "{family} daddr != {loopback} {ports} tproxy {family} to :{INBOUND} meta mark set {MARK} accept"
            ));
        }
    }
    rules
}

/// What comes from a virtual machine in the pod is outbound.
fn virtual_rules(scope: &Scope) -> Vec<String> {
    if scope.virtual_interfaces.is_empty() {
        return Vec::new();
    }
    let from = format!("iifname {}", interfaces(&scope.virtual_interfaces));
    let mut rules: Vec<_> = destinations(scope)
        .into_iter()
        .map(|rule| format!("{from} {rule}"))
        .collect();
    rules.push(format!("{from} return"));
    rules
}

fn marks(scope: &Scope) -> Vec<String> {
    let mut rules = vec![
        "meta l4proto != tcp return".to_owned(),
        format!("ct mark {MARK} meta mark set ct mark"),
        format!("oifname \"lo\" meta mark {MARK} return"),
    ];
    rules.extend(to_application());
    for sender in scope.proxy.is_sender(scope.captured) {
        for (family, loopback) in [("ip", "127.0.0.1"), ("ip6", "::1")] {
            rules.push(format!(
                "oifname \"lo\" {family} daddr != {loopback} {sender} meta mark set {OWN_MARK}"
            ));
        }
    }
    rules
}

/// What comes from these addresses has been through the proxy, or is the agent's question.
fn to_application() -> Vec<String> {
    [("ip", "127.0.0.6"), ("ip6", "::6")]
        .map(|(family, source)| format!("oifname \"lo\" {family} saddr {source} return"))
        .into()
}

/// What the proxy hands to the application, and what an application calls of its own pod.
fn self_calls(scope: &Scope) -> Vec<String> {
    let mut rules = to_application();
    for sender in scope.proxy.is_sender(scope.captured) {
        for (family, loopback) in [("ip", "127.0.0.1"), ("ip6", "::1")] {
            rules.push(format!(
                "oifname \"lo\" {sender} {family} daddr != {loopback} tcp dport != 15008 redirect to :{INBOUND}"
            ));
        }
    }
    rules
}

/// What the application sends.
fn outbound(scope: &Scope) -> Vec<String> {
    let mut rules = left_alone(scope, "oifname");
    let senders = scope.proxy.is_sender(scope.captured);
    if !scope.excluded_outbound_ports.is_empty() {
        rules.push(format!(
            "tcp dport {} return",
            set(&scope.excluded_outbound_ports)
        ));
    }
    rules.extend(senders.iter().map(|sender| format!("{sender} return")));
    rules.push("oifname \"lo\" return".to_owned());
    rules.push("ip daddr 127.0.0.1 return".to_owned());
    rules.push("ip6 daddr ::1 return".to_owned());
    rules.extend(destinations(scope));
    rules
}

/// Where connections go through the proxy.
fn destinations(scope: &Scope) -> Vec<String> {
    let caught = |what: String| format!("{what} redirect to :{OUTBOUND}");
    let excluded = addresses(&scope.excluded_outbound_ranges).into_iter();
    let mut rules: Vec<_> = excluded.map(|range| format!("{range} return")).collect();
    rules.extend(ports(&scope.outbound_ports).map(caught));
    match &scope.outbound_ranges {
        Choice::All => rules.push(caught("meta l4proto tcp".to_owned())),
        Choice::These(ranges) => {
            let of_tcp = |range| caught(format!("{range} meta l4proto tcp"));
            rules.extend(addresses(ranges).into_iter().map(of_tcp));
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::capture::arguments::Arguments;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn rules(arguments: &[&str]) -> Vec<String> {
        let all = std::iter::once("capture").chain(arguments.iter().copied());
        let scope = Program::parse_from(all).arguments.scope().expect("values");
        let chains = chains(&scope.expect("capture"));
        chains.into_iter().flat_map(|chain| chain.rules).collect()
    }

    #[test]
    fn what_is_left_out_or_asked_for_is_one_rule_more() {
        let usual = rules(&[]);
        for (arguments, rule) in [
            (
                vec!["--exclude-outbound-ports", "25,465"],
                "tcp dport { 25, 465 } return",
            ),
            (
                vec!["--exclude-outbound-ip-ranges", "10.0.0.0/9,10.128.0.0/9"],
                "ip daddr { 10.0.0.0/8 } return",
            ),
            (
                vec!["--exclude-outbound-ip-ranges", "fd00::/8"],
                "ip6 daddr { fd00::/8 } return",
            ),
            (
                vec!["--outbound-ports", "80"],
                "tcp dport { 80 } redirect to :15001",
            ),
            (
                vec!["--exclude-interfaces", "eth1"],
                "iifname { \"eth1\" } return",
            ),
            (
                vec!["--virtual-interfaces", "tap0"],
                "iifname { \"tap0\" } meta l4proto tcp redirect to :15001",
            ),
        ] {
            let with = rules(&arguments);
            assert!(
                with.len() > usual.len() && with.iter().any(|one| one == rule),
                "{arguments:?}: {with:#?}"
            );
            assert!(
                usual.iter().all(|rule| with.contains(rule)),
                "{arguments:?}"
            );
        }
        let none = rules(&["--inbound-ports", "", "--outbound-ip-ranges", ""]);
        assert!(none.iter().all(|rule| !rule.contains("15001")), "{none:#?}");
        let some = rules(&["--inbound-ports", "8080", "--exclude-inbound-ports", "9100"]);
        assert!(
            some.iter()
                .any(|rule| rule == "tcp dport { 8080 } redirect to :15006"),
            "{some:#?}"
        );
        assert!(
            some.iter()
                .any(|rule| rule == "tcp dport { 9100, 15008, 15020, 15021, 15090 } return")
        );
    }
}
