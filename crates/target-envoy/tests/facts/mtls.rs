use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{ForwardClientCertDetails, PathWithEscapedSlashesAction};
use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;
use mesh::policy::authorization::{Action, Condition, TextAttribute};
use mesh::policy::mtls::MtlsMode;
use mesh::policy::path_normalization::PathNormalization;
use mesh::view::cluster::ClusterName;
use mesh::view::listener::{InboundTraffic, ListenerName, ListenerTraffic};
use mesh::view::security::InboundSecurity;
use pb::core::v3::transport_socket::ConfigType;
use pb::listener::v3::{FilterChain, Listener};
use tls::common_tls_context::ValidationContextType;

use super::listeners::config;
use super::statements::string;
use super::views::listeners::{at, listener, port};
use super::views::security::{self, policy, rule, set, texts};
use super::*;

const TCP: InboundTraffic = InboundTraffic::Tcp {
    server_first: false,
};

fn inbound(traffic: InboundTraffic, mtls: MtlsMode, security: InboundSecurity) -> Listener {
    let traffic = ListenerTraffic::Inbound {
        port: port(8080, traffic, mtls),
        security: Arc::new(security),
    };
    let view = listener(ListenerName::Inbound(at(8080)), traffic);
    read(View::Listener(Arc::new(view))).1
}

/// `[mTLS] transport protocols -> last filter` of a chain.
fn line(chain: &FilterChain) -> String {
    let matches = chain.filter_chain_match.clone().unwrap_or_default();
    let door = chain.transport_socket.as_ref().map_or("", |_| "mTLS ");
    let filter = chain.filters.last().expect("a filter");
    let filter = filter.name.rsplit('.').next().unwrap_or_default();
    let protocols = matches.application_protocols.join(",");
    format!(
        "{door}{} {protocols} -> {filter}",
        matches.transport_protocol
    )
}

fn lines(listener: &Listener) -> Vec<String> {
    let inspectors = listener.listener_filters.iter().map(|it| {
        let name = it.name.rsplit('.').next().unwrap_or_default();
        name.to_owned()
    });
    inspectors
        .chain(listener.filter_chains.iter().map(line))
        .collect()
}

const HTTP_MARKS: &str = "istio-http/1.0,istio-http/1.1,istio-h2";
const TCP_MARKS: &str = "istio-peer-exchange,istio";

#[test]
fn ports_take_the_connections_of_their_mode() {
    let mesh_http = format!("mTLS tls {HTTP_MARKS} -> http_connection_manager");
    let mesh_tcp = format!("mTLS tls {TCP_MARKS} -> tcp_proxy");
    let marked = format!("{HTTP_MARKS},{TCP_MARKS}");
    let any_http = format!("mTLS tls {marked} -> http_connection_manager");
    let any_tcp = format!("mTLS tls {marked} -> tcp_proxy");
    let told_http = "raw_buffer http/1.0,http/1.1,h2c -> http_connection_manager";
    let plain_http = "raw_buffer  -> http_connection_manager";
    let plain_tcp = "raw_buffer  -> tcp_proxy";
    let own = "tls  -> tcp_proxy";
    let (tls, http) = ("tls_inspector", "http_inspector");
    let cases: [(_, _, Vec<&str>); 9] = [
        (
            InboundTraffic::Http,
            MtlsMode::Disable,
            vec![tls, plain_http, own],
        ),
        (
            InboundTraffic::Http,
            MtlsMode::Permissive,
            vec![tls, &any_http, plain_http, own],
        ),
        (
            InboundTraffic::Http,
            MtlsMode::Strict,
            vec![tls, "mTLS tls  -> http_connection_manager"],
        ),
        (TCP, MtlsMode::Disable, vec![plain_tcp]),
        (
            TCP,
            MtlsMode::Permissive,
            vec![tls, &any_tcp, plain_tcp, own],
        ),
        // Nobody inspects; who speaks no TLS fails in the handshake.
        (TCP, MtlsMode::Strict, vec!["mTLS raw_buffer  -> tcp_proxy"]),
        (
            InboundTraffic::Detect,
            MtlsMode::Disable,
            vec![tls, http, told_http, plain_tcp, own],
        ),
        (
            InboundTraffic::Detect,
            MtlsMode::Permissive,
            vec![tls, http, &mesh_http, &mesh_tcp, told_http, plain_tcp, own],
        ),
        (
            InboundTraffic::Detect,
            MtlsMode::Strict,
            vec![tls, &mesh_http, "mTLS tls  -> tcp_proxy"],
        ),
    ];
    for (traffic, mode, expected) in cases {
        let found = lines(&inbound(traffic, mode, security::open()));
        assert_eq!(found, expected, "{traffic:?} {mode:?}");
    }
}

#[test]
fn ports_that_nobody_declared_have_the_mode_of_the_workload() {
    for (mode, expected) in [
        (MtlsMode::Disable, vec!["raw_buffer", "raw_buffer", "tls"]),
        (
            MtlsMode::Permissive,
            vec!["mTLS", "mTLS", "raw_buffer", "raw_buffer", "tls"],
        ),
        (MtlsMode::Strict, vec!["mTLS", "mTLS"]),
    ] {
        let traffic = ListenerTraffic::VirtualInbound {
            addresses: vec![([0, 0, 0, 0], 15006).into()],
            transparent: false,
            ports: vec![port(80, TCP, MtlsMode::Strict)],
            rest: ClusterName::InboundPassthrough,
            rest_mtls: mode,
            security: Arc::new(security::open()),
        };
        let view = listener(ListenerName::VirtualInbound, traffic);
        let (_, listener): (_, Listener) = read(View::Listener(Arc::new(view)));
        let rest = listener.filter_chains.iter().skip(2).map(line);
        let first = |line: String| line.split(' ').next().unwrap_or_default().to_owned();
        assert_eq!(rest.map(first).collect::<Vec<_>>(), expected, "{mode:?}");
    }
}

