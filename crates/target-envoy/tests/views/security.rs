//! Everything that a workload's proxy can demand of those who connect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::TrustDomain;
use ferromesh_mesh as mesh;

use mesh::name::Hostname;
use mesh::origin::{ObjectRef, Origin};
use mesh::policy::authorization::{AccountMatch, Action, AddressAttribute, Condition, Enforcement};
use mesh::policy::authorization::{Operation, PathMatch, Rule, Source, TextAttribute, TextMatch};
use mesh::policy::ext_authz::{AuthorizedRouting, AuthorizerBody, AuthorizerFailure};
use mesh::policy::ext_authz::{AuthorizerProtocol, BodyEncoding, ExternalAuthorizer};
use mesh::policy::ext_authz::{HttpAuthorizer, PartialBody, ProviderService};
use mesh::policy::jwt::{ClaimHeader, JwtRule, KeySource, TokenForwarding, TokenPlace};
use mesh::policy::path_normalization::PathNormalization;
use mesh::policy::set::Set;
use mesh::policy::tls::{Compliance, TlsParameters, TlsVersion};
use mesh::view::security::{Authorizer, InboundSecurity, Policy, TokenRule};

use super::clusters::outbound;
use super::every;

/// A set of public keys as identity providers publish it.
pub const KEYS: &str = include_str!("keys.json");

/// Nothing is demanded.
pub fn open() -> InboundSecurity {
    InboundSecurity {
        trust_domain: TrustDomain::default(),
        trust_domain_aliases: Vec::new(),
        tls: TlsParameters::default(),
        paths: PathNormalization::Base,
        tokens: Vec::new(),
        authorization: Vec::new(),
        authorizers: BTreeMap::new(),
    }
}

/// A trust domain.
pub fn domain(name: &str) -> TrustDomain {
    TrustDomain::new(name).expect("a trust domain")
}

/// Where something was said.
pub fn origin() -> Origin {
    Origin {
        object: Arc::new(ObjectRef {
            group: "security.istio.io".into(),
            kind: "AuthorizationPolicy".into(),
            namespace: "shop".into(),
            name: "test".into(),
        }),
        path: "spec".into(),
    }
}

/// A rule without any demand.
pub fn rule() -> Rule {
    Rule {
        sources: Vec::new(),
        operations: Vec::new(),
        conditions: Vec::new(),
        origin: origin(),
    }
}

/// A policy in the namespace `shop`.
pub fn policy(name: &str, action: Action, rules: Vec<Rule>) -> Policy {
    Policy {
        namespace: "shop".into(),
        name: name.into(),
        action,
        enforcement: Enforcement::Enforced,
        rules,
        origin: origin(),
    }
}

/// One of these, none of those.
pub fn set<T>(any_of: impl IntoIterator<Item = T>, none_of: impl IntoIterator<Item = T>) -> Set<T> {
    Set {
        any_of: any_of.into_iter().collect(),
        none_of: none_of.into_iter().collect(),
    }
}

/// A match as policies write it.
pub fn text(text: &str) -> TextMatch {
    match (text.strip_prefix('*'), text.strip_suffix('*')) {
        _ if text == "*" => TextMatch::Present,
        (Some(rest), _) => TextMatch::Suffix(rest.into()),
        (_, Some(rest)) => TextMatch::Prefix(rest.into()),
        _ => TextMatch::Exact(text.into()),
    }
}

/// Matches as policies write them.
pub fn texts(all: &[&str]) -> Vec<TextMatch> {
    all.iter().map(|it| text(it)).collect()
}

/// Every kind of match, with what regular expressions mean something by, and nothing at all.
fn matches() -> Vec<TextMatch> {
    let mut all = every! {
        TextMatch::Exact(_) => TextMatch::Exact("a.b+(c)|d/e\\Q*".into()),
        TextMatch::Prefix(_) => TextMatch::Prefix("cluster.local/ns/[a".into()),
        TextMatch::Suffix(_) => TextMatch::Suffix("^$\u{e9}\n".into()),
        TextMatch::Present => TextMatch::Present,
    };
    all.extend([
        TextMatch::Exact("".into()),
        TextMatch::Prefix("".into()),
        TextMatch::Suffix("".into()),
        TextMatch::Exact("cluster.local/ns/a/sa/b".into()),
    ]);
    all
}

fn both<T: Clone>(all: Vec<T>) -> Set<T> {
    Set {
        any_of: all.clone(),
        none_of: all,
    }
}

