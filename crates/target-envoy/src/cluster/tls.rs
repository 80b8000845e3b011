//! TLS towards instances.
//!
//! An instance that speaks the mesh's TLS says so in its metadata, under a name by which Envoy
//! chooses between transport sockets.

use std::collections::BTreeMap;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::cluster::cluster::TransportSocketMatch;
use envoy::core::{Metadata, TransportSocket, UpstreamHttpProtocolOptions};
use envoy::matcher::string_matcher::MatchPattern;
use envoy::tls::common_tls_context::ValidationContextType;
use envoy::tls::subject_alt_name_matcher::SanType;
use envoy::tls::{CommonTlsContext, SubjectAltNameMatcher, UpstreamTlsContext};
use mesh::name::Hostname;
use mesh::policy::tls::{ClientTls, ServerCheck, ServerTrust, TlsParameters};
use mesh::view::cluster::{Cluster, ClusterName, MeshTls, UpstreamTls};

use super::http_protocol::{self, Version};
use crate::tls;

/// The mark of requests, by version; the server looks at the first bytes, too.
const HTTP1_MARK: &str = "istio-http/1.1";
const HTTP2_MARK: &str = "istio-h2";

/// The mark of connections: that of clients that have nothing to tell about themselves.
const TCP_MARK: &str = "istio";

/// The longest server name.
const LONGEST_NAME: usize = 255;

/// Where instances say how they speak, and that they speak the mesh's TLS.
const CHOICE: &str = "envoy.transport_socket_match";
const KEY: &str = "tlsMode";
const MESH: &str = "istio";

/// The metadata of instances that speak the mesh's TLS.
pub(crate) fn spoken() -> Metadata {
    Metadata {
        filter_metadata: BTreeMap::from([(CHOICE.to_owned(), mode())]),
        ..Default::default()
    }
}

fn mode() -> envoy::Struct {
    let value = envoy::Value {
        kind: Some(envoy::value::Kind::StringValue(MESH.to_owned())),
    };
    envoy::Struct {
        fields: [(KEY.to_owned(), value)].into(),
    }
}

/// A cluster that speaks TLS as a view says.
pub(super) fn apply(view: &Cluster, cluster: envoy::cluster::Cluster) -> envoy::cluster::Cluster {
    match &view.tls {
        UpstreamTls::Off => cluster,
        UpstreamTls::Auto(mesh) => envoy::cluster::Cluster {
            transport_socket_matches: choices(socket(view, mesh)),
            ..cluster
        },
        UpstreamTls::Mesh(mesh) => envoy::cluster::Cluster {
            transport_socket: Some(socket(view, mesh)),
            ..cluster
        },
        UpstreamTls::Other(client, parameters) => envoy::cluster::Cluster {
            transport_socket: other(view, client, parameters),
            ..cluster
        },
    }
}

/// Istio's names. What matches nothing is plain without being told.
fn choices(socket: TransportSocket) -> Vec<TransportSocketMatch> {
    vec![TransportSocketMatch {
        name: "tlsMode-istio".to_owned(),
        r#match: Some(mode()),
        transport_socket: Some(socket),
    }]
}

fn socket(view: &Cluster, mesh: &MeshTls) -> TransportSocket {
    let MeshTls {
        sni,
        names,
        trust_domain,
        parameters,
    } = mesh;
    let names = match names.as_slice() {
        [] => vec![tls::anybody_in(trust_domain)],
        names => names.iter().map(|name| tls::exactly(name)).collect(),
    };
    let sni = match (&**sni, &view.name) {
        ("", ClusterName::Outbound { port, subset, host }) => {
            let subset = subset.as_ref().map_or("", |subset| subset.as_str());
            format!("outbound_.{port}_.{subset}_.{host}")
        }
        (sni, _) => sni.to_owned(),
    };
    tls::socket(&UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: Some(tls::parameters(parameters)),
            tls_certificate_sds_secret_configs: vec![tls::own_certificate()],
            alpn_protocols: vec![mark(view).to_owned()],
            validation_context_type: Some(tls::vouched(tls::mesh_authorities(), names, "")),
            ..Default::default()
        }),
        sni: server_name(&sni),
        ..Default::default()
    })
}

/// A name that is too long names nobody; the identity counts.
fn server_name(sni: &str) -> String {
    if sni.len() <= LONGEST_NAME {
        sni.to_owned()
    } else {
        String::new()
    }
}

/// What the mesh's TLS of a cluster offers unless a request says something else.
fn mark(view: &Cluster) -> &'static str {
    if view.protocol.is_http() {
        request_mark(view)
    } else {
        TCP_MARK
    }
}

