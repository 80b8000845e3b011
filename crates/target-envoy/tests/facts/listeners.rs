use std::net::SocketAddr;

use envoy_types::pb::envoy::extensions::access_loggers::file::v3::FileAccessLog;
use envoy_types::pb::envoy::extensions::access_loggers::file::v3::file_access_log::AccessLogFormat as Format;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use mesh::policy::access_log::{AccessLog, AccessLogFormat};
use mesh::policy::authorization::Action;
use mesh::policy::mtls::MtlsMode;
use mesh::view::cluster::ClusterName;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_filter::ConfigType;
use mesh::view::listener::{Bind, InboundTraffic, ListenerName, ListenerTraffic, Outbound};
use mesh::view::route_table::TableName;
use pb::listener::v3::listener_filter_chain_match_predicate::Rule;
use pb::listener::v3::{FilterChain, Listener};

use super::views::listeners::{at, inbound, listener as plain, logs, port, tcp};
use super::views::security;
use super::*;

fn listener(name: ListenerName, traffic: ListenerTraffic) -> (Emitted, Listener) {
    read(View::Listener(Arc::new(plain(name, traffic))))
}

/// `port/transport/first protocol -> filter` of a chain.
fn line(chain: &FilterChain) -> String {
    let matches = chain.filter_chain_match.clone().unwrap_or_default();
    let port = matches.destination_port.map_or(0, |it| it.value);
    let protocol = matches
        .application_protocols
        .first()
        .cloned()
        .unwrap_or_default();
    let filter = chain.filters.first().expect("a filter");
    let filter = filter.name.rsplit('.').next().unwrap_or_default();
    format!(
        "{port}/{}/{protocol} -> {filter}",
        matches.transport_protocol
    )
}

fn names(listener: &Listener) -> Vec<&str> {
    let filters = listener.listener_filters.iter();
    filters
        .filter_map(|it| it.name.rsplit('.').next())
        .collect()
}

#[test]
fn captured_inbound_traffic_is_inspected_only_where_it_must_be() {
    let addresses: Vec<SocketAddr> = vec![([0, 0, 0, 0], 15006).into()];
    let ports = (8080..)
        .zip(inbound())
        .map(|(number, it)| port(number, it, MtlsMode::Disable));
    let traffic = ListenerTraffic::VirtualInbound {
        addresses,
        transparent: true,
        ports: ports.collect(),
        rest: ClusterName::InboundPassthrough,
        rest_mtls: MtlsMode::Disable,
        security: Arc::new(security::open()),
    };
    let (emitted, listener) = listener(ListenerName::VirtualInbound, traffic);
    let chains: Vec<_> = listener.filter_chains.iter().map(line).collect();
    let expected = [
        "15006// -> tcp_proxy",
        "8080/raw_buffer/ -> http_connection_manager",
        "8080/tls/ -> tcp_proxy",
        "8081/raw_buffer/ -> tcp_proxy",
        "8082/raw_buffer/http/1.0 -> http_connection_manager",
        "8082/raw_buffer/ -> tcp_proxy",
        "8082/tls/ -> tcp_proxy",
        "8083/raw_buffer/ -> tcp_proxy",
        "0/raw_buffer/http/1.0 -> http_connection_manager",
        "0/raw_buffer/ -> tcp_proxy",
        "0/tls/ -> tcp_proxy",
    ];
    assert_eq!(chains, expected);
    let filters = [
        "original_dst",
        "original_src",
        "tls_inspector",
        "http_inspector",
    ];
    assert_eq!(names(&listener), filters);
    let disabled = |index: usize| match listener.listener_filters[index].filter_disabled.clone() {
        Some(predicate) => match predicate.rule {
            Some(Rule::OrMatch(set)) => set.rules.iter().filter_map(start).collect(),
            _ => start(&predicate).into_iter().collect(),
        },
        None => Vec::new(),
    };
    assert_eq!(disabled(2), [15006, 8081, 8083], "TLS");
    assert_eq!(disabled(3), [15006, 8080, 8081, 8083], "HTTP");
    let used = [
        "BlackHoleCluster",
        "InboundPassthroughCluster",
        "inbound|8080||",
    ];
    assert_eq!(emitted.refers_to, used);
}