fn paths() -> Vec<PathMatch> {
    let mut all = every! {
        PathMatch::Text(_) => PathMatch::Text(TextMatch::Exact("/a".into())),
        PathMatch::Template(_) => PathMatch::Template("/a/{*}/b/{**}".into()),
    };
    all.extend(matches().into_iter().map(PathMatch::Text));
    let templates = [
        "",
        "/",
        "/{**}",
        "/{*}",
        "{**}",
        "/{**}/{**}",
        "/{**}/{*}",
        "/a{*}",
        "/{",
        "/}",
        "/{a}",
        "/a//b",
        "/{**}/a",
        "/{**}/a/b.c",
        "/{*}/{*}/{*}/{*}/{*}/{*}",
        "/a b",
        "/é",
        "/%2f",
        "/*",
        "/a=b@c~d!e$f&g'h+i,j;k:l",
        "/a?b",
        "/a#b",
        "/{**}.js",
        "/{*}.{*}",
        "/-._",
        "/{**}/",
        "/a/",
        "/(",
        "/a{**}",
        "/{**}/a{*}",
    ];
    all.extend(templates.map(|it| PathMatch::Template(it.into())));
    all
}

fn accounts() -> Vec<AccountMatch> {
    let account = |namespace: &str, account: &str| AccountMatch {
        namespace: namespace.into(),
        account: account.into(),
    };
    vec![account("shop", "front-end"), account("[", "*")]
}

/// A source with every part.
fn source() -> Source {
    let blocks = || {
        both(
            ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8", "0.0.0.0/0"]
                .map(|it| it.parse().expect("a range"))
                .to_vec(),
        )
    };
    Source {
        principals: both(matches()),
        request_principals: both(matches()),
        namespaces: both(matches()),
        service_accounts: both(accounts()),
        trust_domains: both(matches()),
        ip_blocks: blocks(),
        remote_ip_blocks: blocks(),
    }
}

/// An operation with every part.
fn operation() -> Operation {
    Operation {
        hosts: both(matches()),
        methods: both(matches()),
        paths: both(paths()),
        ports: both(vec![0, 80, u16::MAX]),
    }
}

/// Every condition.
fn conditions() -> Vec<Condition> {
    let path = |path: &[&str]| {
        path.iter()
            .map(|it| Arc::from(*it))
            .collect::<Vec<Arc<str>>>()
    };
    let mut texts = every! {
        TextAttribute::Header(_) => TextAttribute::Header("x-role".into()),
        TextAttribute::Namespace => TextAttribute::Namespace,
        TextAttribute::Principal => TextAttribute::Principal,
        TextAttribute::RequestPrincipal => TextAttribute::RequestPrincipal,
        TextAttribute::Audiences => TextAttribute::Audiences,
        TextAttribute::Presenter => TextAttribute::Presenter,
        TextAttribute::Claim(_) => TextAttribute::Claim(path(&["realm", "roles"])),
        TextAttribute::TrustDomain => TextAttribute::TrustDomain,
        TextAttribute::ServerName => TextAttribute::ServerName,
        TextAttribute::FilterMetadata(..) => TextAttribute::FilterMetadata("envoy.filters.http.lua".into(), path(&["a", "b"])),
    };
    texts.extend([
        TextAttribute::Header("".into()),
        TextAttribute::Header("a b\n\0".into()),
        TextAttribute::Claim(Vec::new()),
        TextAttribute::Claim(path(&[""])),
        TextAttribute::FilterMetadata("".into(), Vec::new()),
    ]);
    let addresses = every! {
        AddressAttribute::Source => AddressAttribute::Source,
        AddressAttribute::Remote => AddressAttribute::Remote,
        AddressAttribute::Destination => AddressAttribute::Destination,
    };
    let mut all = every! {
        Condition::Text(..) => Condition::Text(TextAttribute::Principal, both(matches())),
        Condition::Address(..) => Condition::Address(AddressAttribute::Source, Set::default()),
        Condition::Port(_) => Condition::Port(both(vec![0, 8080])),
        Condition::Account(_) => Condition::Account(both(accounts())),
    };
    all.extend(
        texts
            .into_iter()
            .map(|it| Condition::Text(it, both(matches()))),
    );
    let block = || vec!["10.0.0.0/8".parse().expect("a range")];
    all.extend(
        addresses
            .into_iter()
            .map(|it| Condition::Address(it, both(block()))),
    );
    all
}

/// Rules of every sort.
pub fn rules() -> Vec<Rule> {
    vec![
        rule(),
        Rule {
            sources: vec![source(), Source::default()],
            operations: vec![operation(), Operation::default()],
            conditions: conditions(),
            ..rule()
        },
        Rule {
            sources: vec![Source::default()],
            ..rule()
        },
    ]
}