fn request_mark(view: &Cluster) -> &'static str {
    match http_protocol::version(view) {
        Version::Http1 | Version::AsClient => HTTP1_MARK,
        Version::Http2 => HTTP2_MARK,
    }
}

/// What it offers for requests where that is something else: on a port that has both.
pub(super) fn mark_of_requests(view: &Cluster) -> Option<&'static str> {
    let ours = match &view.tls {
        UpstreamTls::Auto(_) | UpstreamTls::Mesh(_) => true,
        UpstreamTls::Off | UpstreamTls::Other(..) => false,
    };
    (ours && !view.protocol.is_http()).then(|| request_mark(view))
}

/// Whose certificate the server must have.
struct Server {
    context: UpstreamTlsContext,
    validation: Option<ValidationContextType>,
}

fn other(
    view: &Cluster,
    client: &ClientTls,
    parameters: &TlsParameters,
) -> Option<TransportSocket> {
    let (check, certificates) = match client {
        // A view has these as what they are.
        ClientTls::Disable | ClientTls::Mesh { sni: _, names: _ } => return None,
        ClientTls::Simple(check) => (check, Vec::new()),
        ClientTls::Mutual {
            certificate,
            key,
            server,
        } => (server, vec![tls::certificate_file(certificate, key)]),
    };
    let Server {
        context,
        validation,
    } = server(view, check);
    Some(tls::socket(&UpstreamTlsContext {
        // Without protocols in it, Envoy offers that of the request.
        common_tls_context: Some(CommonTlsContext {
            tls_params: Some(tls::parameters(parameters)),
            tls_certificate_sds_secret_configs: certificates,
            validation_context_type: validation,
            ..Default::default()
        }),
        ..context
    }))
}

fn server(view: &Cluster, check: &ServerCheck) -> Server {
    let ServerCheck {
        sni,
        trust,
        names,
        revoked,
    } = check;
    let sni = match &**sni {
        "" => asked_host(view),
        sni => server_name(sni),
    };
    let names = match names.as_slice() {
        [] => known_name(view, &sni),
        names => names.iter().map(|name| tls::exactly(name)).collect(),
    };
    let authorities = match trust {
        ServerTrust::File(path) => Some(tls::authorities_file(path)),
        ServerTrust::System => Some(tls::system_authorities()),
        ServerTrust::Nobody => None,
    };
    Server {
        context: UpstreamTlsContext {
            sni,
            ..Default::default()
        },
        validation: authorities.map(|it| tls::vouched(it, names, revoked)),
    }
}

/// The host that connections ask for. Requests say it themselves (see [`asks_by_request`]).
fn asked_host(view: &Cluster) -> String {
    match host(view) {
        Some(host) if !says_host(view) => server_name(host.as_str()),
        Some(_) | None => String::new(),
    }
}

/// The name that a server must have if nobody says one: that which it is asked for.
fn known_name(view: &Cluster, sni: &str) -> Vec<SubjectAltNameMatcher> {
    let end = host(view)
        .filter(|_| !view.protocol.is_http())
        .and_then(|host| host.as_str().strip_prefix('*'))
        .filter(|end| !end.is_empty());
    match end {
        _ if !sni.is_empty() => vec![tls::exactly(sni)],
        Some(end) => vec![tls::name(
            SanType::Dns,
            MatchPattern::Suffix(end.to_owned()),
        )],
        None => Vec::new(),
    }
}

fn host(view: &Cluster) -> Option<&Hostname> {
    match &view.name {
        ClusterName::Outbound { host, .. } => Some(host),
        ClusterName::Inbound { .. }
        | ClusterName::Passthrough
        | ClusterName::BlackHole
        | ClusterName::InboundPassthrough => None,
    }
}

/// Whether only requests say which host they ask for.
fn says_host(view: &Cluster) -> bool {
    view.protocol.is_http() || host(view).is_some_and(Hostname::is_wildcard)
}

/// What follows the host of each request: the server name, and the name in the certificate.
pub(super) fn asks_by_request(view: &Cluster) -> Option<UpstreamHttpProtocolOptions> {
    let check = match &view.tls {
        UpstreamTls::Other(
            ClientTls::Simple(check) | ClientTls::Mutual { server: check, .. },
            _,
        ) => check,
        UpstreamTls::Other(ClientTls::Disable | ClientTls::Mesh { .. }, _)
        | UpstreamTls::Off
        | UpstreamTls::Auto(_)
        | UpstreamTls::Mesh(_) => return None,
    };
    let asks = says_host(view) && check.sni.is_empty();
    let checks = asks && check.names.is_empty() && check.trust != ServerTrust::Nobody;
    asks.then(|| UpstreamHttpProtocolOptions {
        auto_sni: true,
        auto_san_validation: checks,
        ..Default::default()
    })
}
