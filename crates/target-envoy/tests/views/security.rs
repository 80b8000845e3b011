//! Everything that a workload's proxy can demand of those who connect.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_identity::TrustDomain;
use ferromesh_mesh as mesh;

use mesh::origin::{ObjectRef, Origin};
use mesh::policy::authorization::{AccountMatch, Action, AddressAttribute, Condition, Enforcement};
use mesh::policy::authorization::{Operation, PathMatch, Rule, Source, TextAttribute, TextMatch};
use mesh::policy::ext_authz::AuthorizerProtocol;
use mesh::policy::path_normalization::PathNormalization;
use mesh::policy::set::Set;
use mesh::policy::tls::TlsParameters;
use mesh::view::security::{InboundSecurity, Policy, TokenRule};

use super::tokens::{KEYS, token, tokens};
use super::{authorizers, every, tls};

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
pub fn matches() -> Vec<TextMatch> {
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
        tls::parameters()
            .into_iter()
            .map(|tls| InboundSecurity { tls, ..open() }),
    );
    for authorizer in authorizers::all() {
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
    let choice = authorizers::all();
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