/// Policies of every sort, under hostile names, too.
pub fn policies() -> Vec<Policy> {
    let actions = every! {
        Action::Custom(_) => Action::Custom("grpc".into()),
        Action::Audit => Action::Audit,
        Action::Deny => Action::Deny,
        Action::Allow => Action::Allow,
    };
    let enforcements = every! {
        Enforcement::Enforced => Enforcement::Enforced,
        Enforcement::DryRun => Enforcement::DryRun,
    };
    let customs = ["http", "nobody"].map(|it| Action::Custom(it.into()));
    let mut all = Vec::new();
    for (index, action) in actions.into_iter().chain(customs).enumerate() {
        for enforcement in &enforcements {
            all.push(Policy {
                enforcement: *enforcement,
                ..policy(
                    &format!("all-{index}-{enforcement:?}"),
                    action.clone(),
                    rules(),
                )
            });
            all.push(Policy {
                enforcement: *enforcement,
                ..policy(
                    &format!("none]{index}\n{enforcement:?}"),
                    action.clone(),
                    Vec::new(),
                )
            });
        }
    }
    all
}

/// A token rule with nothing special.
pub fn token(issuer: &str) -> JwtRule {
    JwtRule {
        issuer: issuer.into(),
        audiences: Vec::new(),
        keys: KeySource::Inline(KEYS.into()),
        places: Vec::new(),
        payload_header: "".into(),
        claim_headers: Vec::new(),
        space_delimited_claims: Vec::new(),
        forwarding: TokenForwarding::Remove,
        fetch_timeout: Duration::from_secs(5),
        origin: origin(),
    }
}

/// Token rules of every sort.
pub fn tokens() -> Vec<TokenRule> {
    let places = every! {
        TokenPlace::Header(..) => TokenPlace::Header("x-token".into(), "Bearer ".into()),
        TokenPlace::Parameter(_) => TokenPlace::Parameter("token".into()),
        TokenPlace::Cookie(_) => TokenPlace::Cookie("token".into()),
    };
    let forwardings = every! {
        TokenForwarding::Remove => TokenForwarding::Remove,
        TokenForwarding::Forward => TokenForwarding::Forward,
    };
    let sources = every! {
        KeySource::Inline(_) => KeySource::Inline(KEYS.into()),
        KeySource::Uri(_) => KeySource::Uri("https://keys.test/".into()),
        KeySource::Issuer(_) => KeySource::Issuer("https://issuer.test".into()),
        KeySource::Nobody => KeySource::Nobody,
    };
    let header = |header: &str, claim: &str| ClaimHeader {
        header: header.into(),
        claim: claim.into(),
    };
    let mut all = Vec::new();
    for (forwarding, keys) in forwardings.into_iter().cycle().zip(sources) {
        for places in [Vec::new(), places.clone()] {
            all.push(TokenRule {
                rule: JwtRule {
                    audiences: vec!["a".into(), "".into()],
                    keys: keys.clone(),
                    places,
                    payload_header: "x-payload".into(),
                    claim_headers: vec![
                        header("x-sub", "sub"),
                        header("x-role", "realm.role"),
                        header("x y", ""),
                    ],
                    space_delimited_claims: vec!["groups".into()],
                    forwarding,
                    ..token("https://issuer.test")
                },
                keys: None,
            });
        }
    }
    all.push(TokenRule {
        rule: token("other@issuer.test"),
        keys: Some(KEYS.into()),
    });
    all.push(TokenRule {
        rule: token(""),
        keys: Some(KEYS.into()),
    });
    all
}

fn authorizer(name: &str, protocol: AuthorizerProtocol, failure: AuthorizerFailure) -> Authorizer {
    Authorizer {
        cluster: outbound(name, None),
        settings: ExternalAuthorizer {
            service: ProviderService {
                namespace: None,
                host: Hostname::new(name),
            },
            port: 80,
            timeout: Duration::ZERO,
            failure,
            routing: AuthorizedRouting::Keep,
            body: None,
            protocol,
        },
    }
}

