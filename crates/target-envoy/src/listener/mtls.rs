//! Mutual TLS, as a server demands it: which filter chains a port has.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::core::TransportSocket;
use envoy::tls::CommonTlsContext;
use envoy::tls::downstream_tls_context::SessionTicketKeysType;
use mesh::policy::mtls::MtlsMode;
use mesh::view::listener::InboundTraffic;
use mesh::view::security::InboundSecurity;

use super::chain::Speaks;
use crate::filters::http::Door;
use crate::tls;

/// What is made of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serves {
    /// Requests.
    Requests,
    /// Connections as they are.
    Connections,
}

/// Which connections a chain takes, what it makes of them, and by which door they come.
pub(super) type Chain = (Speaks, Serves, Door);

/// The chains of a port. Unless an inspector tells TLS from the rest, all connections look plain.
///
/// TLS without the mesh's mark is the app's own and none of our business, except where the mesh's
/// is all that there is; there, too, a client that marks it differently (or not at all) is heard.
pub(super) fn chains(traffic: InboundTraffic, mode: MtlsMode, tells_tls: bool) -> Vec<Chain> {
    use Serves::{Connections, Requests};
    let plain = |serves| (Speaks::Plain, serves, Door::Open);
    let own = (Speaks::Tls, Connections, Door::Open);
    match (traffic, mode) {
        (InboundTraffic::Http, MtlsMode::Disable) => vec![plain(Requests), own],
        (InboundTraffic::Http, MtlsMode::Permissive) => {
            vec![(Speaks::Mesh, Requests, Door::Mesh), plain(Requests), own]
        }
        (InboundTraffic::Http, MtlsMode::Strict) => vec![(Speaks::Tls, Requests, Door::Mesh)],
        (InboundTraffic::Tcp { .. }, MtlsMode::Disable) => {
            let own = tells_tls.then_some(own);
            std::iter::once(plain(Connections)).chain(own).collect()
        }
        (InboundTraffic::Tcp { .. }, MtlsMode::Permissive) => {
            let ours = (Speaks::Mesh, Connections, Door::Mesh);
            vec![ours, plain(Connections), own]
        }
        (InboundTraffic::Tcp { .. }, MtlsMode::Strict) => {
            let speaks = if tells_tls {
                Speaks::Tls
            } else {
                Speaks::Plain
            };
            vec![(speaks, Connections, Door::Mesh)]
        }
        (InboundTraffic::Detect, mode) => detected(mode),
    }
}

fn detected(mode: MtlsMode) -> Vec<Chain> {
    use Serves::{Connections, Requests};
    let mesh_http = (Speaks::MeshHttp, Requests, Door::Mesh);
    let plain = [
        (Speaks::Http, Requests, Door::Open),
        (Speaks::Plain, Connections, Door::Open),
        (Speaks::Tls, Connections, Door::Open),
    ];
    match mode {
        MtlsMode::Disable => plain.to_vec(),
        MtlsMode::Permissive => [mesh_http, (Speaks::MeshTcp, Connections, Door::Mesh)]
            .into_iter()
            .chain(plain)
            .collect(),
        MtlsMode::Strict => vec![mesh_http, (Speaks::Tls, Connections, Door::Mesh)],
    }
}

/// The transport socket of a chain for those who come by this door.
pub(super) fn socket(door: Door, security: &InboundSecurity) -> Option<TransportSocket> {
    match door {
        Door::Open => None,
        Door::Mesh => Some(server(security)),
    }
}

/// The mesh's TLS.
///
/// Sessions are not resumed: each connection proves anew that its certificate is still valid.
fn server(security: &InboundSecurity) -> TransportSocket {
    let domains = std::iter::once(&security.trust_domain).chain(&security.trust_domain_aliases);
    let names = domains.map(tls::anybody_in).collect();
    tls::socket(&envoy::tls::DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: Some(tls::parameters(&security.tls)),
            tls_certificate_sds_secret_configs: vec![tls::own_certificate()],
            validation_context_type: Some(tls::vouched(tls::mesh_authorities(), names, "")),
            ..Default::default()
        }),
        require_client_certificate: Some(true),
        disable_stateful_session_resumption: true,
        session_ticket_keys_type: Some(SessionTicketKeysType::DisableStatelessSessionResumption(
            true,
        )),
        ..Default::default()
    })
}