fn start(predicate: &pb::listener::v3::ListenerFilterChainMatchPredicate) -> Option<i32> {
    match &predicate.rule {
        Some(Rule::DestinationPortRange(range)) => Some(range.start),
        _ => None,
    }
}

#[test]
fn captured_outbound_traffic_is_handed_over() {
    let traffic = ListenerTraffic::VirtualOutbound {
        addresses: vec![([0, 0, 0, 0], 15001).into(), ([0u16; 8], 15001).into()],
        fallback: ClusterName::Passthrough,
    };
    let (emitted, listener) = listener(ListenerName::VirtualOutbound, traffic);
    assert_eq!(listener.use_original_dst.map(|it| it.value), Some(true));
    assert_eq!(listener.additional_addresses.len(), 1);
    let chains: Vec<_> = listener.filter_chains.iter().map(line).collect();
    assert_eq!(chains, ["15001// -> tcp_proxy", "0// -> tcp_proxy"]);
    assert_eq!(
        emitted.refers_to,
        ["BlackHoleCluster", "PassthroughCluster"]
    );
}

#[test]
fn outbound_listeners_inspect_only_to_tell_apart() {
    let table = || TableName::Port(80);
    let detect = || Outbound::Detect {
        http: table(),
        tcp: tcp(),
    };
    let http = "0/raw_buffer/http/1.0 -> http_connection_manager";
    let any_http = "0// -> http_connection_manager";
    let any_tcp = "0// -> tcp_proxy";
    for (bind, traffic, chain, default, inspects) in [
        (
            Bind::Captured,
            Outbound::Http(table()),
            http,
            Some(any_tcp),
            true,
        ),
        (Bind::Bound, Outbound::Http(table()), any_http, None, false),
        (Bind::Captured, detect(), http, Some(any_tcp), true),
        (Bind::Bound, Outbound::Tcp(tcp()), any_tcp, None, false),
    ] {
        let fallback = ClusterName::Passthrough;
        let ranges = Vec::new();
        let traffic = ListenerTraffic::Outbound {
            bind,
            ranges,
            traffic,
            fallback,
        };
        let (_, listener) = listener(ListenerName::Outbound(at(80)), traffic);
        assert_eq!(
            listener.filter_chains.iter().map(line).collect::<Vec<_>>(),
            [chain]
        );
        let found = listener.default_filter_chain.as_ref().map(line);
        assert_eq!(found.as_deref(), default);
        assert_eq!(!listener.listener_filters.is_empty(), inspects);
        let bound = listener.bind_to_port.is_none_or(|it| it.value);
        assert_eq!(bound, bind == Bind::Bound);
    }
}

/// The connection manager of a listener's first chain.
fn manager(view: mesh::view::listener::Listener) -> HttpConnectionManager {
    let (_, listener): (_, Listener) = read(View::Listener(Arc::new(view)));
    open(config(&listener.filter_chains[0].filters[0]))
}

/// The configuration of a network filter.
pub fn config(filter: &pb::listener::v3::Filter) -> &wkt::Any {
    match &filter.config_type {
        Some(pb::listener::v3::filter::ConfigType::TypedConfig(config)) => config,
        other => panic!("no configuration: {other:?}"),
    }
}

/// The configurations of HTTP filters, by name.
pub fn http_filters(name: ListenerName, traffic: ListenerTraffic) -> Vec<(String, wkt::Any)> {
    manager(plain(name, traffic))
        .http_filters
        .into_iter()
        .map(|filter| match filter.config_type {
            Some(ConfigType::TypedConfig(config)) => (filter.name, config),
            other => panic!("no configuration: {other:?}"),
        })
        .collect()
}

