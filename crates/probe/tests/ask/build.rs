//! Small configuration and requests.

use envoy::listener::{Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter};
use envoy::matcher::StringMatcher;
use envoy::matcher::string_matcher::MatchPattern;
use envoy::rbac::permission::Rule;
use envoy::rbac::principal::Identifier;
use envoy::rbac::{Permission, Policy, Principal, Rbac};
use envoy::tls::common_tls_context::ValidationContextType;
use envoy::tls::subject_alt_name_matcher::SanType;
use envoy::tls::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SubjectAltNameMatcher,
};
use envoy::{Any, Message, Name};
use ferromesh_envoy as envoy;
use ferromesh_probe::{
    Certificate, Chain, ClientHello, HttpRequest, HttpVersion, Outcome, Peer, Request, Verdict, ask,
};

pub use envoy::hcm::HttpConnectionManager;
pub use envoy::rbac::rbac::Action;

pub const HTTP_RBAC: &str = "envoy.filters.http.rbac";

/// A listener with one chain that matches everything.
pub fn listener(filters: Vec<Filter>) -> Listener {
    with_chains(vec![chain("only", None, filters)])
}

pub fn with_chains(chains: Vec<FilterChain>) -> Listener {
    Listener {
        filter_chains: chains,
        ..Default::default()
    }
}

pub fn chain(name: &str, matches: Option<FilterChainMatch>, filters: Vec<Filter>) -> FilterChain {
    FilterChain {
        name: name.to_owned(),
        filter_chain_match: matches,
        filters,
        ..Default::default()
    }
}

pub fn network<M: Message + Name>(config: &M) -> Filter {
    Filter {
        name: "network".to_owned(),
        config_type: Some(envoy::listener::filter::ConfigType::TypedConfig(
            envoy::any(config),
        )),
    }
}

pub fn tcp() -> Filter {
    network(&envoy::tcp_proxy::TcpProxy::default())
}

pub fn http_filter(name: &str, config: Any) -> envoy::hcm::HttpFilter {
    envoy::hcm::HttpFilter {
        name: name.to_owned(),
        config_type: Some(envoy::hcm::http_filter::ConfigType::TypedConfig(config)),
        ..Default::default()
    }
}

/// A connection manager with these filters before the router.
pub fn manager(filters: Vec<envoy::hcm::HttpFilter>, manager: HttpConnectionManager) -> Filter {
    let router = http_filter("router", envoy::any(&envoy::router::Router::default()));
    network(&HttpConnectionManager {
        http_filters: filters.into_iter().chain([router]).collect(),
        ..manager
    })
}

pub fn http_rbac(rules: Rbac) -> envoy::hcm::HttpFilter {
    let config = envoy::http_rbac::Rbac {
        rules: Some(rules),
        ..Default::default()
    };
    http_filter(HTTP_RBAC, envoy::any(&config))
}

pub fn network_rbac(rules: Rbac) -> Filter {
    network(&envoy::network_rbac::Rbac {
        rules: Some(rules),
        ..Default::default()
    })
}

pub fn permission(rule: Rule) -> Permission {
    Permission { rule: Some(rule) }
}

pub fn principal(identifier: Identifier) -> Principal {
    Principal {
        identifier: Some(identifier),
    }
}

/// Rules with one policy, named as Istio's.
pub fn rules(action: Action, permission: Permission, principal: Principal) -> Rbac {
    let policy = Policy {
        permissions: vec![permission],
        principals: vec![principal],
        ..Default::default()
    };
    named(action, vec![("ns[a]-policy[p]-rule[0]", policy)])
}

pub fn named(action: Action, policies: Vec<(&str, Policy)>) -> Rbac {
    let named = policies
        .into_iter()
        .map(|(name, policy)| (name.to_owned(), policy));
    Rbac {
        action: action as i32,
        policies: named.collect(),
        audit_logging_options: None,
    }
}

pub fn anything() -> Permission {
    permission(Rule::Any(true))
}

pub fn anybody() -> Principal {
    principal(Identifier::Any(true))
}

pub fn text(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ..Default::default()
    }
}

pub fn exact(value: &str) -> StringMatcher {
    text(MatchPattern::Exact(value.to_owned()))
}

pub fn prefix(value: &str) -> StringMatcher {
    text(MatchPattern::Prefix(value.to_owned()))
}

pub fn regex(value: &str) -> StringMatcher {
    text(MatchPattern::SafeRegex(envoy::matcher::RegexMatcher {
        regex: value.to_owned(),
        ..Default::default()
    }))
}

pub fn range(text: &str) -> envoy::core::CidrRange {
    let (address, length) = text.split_once('/').expect("a range");
    envoy::core::CidrRange {
        address_prefix: address.to_owned(),
        prefix_len: length.parse().ok(),
    }
}

pub fn uri(matcher: StringMatcher) -> SubjectAltNameMatcher {
    san(SanType::Uri, matcher)
}

