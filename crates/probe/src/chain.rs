//! Which filter chain a connection gets: what listener filters find out, and the most specific
//! match.

use envoy::listener::listener_filter::ConfigType;
use envoy::listener::listener_filter_chain_match_predicate::Rule;
use envoy::listener::{
    FilterChain, FilterChainMatch, Listener, ListenerFilter, ListenerFilterChainMatchPredicate,
};
use ferromesh_envoy as envoy;

use crate::address;
use crate::answer::{Answer, unknown};
use crate::config::is;
use crate::request::{HttpVersion, Peer, Request};
use crate::verdict::Outcome;

/// What listener filters have found out.
pub(crate) struct Detected {
    /// `tls` or `raw_buffer`.
    transport: &'static str,
    /// Protocols that the client speaks or offers, in its order.
    protocols: Vec<String>,
    /// The server that it wants, in lower case; empty = none.
    pub(crate) server_name: String,
}

/// Asks the listener filters.
pub(crate) fn detect(listener: &Listener, request: &Request) -> Result<Detected, Outcome> {
    let mut detected = Detected {
        transport: "raw_buffer",
        protocols: Vec::new(),
        server_name: String::new(),
    };
    for filter in &listener.listener_filters {
        let Some(ConfigType::TypedConfig(config)) = &filter.config_type else {
            return Err(unknown(format!("the listener filter {}", filter.name)));
        };
        if is_disabled(filter, request.destination.port()).decided()? {
            continue;
        }
        if is::<envoy::tls_inspector::TlsInspector>(config) {
            inspect_tls(&request.peer, &mut detected);
        } else if is::<envoy::http_inspector::HttpInspector>(config) {
            inspect_http(request, &mut detected);
        } else if !is::<envoy::original_dst::OriginalDst>(config)
            && !is::<envoy::original_src::OriginalSrc>(config)
        {
            return Err(unknown(format!("the listener filter {}", filter.name)));
        }
    }
    Ok(detected)
}

fn inspect_tls(peer: &Peer, detected: &mut Detected) {
    let hello = match peer {
        Peer::Plaintext => return,
        Peer::Tls(hello) | Peer::MutualTls(hello, _) => hello,
    };
    detected.transport = "tls";
    detected.protocols.clone_from(&hello.protocols);
    detected.server_name = hello.server_name.to_ascii_lowercase();
}

fn inspect_http(request: &Request, detected: &mut Detected) {
    if detected.transport == "tls" {
        return;
    }
    if let (Peer::Plaintext, Some(http)) = (&request.peer, &request.http) {
        let protocol = match http.version {
            HttpVersion::Http1 => "http/1.1",
            HttpVersion::Http2 => "h2c",
        };
        detected.protocols = vec![protocol.to_owned()];
    }
}

fn is_disabled(filter: &ListenerFilter, port: u16) -> Answer {
    filter
        .filter_disabled
        .as_ref()
        .map_or(Answer::No, |predicate| holds(predicate, port))
}

fn holds(predicate: &ListenerFilterChainMatchPredicate, port: u16) -> Answer {
    match &predicate.rule {
        Some(Rule::OrMatch(set)) => Answer::any(set.rules.iter().map(|rule| holds(rule, port))),
        Some(Rule::AndMatch(set)) => Answer::all(set.rules.iter().map(|rule| holds(rule, port))),
        Some(Rule::NotMatch(rule)) => holds(rule, port).not(),
        Some(Rule::AnyMatch(any)) => (*any).into(),
        Some(Rule::DestinationPortRange(range)) => {
            let port = i32::from(port);
            (range.start <= port && port < range.end).into()
        }
        None => Answer::unknown("a predicate of a listener filter"),
    }
}

/// Chooses the chain; `None` if the connection gets none.
pub(crate) fn choose<'a>(
    listener: &'a Listener,
    detected: &Detected,
    request: &Request,
) -> Result<Option<&'a FilterChain>, Outcome> {
    if listener.filter_chain_matcher.is_some() {
        return Err(unknown("the matcher of filter chains"));
    }
    let all = listener.filter_chains.iter().map(Candidate::new);
    let mut left: Vec<Candidate<'_>> = all.collect();
    // Each property narrows the choice for good: Envoy never goes back.
    let port = u32::from(request.destination.port());
    narrow(&mut left, |it| match it.matches().destination_port {
        Some(wanted) => (wanted == port).then_some(1),
        None => Some(0),
    });
    narrow(&mut left, |it| it.prefix(request));
    narrow(&mut left, |it| it.server_name(&detected.server_name));
    narrow(&mut left, |it| match &*it.matches().transport_protocol {
        "" => Some(0),
        wanted => (wanted == detected.transport).then_some(1),
    });
    narrow(&mut left, |it| it.protocol(&detected.protocols));
    if left.iter().any(Candidate::looks_at_source) {
        return Err(unknown("a filter chain by source address"));
    }
    match left.as_slice() {
        [] => Ok(listener.default_filter_chain.as_ref()),
        [only] => Ok(Some(only.chain)),
        _ => Err(unknown("filter chains with equal matches")),
    }
}

/// Keeps those that fit best; `fit` is higher the more specific the match is, `None` = none.
fn narrow(left: &mut Vec<Candidate<'_>>, fit: impl Fn(&Candidate<'_>) -> Option<usize>) {
    let best = left.iter().filter_map(&fit).max();
    left.retain(|candidate| best.is_some() && fit(candidate) == best);
}

struct Candidate<'a> {
    chain: &'a FilterChain,
    anything: FilterChainMatch,
}

impl<'a> Candidate<'a> {
    fn new(chain: &'a FilterChain) -> Self {
        Self {
            chain,
            anything: FilterChainMatch::default(),
        }
    }

    fn matches(&self) -> &FilterChainMatch {
        self.chain
            .filter_chain_match
            .as_ref()
            .unwrap_or(&self.anything)
    }

    fn prefix(&self, request: &Request) -> Option<usize> {
        let ranges = &self.matches().prefix_ranges;
        if ranges.is_empty() {
            return Some(0);
        }
        let address = request.destination.ip();
        let ranges = ranges.iter().filter_map(address::range);
        ranges
            .filter(|range| range.contains(&address))
            .map(|range| usize::from(range.prefix_len()))
            .max()
    }

    fn server_name(&self, name: &str) -> Option<usize> {
        let wanted = &self.matches().server_names;
        if wanted.is_empty() {
            return Some(0);
        }
        let fit = |wanted: &String| match wanted.strip_prefix('*') {
            None => (wanted == name).then_some(usize::MAX),
            Some(end) => (name.len() > end.len() && name.ends_with(end)).then_some(end.len()),
        };
        wanted.iter().filter_map(fit).max()
    }

    /// What the client prefers counts.
    fn protocol(&self, offered: &[String]) -> Option<usize> {
        let wanted = &self.matches().application_protocols;
        if wanted.is_empty() {
            return Some(0);
        }
        let place = offered.iter().position(|it| wanted.contains(it))?;
        Some(offered.len() - place)
    }

    fn looks_at_source(&self) -> bool {
        let matches = self.matches();
        matches.source_type != 0
            || !matches.direct_source_prefix_ranges.is_empty()
            || !matches.source_prefix_ranges.is_empty()
            || !matches.source_ports.is_empty()
    }
}