#[test]
fn who_asks_for_the_server_name_gets_an_inspector() {
    let condition = Condition::Text(TextAttribute::ServerName, set(texts(&["a.test"]), []));
    let mut asks = rule();
    asks.conditions.push(condition);
    for (mode, chains) in [
        (
            MtlsMode::Disable,
            vec!["raw_buffer  -> tcp_proxy", "tls  -> tcp_proxy"],
        ),
        (MtlsMode::Strict, vec!["mTLS tls  -> tcp_proxy"]),
    ] {
        let security = InboundSecurity {
            authorization: vec![policy("p", Action::Deny, vec![asks.clone()])],
            ..security::open()
        };
        let found = lines(&inbound(TCP, mode, security));
        let expected: Vec<_> = ["tls_inspector"].into_iter().chain(chains).collect();
        assert_eq!(found, expected, "{mode:?}");
    }
}

fn server(chain: &FilterChain) -> tls::DownstreamTlsContext {
    let socket = chain.transport_socket.as_ref().expect("a socket");
    match socket.config_type.as_ref().expect("a configuration") {
        ConfigType::TypedConfig(config) => open(config),
    }
}

#[test]
fn who_connects_must_have_a_certificate_of_the_trust_domain() {
    let security = InboundSecurity {
        trust_domain: security::domain("td"),
        trust_domain_aliases: vec![security::domain("old")],
        ..security::open()
    };
    let listener = inbound(InboundTraffic::Http, MtlsMode::Strict, security);
    let server = server(&listener.filter_chains[0]);
    assert_eq!(
        server.require_client_certificate.map(|it| it.value),
        Some(true)
    );
    assert!(server.disable_stateful_session_resumption);
    let common = server.common_tls_context.expect("a context");
    // Whatever is negotiated here, the version of HTTP shows in the first bytes.
    assert_eq!(common.alpn_protocols, [""; 0]);
    let secrets = common.tls_certificate_sds_secret_configs.iter();
    assert_eq!(secrets.map(|it| &it.name).collect::<Vec<_>>(), ["default"]);
    let Some(ValidationContextType::CombinedValidationContext(validation)) =
        common.validation_context_type
    else {
        panic!("no validation");
    };
    let secret = validation
        .validation_context_sds_secret_config
        .expect("a secret");
    assert_eq!(secret.name, "ROOTCA");
    let own = validation.default_validation_context.expect("names");
    let names = own.match_typed_subject_alt_names.iter().map(|it| {
        let uri = tls::subject_alt_name_matcher::SanType::Uri;
        assert_eq!(it.san_type, uri as i32);
        string(it.matcher.as_ref().expect("a matcher"))
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["^spiffe://td/", "^spiffe://old/"]
    );
}

#[test]
fn the_app_hears_of_connections_only_after_the_handshake() {
    use envoy_types::pb::envoy::extensions::filters::network::tcp_proxy::v3::UpstreamConnectMode;
    for (mode, connects) in [
        (
            MtlsMode::Strict,
            UpstreamConnectMode::OnDownstreamTlsHandshake,
        ),
        (MtlsMode::Disable, UpstreamConnectMode::Immediate),
    ] {
        let listener = inbound(TCP, mode, security::open());
        let proxy: TcpProxy = open(config(
            listener.filter_chains[0].filters.last().expect("it"),
        ));
        assert_eq!(proxy.upstream_connect_mode, connects as i32, "{mode:?}");
    }
}

fn managers(listener: &Listener) -> Vec<HttpConnectionManager> {
    let filters = listener
        .filter_chains
        .iter()
        .filter_map(|it| it.filters.last());
    filters
        .filter(|it| it.name.ends_with("http_connection_manager"))
        .map(|it| open(config(it)))
        .collect()
}

#[test]
fn only_proven_peers_are_passed_on() {
    let listener = inbound(InboundTraffic::Http, MtlsMode::Permissive, security::open());
    let managers = managers(&listener);
    let found = managers.iter().map(|it| it.forward_client_cert_details);
    let expected = [
        ForwardClientCertDetails::AppendForward as i32,
        ForwardClientCertDetails::Sanitize as i32,
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let details = managers[0].set_current_client_cert_details;
    assert!(details.is_some_and(|it| it.uri && it.dns));
}

#[test]
fn paths_are_normalised_before_they_are_judged() {
    let keep = PathWithEscapedSlashesAction::KeepUnchanged;
    let decode = PathWithEscapedSlashesAction::UnescapeAndForward;
    for (paths, normalize, merge, escaped) in [
        (PathNormalization::None, false, false, keep),
        (PathNormalization::Base, true, false, keep),
        (PathNormalization::MergeSlashes, true, true, keep),
        (PathNormalization::DecodeAndMergeSlashes, true, true, decode),
    ] {
        let security = InboundSecurity {
            paths,
            ..security::open()
        };
        let listener = inbound(InboundTraffic::Http, MtlsMode::Strict, security);
        let manager = managers(&listener).remove(0);
        assert_eq!(manager.normalize_path.map(|it| it.value), Some(normalize));
        assert_eq!(manager.merge_slashes, merge);
        assert_eq!(manager.path_with_escaped_slashes_action, escaped as i32);
    }
}