pub fn san(kind: SanType, matcher: StringMatcher) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: kind as i32,
        matcher: Some(matcher),
        ..Default::default()
    }
}

/// Whether a server asks for certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It demands one.
    Required,
    /// It asks for one.
    Optional,
    /// It doesn't ask.
    None,
}

/// TLS that ends at the chain.
pub fn secured(
    chain: FilterChain,
    demand: Demand,
    names: Vec<SubjectAltNameMatcher>,
) -> FilterChain {
    let context = CertificateValidationContext {
        trusted_ca: Some(Default::default()),
        match_typed_subject_alt_names: names,
        ..Default::default()
    };
    let tls = DownstreamTlsContext {
        require_client_certificate: Some(demand == Demand::Required),
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: (demand != Demand::None)
                .then_some(ValidationContextType::ValidationContext(context)),
            ..Default::default()
        }),
        ..Default::default()
    };
    FilterChain {
        transport_socket: Some(envoy::core::TransportSocket {
            name: "tls".to_owned(),
            config_type: Some(envoy::core::transport_socket::ConfigType::TypedConfig(
                envoy::any(&tls),
            )),
        }),
        ..chain
    }
}

pub fn inspector<M: Message + Name>(config: &M) -> ListenerFilter {
    ListenerFilter {
        name: "inspector".to_owned(),
        filter_disabled: None,
        config_type: Some(envoy::listener::listener_filter::ConfigType::TypedConfig(
            envoy::any(config),
        )),
    }
}

/// A request in the clear.
pub fn get(path: &str) -> Request {
    Request {
        destination: ([10, 0, 0, 1], 8080).into(),
        source: ([10, 0, 0, 9], 40_000).into(),
        peer: Peer::Plaintext,
        http: Some(HttpRequest {
            version: HttpVersion::Http1,
            method: "GET".to_owned(),
            path: path.to_owned(),
            authority: Some("a.com".to_owned()),
            headers: Vec::new(),
            claims: Vec::new(),
        }),
        now: 1_000_000,
    }
}

/// Bytes in the clear.
pub fn bytes() -> Request {
    Request {
        http: None,
        ..get("/")
    }
}

/// The same request with changes.
pub fn with(mut request: Request, change: impl FnOnce(&mut HttpRequest)) -> Request {
    if let Some(http) = &mut request.http {
        change(http);
    }
    request
}

pub fn header(request: Request, name: &str, value: &str) -> Request {
    with(request, |http| {
        http.headers.push((name.to_owned(), value.to_owned()));
    })
}

pub fn hello() -> ClientHello {
    ClientHello {
        server_name: "Server.Name".to_owned(),
        protocols: vec!["istio-h2".to_owned(), "istio-http/1.1".to_owned()],
    }
}

/// By somebody with this certificate.
pub fn by(request: Request, uris: &[&str], dns_names: &[&str]) -> Request {
    let certificate = Certificate {
        uris: uris.iter().map(ToString::to_string).collect(),
        dns_names: dns_names.iter().map(ToString::to_string).collect(),
        subject: String::new(),
        chain: Chain::Trusted,
    };
    Request {
        peer: Peer::MutualTls(hello(), certificate),
        ..request
    }
}

pub const WEB: &str = "spiffe://cluster.local/ns/a/sa/web";

/// The outcome in a word.
pub fn word(verdict: &Verdict) -> String {
    match &verdict.outcome {
        Outcome::Allowed => "allowed".to_owned(),
        Outcome::Denied { status, .. } => status.to_string(),
        Outcome::Challenged { .. } => "401".to_owned(),
        Outcome::Redirected { .. } => "307".to_owned(),
        Outcome::Reset { .. } => "reset".to_owned(),
        Outcome::Asks { provider } => format!("asks {provider}"),
        Outcome::Unknown { what } => format!("unknown: {what}"),
    }
}

pub fn says(listener: &Listener, request: &Request) -> String {
    word(&ask(listener, request))
}

/// Whether a permission matches a request.
pub fn permits(permission: Permission, request: &Request) -> bool {
    matched(rules(Action::Allow, permission, anybody()), request)
}

/// Whether a principal matches a request.
pub fn is_meant(principal: Principal, request: &Request) -> bool {
    matched(rules(Action::Allow, anything(), principal), request)
}

/// Whether rules that allow match a request; connections in TLS end here.
fn matched(rules: Rbac, request: &Request) -> bool {
    let filters = if request.http.is_some() {
        vec![manager(
            vec![http_rbac(rules)],
            HttpConnectionManager::default(),
        )]
    } else {
        vec![network_rbac(rules), tcp()]
    };
    let mut only = chain("only", None, filters);
    if request.peer != Peer::Plaintext {
        only = secured(only, Demand::Optional, Vec::new());
    }
    let mut listener = with_chains(vec![only]);
    listener.listener_filters = vec![inspector(&envoy::tls_inspector::TlsInspector::default())];
    match &*says(&listener, request) {
        "allowed" => true,
        "403" | "reset" => false,
        other => panic!("{other}"),
    }
}
