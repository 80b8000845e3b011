//! Which chain a connection gets, and whom the handshake turns away.

use envoy::listener::{FilterChainMatch, Listener};
use envoy::tls::subject_alt_name_matcher::SanType;
use ferromesh_envoy as envoy;
use ferromesh_probe::{Certificate, Chain, Peer, Request, ask};

use crate::build::*;

fn matches(port: Option<u32>, transport: &str, protocols: &[&str]) -> Option<FilterChainMatch> {
    Some(FilterChainMatch {
        destination_port: port,
        transport_protocol: transport.to_owned(),
        application_protocols: protocols.iter().map(ToString::to_string).collect(),
        ..Default::default()
    })
}

/// A listener as a sidecar has it.
fn sidecar() -> Listener {
    let http = &["http/1.0", "http/1.1", "h2c"];
    let mesh = &["istio-http/1.0", "istio-http/1.1", "istio-h2"];
    let requests = || vec![manager(Vec::new(), HttpConnectionManager::default())];
    let mutual = |chain| secured(chain, Demand::Required, Vec::new());
    let mut listener = with_chains(vec![
        chain("itself", matches(Some(15_006), "", &[]), vec![tcp()]),
        mutual(chain(
            "mesh http",
            matches(Some(8080), "tls", mesh),
            requests(),
        )),
        chain("http", matches(Some(8080), "raw_buffer", http), requests()),
        chain("tcp", matches(Some(8080), "raw_buffer", &[]), vec![tcp()]),
        chain("tls", matches(Some(8080), "tls", &[]), vec![tcp()]),
        mutual(chain(
            "strict",
            matches(Some(9090), "tls", mesh),
            requests(),
        )),
        chain("rest", matches(None, "raw_buffer", &[]), vec![tcp()]),
    ]);
    listener.listener_filters = vec![
        inspector(&envoy::tls_inspector::TlsInspector::default()),
        inspector(&envoy::http_inspector::HttpInspector::default()),
    ];
    listener
}

fn to(port: u16, request: Request) -> Request {
    Request {
        destination: ([10, 0, 0, 1], port).into(),
        ..request
    }
}

fn plain_tls(request: Request) -> Request {
    let mut hello = hello();
    hello.protocols = vec!["h2".to_owned()];
    Request {
        peer: Peer::Tls(hello),
        ..request
    }
}

#[test]
fn the_most_specific_chain_is_chosen() {
    let web = || by(get("/"), &[WEB], &[]);
    for (request, chain, outcome) in [
        (get("/"), Some("http"), "allowed"),
        (bytes(), Some("tcp"), "allowed"),
        (web(), Some("mesh http"), "allowed"),
        (plain_tls(get("/")), Some("tls"), "allowed"),
        (to(9090, web()), Some("strict"), "allowed"),
        // A port with chains of its own never falls back on those for all ports.
        (to(9090, get("/")), None, "reset"),
        (to(7070, get("/")), Some("rest"), "allowed"),
        (to(7070, web()), None, "reset"),
        (to(15_006, get("/")), Some("itself"), "allowed"),
    ] {
        let verdict = ask(&sidecar(), &request);
        assert_eq!(verdict.chain.as_deref(), chain, "{request:?}");
        assert_eq!(word(&verdict), outcome, "{request:?}");
    }
}

#[test]
fn inspectors_may_be_off() {
    use envoy::listener::ListenerFilterChainMatchPredicate as Predicate;
    use envoy::listener::listener_filter_chain_match_predicate::Rule;
    let mut listener = sidecar();
    for filter in &mut listener.listener_filters {
        let range = envoy::types::Int32Range {
            start: 8080,
            end: 8081,
        };
        filter.filter_disabled = Some(Predicate {
            rule: Some(Rule::DestinationPortRange(range)),
        });
    }
    for request in [get("/"), by(get("/"), &[WEB], &[])] {
        let verdict = ask(&listener, &request);
        assert_eq!(verdict.chain.as_deref(), Some("tcp"), "{request:?}");
    }
}

#[test]
fn handshakes_turn_away_whom_they_must() {
    let trusted = |uri: &str| by(get("/"), &[uri], &["web.a"]);
    let foreign = Request {
        peer: Peer::MutualTls(
            hello(),
            Certificate {
                uris: vec![WEB.to_owned()],
                dns_names: Vec::new(),
                subject: String::new(),
                chain: Chain::Foreign,
            },
        ),
        ..get("/")
    };
    let own = || vec![uri(prefix("spiffe://cluster.local/"))];
    let host = || vec![san(SanType::Dns, exact("WEB.a"))];
    let stranger = "spiffe://other/ns/a/sa/web";
    for (demand, names, expected) in [
        (
            Demand::Required,
            vec![],
            ["reset", "reset", "allowed", "allowed", "reset"],
        ),
        (
            Demand::Required,
            own(),
            ["reset", "reset", "allowed", "reset", "reset"],
        ),
        (
            Demand::Required,
            host(),
            ["reset", "reset", "allowed", "allowed", "reset"],
        ),
        (
            Demand::Optional,
            vec![],
            ["reset", "allowed", "allowed", "allowed", "reset"],
        ),
        // Who demands a name demands a certificate.
        (
            Demand::Optional,
            own(),
            ["reset", "reset", "allowed", "reset", "reset"],
        ),
        (
            Demand::None,
            vec![],
            ["reset", "allowed", "allowed", "allowed", "allowed"],
        ),
    ] {
        let filters = vec![manager(Vec::new(), HttpConnectionManager::default())];
        let only = secured(chain("only", None, filters), demand, names);
        let listener = with_chains(vec![only]);
        let answers = [
            get("/"),
            plain_tls(get("/")),
            trusted(WEB),
            trusted(stranger),
            foreign.clone(),
        ]
        .map(|request| says(&listener, &request));
        assert_eq!(answers, expected, "{demand:?}");
    }
}

#[test]
fn other_languages_are_not_understood() {
    let http = listener(vec![manager(Vec::new(), HttpConnectionManager::default())]);
    assert_eq!(says(&http, &bytes()), "400");
    assert_eq!(says(&http, &plain_tls(get("/"))), "reset");
    let nowhere = with_chains(Vec::new());
    assert_eq!(says(&nowhere, &get("/")), "reset");
}

#[test]
fn rules_for_connections_close_them() {
    let judged = |action, permission| {
        let rules = network_rbac(rules(action, permission, anybody()));
        says(&listener(vec![rules, tcp()]), &bytes())
    };
    let no = || permission(envoy::rbac::permission::Rule::DestinationPort(1));
    assert_eq!(judged(Action::Deny, anything()), "reset");
    assert_eq!(judged(Action::Deny, no()), "allowed");
    assert_eq!(judged(Action::Allow, no()), "reset");
    assert_eq!(judged(Action::Allow, anything()), "allowed");
    assert_eq!(judged(Action::Log, anything()), "allowed");
}