/// Authorizers of every sort.
pub fn authorizers() -> Vec<Authorizer> {
    let http = HttpAuthorizer {
        path_prefix: "/check".into(),
        request_headers: matches(),
        added_headers: vec![("x-added".into(), "1".into())],
        upstream_headers: matches(),
        allowed_headers: matches(),
        denied_headers: matches(),
    };
    let bare = HttpAuthorizer {
        path_prefix: "".into(),
        request_headers: Vec::new(),
        added_headers: Vec::new(),
        upstream_headers: Vec::new(),
        allowed_headers: Vec::new(),
        denied_headers: Vec::new(),
    };
    let mut protocols = every! {
        AuthorizerProtocol::Grpc => AuthorizerProtocol::Grpc,
        AuthorizerProtocol::Http(_) => AuthorizerProtocol::Http(http),
    };
    protocols.push(AuthorizerProtocol::Http(bare));
    let failures = every! {
        AuthorizerFailure::Refuse(_) => AuthorizerFailure::Refuse(503),
        AuthorizerFailure::Allow => AuthorizerFailure::Allow,
    };
    let routings = every! {
        AuthorizedRouting::Keep => AuthorizedRouting::Keep,
        AuthorizedRouting::Again => AuthorizedRouting::Again,
    };
    let partials = every! {
        PartialBody::Refuse => PartialBody::Refuse,
        PartialBody::Cut => PartialBody::Cut,
    };
    let encodings = every! {
        BodyEncoding::Text => BodyEncoding::Text,
        BodyEncoding::Bytes => BodyEncoding::Bytes,
    };
    let mut all = Vec::new();
    for protocol in protocols {
        for failure in failures
            .iter()
            .copied()
            .chain([AuthorizerFailure::Refuse(0)])
        {
            let plain = authorizer("authorizer.test", protocol.clone(), failure);
            for (index, routing) in routings.iter().enumerate() {
                let mut full = plain.clone();
                full.settings.routing = *routing;
                full.settings.timeout = Duration::from_secs(1);
                full.settings.body = Some(AuthorizerBody {
                    max_bytes: u32::try_from(index).expect("a small number") * 1024,
                    partial: partials[index],
                    encoding: encodings[index],
                });
                all.push(full);
            }
            all.push(plain);
        }
    }
    all
}

/// Parameters of TLS of every sort.
pub fn parameters() -> Vec<TlsParameters> {
    let versions = every! {
        TlsVersion::V1_2 => TlsVersion::V1_2,
        TlsVersion::V1_3 => TlsVersion::V1_3,
    };
    let compliances = every! {
        Compliance::Free => Compliance::Free,
        Compliance::Fips => Compliance::Fips,
    };
    let mut all = Vec::new();
    for min_version in versions {
        for compliance in &compliances {
            all.push(TlsParameters {
                min_version,
                cipher_suites: vec!["ECDHE-ECDSA-AES128-GCM-SHA256".into()],
                curves: vec!["P-256".into(), "X25519".into()],
                compliance: *compliance,
            });
            all.push(TlsParameters {
                min_version,
                compliance: *compliance,
                ..TlsParameters::default()
            });
        }
    }
    all
}

/// A little of everything.
pub fn some() -> InboundSecurity {
    let rules = |attribute| {
        let condition = Condition::Text(attribute, set([text("a*")], []));
        vec![Rule {
            conditions: vec![condition],
            ..rule()
        }]
    };
    InboundSecurity {
        trust_domain_aliases: vec![domain("alias.test")],
        tokens: vec![TokenRule {
            rule: token("issuer.test"),
            keys: Some(KEYS.into()),
        }],
        authorization: vec![
            policy("deny", Action::Deny, rules(TextAttribute::Principal)),
            policy("allow", Action::Allow, rules(TextAttribute::ServerName)),
        ],
        ..open()
    }
}

/// Demands of every sort.
pub fn all() -> Vec<Arc<InboundSecurity>> {
    let normalizations = every! {
        PathNormalization::None => PathNormalization::None,
        PathNormalization::Base => PathNormalization::Base,
        PathNormalization::MergeSlashes => PathNormalization::MergeSlashes,
        PathNormalization::DecodeAndMergeSlashes => PathNormalization::DecodeAndMergeSlashes,
    };
    let mut all = vec![open()];
    all.extend(
        normalizations
            .into_iter()
            .map(|paths| InboundSecurity { paths, ..open() }),
    );
    all.extend(
        parameters()
            .into_iter()
            .map(|tls| InboundSecurity { tls, ..open() }),
    );
    for authorizer in authorizers() {
        let policy = policy("ask", Action::Custom("it".into()), vec![rule()]);
        all.push(InboundSecurity {
            authorizers: [("it".into(), authorizer)].into(),
            authorization: vec![policy],
            ..open()
        });
    }
    for token in tokens() {
        all.push(InboundSecurity {
            tokens: vec![token],
            ..open()
        });
    }
    let choice = authorizers();
    let named = |name: &str, wanted: fn(&AuthorizerProtocol) -> bool| {
        let found = choice.iter().find(|it| wanted(&it.settings.protocol));
        (name.into(), found.expect("one of them").clone())
    };
    all.push(InboundSecurity {
        trust_domain_aliases: vec![domain("alias-1"), domain("alias-2.test")],
        tokens: tokens(),
        authorization: policies(),
        authorizers: [
            named("grpc", |it| *it == AuthorizerProtocol::Grpc),
            named("http", |it| *it != AuthorizerProtocol::Grpc),
        ]
        .into(),
        ..open()
    });
    all.into_iter().map(Arc::new).collect()
}
