//! The way of a connection through a listener.

use envoy::listener::filter::ConfigType;
use envoy::listener::{Filter, FilterChain, Listener};
use ferromesh_envoy as envoy;

use crate::answer::unknown;
use crate::config::{is, read};
use crate::filter_state::{self, FilterState};
use crate::header::Headers;
use crate::metadata::Metadata;
use crate::request::{HttpRequest, Peer, Request};
use crate::traffic::{Connection, Tls, Traffic};
use crate::verdict::{Outcome, Verdict};
use crate::{chain, ext_authz, handshake, http, rbac};

/// Lets a connection pass; the error is where it ends.
pub(crate) fn pass(
    listener: &Listener,
    request: &Request,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    let detected = chain::detect(listener, request)?;
    let Some(chain) = chain::choose(listener, &detected, request)? else {
        return Err(reset("no filter chain matches"));
    };
    verdict.chain = Some(chain.name.clone());
    let tls = handshake::shake(chain, &request.peer)?;
    let mut traffic = Traffic {
        connection: Connection {
            destination: request.destination,
            source: request.source,
            server_name: detected.server_name,
            tls,
        },
        headers: Headers::default(),
        remote: request.source,
        metadata: Metadata::default(),
        filter_state: FilterState::default(),
        now: request.now,
    };
    filters(chain, Heard::of(request, tls), &mut traffic, verdict)
}

/// What the filters hear.
#[derive(Clone, Copy)]
enum Heard<'a> {
    /// A request.
    Request(&'a HttpRequest),
    /// Something else.
    Bytes,
    /// TLS that doesn't end here.
    ForeignTls,
}

impl<'a> Heard<'a> {
    fn of(request: &'a Request, tls: Tls<'_>) -> Self {
        match (&request.peer, tls, &request.http) {
            (Peer::Tls(_) | Peer::MutualTls(..), Tls::None, _) => Self::ForeignTls,
            (_, _, Some(http)) => Self::Request(http),
            (_, _, None) => Self::Bytes,
        }
    }
}

fn filters(
    chain: &FilterChain,
    heard: Heard<'_>,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<(), Outcome> {
    for filter in &chain.filters {
        if terminal(filter, heard, traffic, verdict)? {
            return Ok(());
        }
    }
    Err(reset("the filter chain goes nowhere"))
}

/// Asks a filter; whether it is the last one.
fn terminal(
    filter: &Filter,
    heard: Heard<'_>,
    traffic: &mut Traffic<'_>,
    verdict: &mut Verdict,
) -> Result<bool, Outcome> {
    let Some(ConfigType::TypedConfig(config)) = &filter.config_type else {
        return Err(unknown(format!("the filter {}", filter.name)));
    };
    if is::<envoy::tcp_proxy::TcpProxy>(config) {
        return Ok(true);
    }
    if is::<envoy::hcm::HttpConnectionManager>(config) {
        match heard {
            Heard::Request(request) => http::pass(&read(config)?, request, traffic, verdict)?,
            Heard::Bytes => return Err(http::bad_request("http1.codec_error")),
            Heard::ForeignTls => return Err(reset("the port doesn't speak TLS")),
        }
        return Ok(true);
    }
    if is::<envoy::network_rbac::Rbac>(config) {
        rbac::connection(&filter.name, &read(config)?, traffic, verdict)?;
    } else if is::<envoy::network_set_filter_state::Config>(config) {
        let config: envoy::network_set_filter_state::Config = read(config)?;
        filter_state::set(&config.on_new_connection, traffic)?;
        filter_state::set(&config.on_downstream_tls_handshake, traffic)?;
        filter_state::set(&config.on_downstream_data, traffic)?;
    } else if is::<envoy::network_ext_authz::ExtAuthz>(config) {
        ext_authz::connection(&filter.name, &read(config)?, traffic, verdict)?;
    } else {
        return Err(unknown(format!("the filter {}", filter.name)));
    }
    Ok(false)
}

fn reset(details: &str) -> Outcome {
    Outcome::Reset {
        details: details.to_owned(),
    }
}
