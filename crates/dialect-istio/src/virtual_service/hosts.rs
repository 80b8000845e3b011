//! `hosts`.

use std::collections::{HashMap, HashSet};

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::path::Path;

use super::Scope;
use super::gateways::Binding;
use crate::host;

const CODE: &str = "invalid-host";

/// Lowers `hosts` at the path `at`; unsound ones are errors and left out.
/// `auto_sni` says whether the names that Istio makes up for passthrough by SNI are fine, too.
pub(super) fn lower(
    hosts: &[String],
    scope: &Scope<'_>,
    auto_sni: bool,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Hostname> {
    let mut lowered = Vec::new();
    let mut seen = HashSet::new();
    let before = remarks.errors();
    for (index, host) in hosts.iter().enumerate() {
        let at = at.item(index);
        if let Err(message) = check(host, auto_sni && scope.binding == Binding::Gateways) {
            remarks.error(&at, CODE, message);
        } else if host == "*" && scope.binding == Binding::Mesh {
            remarks
                .error(&at, CODE, "\"*\" is not allowed for sidecars")
                .advise("name the hosts, or bind to a gateway");
        } else {
            let host = host::expand(host, scope.namespace.as_str());
            if seen.insert(host.clone()) {
                lowered.push(host);
            }
        }
    }
    if remarks.errors() == before {
        check_overlaps(hosts, at, remarks);
    }
    lowered
}

/// Whether this is a name, a pattern or an address.
pub(super) fn check(host: &str, auto_sni: bool) -> Result<(), String> {
    if host::is_address(host) || (auto_sni && is_auto_sni(host)) {
        return Ok(());
    }
    host::check_pattern(host)
}

/// `outbound_.80_.v1_.reviews.shop.svc.cluster.local`, as Istio makes up for passthrough.
fn is_auto_sni(host: &str) -> bool {
    let mut parts = host.split('_');
    host.len() <= 255
        && parts.next() == Some("outbound")
        && parts
            .next()
            .is_some_and(|port| port.bytes().any(|byte| byte.is_ascii_digit()))
        && parts.next().is_some()
        && parts
            .next()
            .is_some_and(|host| host.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// No host may be covered by another one of the same VirtualService.
fn check_overlaps(hosts: &[String], at: &Path<'_>, remarks: &mut Remarks) {
    let patterns = Patterns::new(hosts);
    let mut first = HashMap::new();
    for (index, host) in hosts.iter().enumerate() {
        let other = match first.get(host.as_str()) {
            Some(_) => Some(host.as_str()),
            None => patterns.wider(host),
        };
        if let Some(other) = other {
            remarks.error(
                &at.item(index),
                "duplicate-host",
                format!("host {host:?} is covered by {other:?}"),
            );
        }
        first.entry(host.as_str()).or_insert(index);
    }
}

/// Host names and patterns, to ask which of them covers another, in time that doesn't grow with
/// their number.
pub(super) struct Patterns<'a> {
    exact: HashSet<&'a str>,
    /// By what follows the `*`.
    wildcards: HashMap<&'a str, &'a str>,
}

impl<'a> Patterns<'a> {
    pub(super) fn new(hosts: &'a [String]) -> Self {
        let (wildcards, exact): (Vec<&str>, Vec<&str>) = hosts
            .iter()
            .map(String::as_str)
            .partition(|host| host.starts_with('*'));
        Self {
            exact: exact.into_iter().collect(),
            wildcards: wildcards
                .into_iter()
                .map(|host| (host.get(1..).unwrap_or_default(), host))
                .collect(),
        }
    }

    /// Whether one of them is this name or pattern, or covers it.
    pub(super) fn cover(&self, host: &str) -> bool {
        self.exact.contains(host)
            || host
                .strip_prefix('*')
                .is_some_and(|suffix| self.wildcards.contains_key(suffix))
            || self.wider(host).is_some()
    }

    /// Another pattern that covers this one.
    fn wider(&self, host: &str) -> Option<&'a str> {
        let name = host.strip_prefix('*').unwrap_or(host);
        // A pattern is not wider than itself, but a name may be all that follows an asterisk.
        let from = usize::from(host.len() != name.len());
        if self.wildcards.is_empty() {
            return None;
        }
        (from..=name.len())
            .filter_map(|at| name.get(at..))
            .find_map(|suffix| self.wildcards.get(suffix).copied())
    }
}