#[test]
fn hosts_are_resolved_only_where_nothing_is_captured() {
    let of_port = |bind| ListenerTraffic::Outbound {
        bind,
        ranges: Vec::new(),
        traffic: Outbound::Http(TableName::Port(80)),
        fallback: ClusterName::BlackHole,
    };
    let inbound = ListenerTraffic::Inbound {
        port: port(8080, InboundTraffic::Http, MtlsMode::Disable),
        security: Arc::new(security::open()),
    };
    let proxy = ListenerTraffic::HttpProxy {
        table: TableName::HttpProxy,
    };
    for (name, traffic, resolves) in [
        (ListenerName::Outbound(at(80)), of_port(Bind::Bound), true),
        (
            ListenerName::Outbound(at(80)),
            of_port(Bind::Captured),
            false,
        ),
        (ListenerName::Inbound(at(8080)), inbound, false),
        (ListenerName::HttpProxy(at(15002)), proxy, true),
    ] {
        let client = !matches!(name, ListenerName::Inbound(_));
        let filters = http_filters(name, traffic);
        let names: Vec<_> = filters
            .iter()
            .filter_map(|(name, _)| name.rsplit('.').next())
            .collect();
        let expected: &[&str] = if resolves {
            &[
                "fault",
                "cors",
                "header_mutation",
                "dynamic_forward_proxy",
                "set_filter_state",
                "router",
            ]
        } else if client {
            &["fault", "cors", "set_filter_state", "router"]
        } else {
            &["fault", "cors", "router"]
        };
        assert_eq!(names, expected);
    }
}

/// The log of a manager: its path, its format, and whether it takes only some.
fn log(view: mesh::view::listener::Listener) -> Option<(String, String, bool)> {
    let manager = manager(view);
    let log = manager.access_log.first()?;
    let Some(pb::accesslog::v3::access_log::ConfigType::TypedConfig(config)) = &log.config_type
    else {
        panic!("no configuration");
    };
    let file: FileAccessLog = open(config);
    let Some(Format::LogFormat(format)) = file.access_log_format else {
        panic!("no format");
    };
    let text = format!("{:?}", format.format);
    Some((file.path, text, log.filter.is_some()))
}

#[test]
fn the_default_line_of_the_log_is_istios() {
    let name = ListenerName::HttpProxy(at(15002));
    let traffic = ListenerTraffic::HttpProxy {
        table: TableName::HttpProxy,
    };
    let mut view = plain(name, traffic);
    view.access_log = logs().remove(1);
    let (path, text, _) = log(view).expect("a log");
    let begin =
        r#"[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\""#;
    assert!(text.contains(begin), "{text}");
    let end = r"%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";
    assert!(text.contains(end), "{text}");
    assert_eq!(path, "/dev/stdout");
}

/// An inbound port with these policies.
fn guarded(authorization: Vec<mesh::view::security::Policy>) -> mesh::view::listener::Listener {
    let traffic = ListenerTraffic::Inbound {
        port: port(8080, InboundTraffic::Http, MtlsMode::Disable),
        security: Arc::new(mesh::view::security::InboundSecurity {
            authorization,
            ..security::open()
        }),
    };
    plain(ListenerName::Inbound(at(8080)), traffic)
}

#[test]
fn a_workloads_log_says_who_asked() {
    for log in logs() {
        let mut view = guarded(Vec::new());
        view.access_log = log.clone();
        let says = self::log(view).map(|(_, text, _)| text.contains("%DOWNSTREAM_PEER_URI_SAN%"));
        let default = match log {
            AccessLog::Off => None,
            AccessLog::File { path: _, format } => Some(matches!(
                format,
                AccessLogFormat::DefaultText | AccessLogFormat::DefaultJson
            )),
        };
        assert_eq!(says, default);
    }
}

#[test]
fn what_is_audited_is_logged_even_if_nothing_else_is() {
    let policies = |action| vec![security::policy("p", action, vec![security::rule()])];
    assert_eq!(log(guarded(policies(Action::Deny))), None);
    let (path, _, some) = log(guarded(policies(Action::Audit))).expect("a log");
    assert_eq!((path.as_str(), some), ("/dev/stdout", true));
    let mut all = guarded(policies(Action::Audit));
    all.access_log = logs().remove(1);
    let (_, _, some) = log(all).expect("a log");
    assert!(!some, "all is logged anyway");
}
