use std::fmt::Write;

use envoy_types::pb::envoy::extensions::filters::http::ext_authz::v3::ExtAuthz;
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::Rbac as HttpRbac;
use envoy_types::pb::envoy::extensions::filters::network::rbac::v3::Rbac as NetworkRbac;
use mesh::policy::authorization::{AccountMatch, Action, AddressAttribute, Condition, Enforcement};
use mesh::policy::authorization::{Operation, PathMatch, Rule, Source, TextAttribute};
use mesh::policy::mtls::MtlsMode;
use mesh::policy::set::Set;
use mesh::view::listener::{InboundTraffic, ListenerName, ListenerTraffic};
use mesh::view::security::InboundSecurity;
use pb::listener::v3::Listener;
use pb::rbac::v3::rbac::Action as Verdict;

use super::listeners::{config, http_filters};
use super::statements::{permission, principal};
use super::views::listeners::{at, listener, port};
use super::views::security::{self, policy, rule, set, text, texts};
use super::views::tokens;
use super::*;

/// An inbound port that demands this.
fn inbound(traffic: InboundTraffic, security: InboundSecurity) -> ListenerTraffic {
    ListenerTraffic::Inbound {
        port: port(8080, traffic, MtlsMode::Strict),
        security: Arc::new(security),
    }
}

/// The set of rules: `DENY NAME: permissions / principals`, a line each.
fn said(rules: &pb::rbac::v3::Rbac) -> String {
    let verdict = Verdict::try_from(rules.action).expect("an action");
    let mut text = format!("{verdict:?}");
    for (name, policy) in &rules.policies {
        let permissions: Vec<_> = policy.permissions.iter().map(permission).collect();
        let principals: Vec<_> = policy.principals.iter().map(principal).collect();
        let (what, who) = (permissions.join(" "), principals.join(" "));
        write!(text, " {name}: {what} / {who}").expect("a text takes all");
    }
    text
}

/// What is said about requests and about connections by the only filter that judges them.
fn both(security: InboundSecurity) -> [String; 2] {
    let traffic = inbound(InboundTraffic::Http, security.clone());
    let filters = http_filters(ListenerName::Inbound(at(8080)), traffic);
    let of_requests = filters
        .iter()
        .filter(|(name, _)| name.ends_with(".rbac"))
        .filter_map(|(_, config)| open::<HttpRbac>(config).rules)
        .map(|it| said(&it));
    let tcp = InboundTraffic::Tcp {
        server_first: false,
    };
    let view = listener(ListenerName::Inbound(at(8080)), inbound(tcp, security));
    let (_, listener): (_, Listener) = read(View::Listener(Arc::new(view)));
    let filters = &listener.filter_chains[0].filters;
    let of_connections = filters
        .iter()
        .filter(|filter| filter.name.ends_with(".rbac"))
        .filter_map(|filter| open::<NetworkRbac>(config(filter)).rules)
        .map(|it| said(&it));
    [
        of_requests.collect::<Vec<_>>().join("\n"),
        of_connections.collect::<Vec<_>>().join("\n"),
    ]
}

fn one(action: Action, rules: Vec<Rule>) -> InboundSecurity {
    InboundSecurity {
        trust_domain: security::domain("td"),
        trust_domain_aliases: vec![security::domain("old")],
        tokens: vec![mesh::view::security::TokenRule {
            rule: tokens::token("https://a.test/x"),
            keys: None,
        }],
        authorization: vec![policy("p", action, rules)],
        ..security::open()
    }
}

/// What a rule of a policy that denies becomes, without its name.
fn rule_says(rule: Rule) -> String {
    let [requests, _] = both(one(Action::Deny, vec![rule]));
    let said = requests.strip_prefix("Deny ns[shop]-policy[p]-rule[0]: ");
    said.expect("the rule").to_owned()
}

fn who(source: Source) -> String {
    let said = rule_says(Rule {
        sources: vec![source],
        ..rule()
    });
    said.strip_prefix("any / ").expect("only who").to_owned()
}

fn what(operation: Operation) -> String {
    let said = rule_says(Rule {
        operations: vec![operation],
        ..rule()
    });
    said.strip_suffix(" / any").expect("only what").to_owned()
}

fn when(condition: Condition) -> String {
    rule_says(Rule {
        conditions: vec![condition],
        ..rule()
    })
}

#[test]
fn peers_are_known_by_their_certificate() {
    let principals = |any: &[&str], none: &[&str]| {
        who(Source {
            principals: set(texts(any), texts(none)),
            ..Source::default()
        })
    };
    for (text, said) in [
        ("*", "certificate true"),
        (
            "td/ns/a/sa/b",
            "(uri=spiffe://td/ns/a/sa/b | uri=spiffe://old/ns/a/sa/b)",
        ),
        ("old/ns/*", "(uri^spiffe://td/ns/ | uri^spiffe://old/ns/)"),
        // In Istio it stands for the mesh's own domain, whatever that is called.
        (
            "cluster.local/ns/a/sa/b",
            "(uri=spiffe://td/ns/a/sa/b | uri=spiffe://old/ns/a/sa/b)",
        ),
        ("other/ns/a/sa/b", "uri=spiffe://other/ns/a/sa/b"),
        (
            "o*",
            "(uri^spiffe://td/ | uri^spiffe://old/ | uri^spiffe://o)",
        ),
        ("x*", "uri^spiffe://x"),
        ("*/sa/a.b", r"uri~spiffe://.*\/sa\/a\.b"),
        (
            "*ld/ns/a/sa/b",
            r"(uri~spiffe://.*ld\/ns\/a\/sa\/b | uri=spiffe://td/ns/a/sa/b | uri=spiffe://old/ns/a/sa/b)",
        ),
    ] {
        assert_eq!(principals(&[text], &[]), said, "{text}");
    }
    assert_eq!(
        principals(&["x/a", "x/b"], &["*"]),
        "((uri=spiffe://x/a | uri=spiffe://x/b) & !certificate true)"
    );
}

#[test]
fn parts_of_an_identity_can_not_reach_into_others() {
    let namespaces = |any: &str| {
        who(Source {
            namespaces: set([text(any)], []),
            ..Source::default()
        })
    };
    for (text, said) in [
        ("a.b", r"uri~spiffe://[^/]+/ns/a\.b/.*"),
        ("a*", "uri~spiffe://[^/]+/ns/a[^/]*/.*"),
        ("*a", "uri~spiffe://[^/]+/ns/[^/]*a/.*"),
        ("*", "uri~spiffe://[^/]+/ns/[^/]+/.*"),
        ("a/sa/b", "!any"),
        ("", "!any"),
    ] {
        assert_eq!(namespaces(text), said, "{text}");
    }
    let domains = |any: &str| {
        who(Source {
            trust_domains: set([text(any)], []),
            ..Source::default()
        })
    };
    assert_eq!(domains("td"), "uri^spiffe://td/");
    assert_eq!(domains("*.td"), r"uri~spiffe://[^/]*\.td/.*");
    assert_eq!(domains("td/ns/a"), "!any");
    let account = AccountMatch {
        namespace: "a".into(),
        account: "b.c".into(),
    };
    let accounts = Source {
        service_accounts: set([account], []),
        ..Source::default()
    };
    assert_eq!(who(accounts), r"uri~spiffe://[^/]+/ns/a/sa/b\.c");
}

#[test]
fn end_users_are_issuer_and_subject() {
    let users = |any: &str| {
        who(Source {
            request_principals: set([text(any)], []),
            ..Source::default()
        })
    };
    let issuer = "jwt_authn[payload][iss]=https://a.test/x";
    for (text, subjects) in [
        ("https://a.test/x/me", "=me"),
        ("https://a.test/x/a/b", "=a/b"),
        ("https://a.test/x/m*", "^m"),
        ("https://a*", "~(?s).+"),
        ("*", "~(?s).+"),
    ] {
        let said = format!("({issuer} & jwt_authn[payload][sub]{subjects})");
        assert_eq!(users(text), said, "{text}");
    }
    assert_eq!(users("https://b.test/me"), "!any");
    assert_eq!(users("https://a.test/x/"), "!any");
    let sub = "jwt_authn[payload][sub]";
    assert_eq!(
        users("*x/me"),
        format!("({issuer} & ({sub}$x/me | {sub}=me))")
    );
}

#[test]
fn operations_are_read_as_documented() {
    let hosts = |any: &str| {
        what(Operation {
            hosts: set([text(any)], []),
            ..Operation::default()
        })
    };
    assert_eq!(hosts("A.test"), ":authorityi=A.test");
    assert_eq!(hosts("a.test:*"), ":authorityi^a.test:");
    assert_eq!(hosts("*"), ":authority~(?s).+");
    let methods = Operation {
        methods: set(texts(&["GET"]), texts(&["PO*"])),
        ..Operation::default()
    };
    assert_eq!(what(methods), "(:method=GET & !:method^PO)");
    let path = |any: PathMatch| {
        what(Operation {
            paths: set([any], []),
            ..Operation::default()
        })
    };
    assert_eq!(path(PathMatch::Text(text("/a"))), "path=/a");
    assert_eq!(path(PathMatch::Text(text("*/a"))), "path$/a");
    assert_eq!(path(PathMatch::Text(text("*"))), "!path=");
    let template = PathMatch::Template("/a.b/{*}/c/{**}".into());
    assert_eq!(path(template), r"path~(?s)\/a\.b\/[^/]+\/c\/.*");
    let ports = Operation {
        ports: set([80, 81], []),
        ..Operation::default()
    };
    assert_eq!(what(ports), "(port 80 | port 81)");
}

#[test]
fn conditions_are_read_as_documented() {
    let of = |attribute: TextAttribute, any: &str| {
        when(Condition::Text(attribute, set([text(any)], [])))
    };
    let claim = |path: &[&str]| TextAttribute::Claim(path.iter().map(|it| (*it).into()).collect());
    let cases = [
        (TextAttribute::Header("x-a".into()), "b", "any / x-a=b"),
        (TextAttribute::Header("x-a".into()), "*", "any / x-a~(?s).+"),
        (
            TextAttribute::Header("host".into()),
            "b",
            "any / :authority=b",
        ),
        (TextAttribute::Header("x a".into()), "b", "any / !any"),
        (TextAttribute::ServerName, "*.test", "snii$.test / any"),
        (TextAttribute::ServerName, "*", "!snii= / any"),
        (
            claim(&["realm", "a"]),
            "b, c",
            "any / jwt_authn[payload][realm][a](=b, c|[=b, c])",
        ),
        (claim(&[]), "b", "any / !any"),
        (claim(&[""]), "b", "any / !any"),
        (
            TextAttribute::Audiences,
            "*",
            "any / jwt_authn[payload][aud](~(?s).+|[~(?s).+])",
        ),
        (
            TextAttribute::Presenter,
            "a*",
            "any / jwt_authn[payload][azp](^a|[^a])",
        ),
        (
            TextAttribute::FilterMetadata("envoy.filters.http.lua".into(), vec!["k".into()]),
            "v",
            "any / lua[k](=v|[=v])",
        ),
    ];
    for (attribute, any, said) in cases {
        assert_eq!(of(attribute.clone(), any), said, "{attribute:?}");
    }
    let address = |attribute| {
        let block = "10.1.2.3/8".parse().expect("a range");
        when(Condition::Address(attribute, set([], [block])))
    };
    assert_eq!(
        address(AddressAttribute::Source),
        "any / !direct 10.0.0.0/8"
    );
    assert_eq!(
        address(AddressAttribute::Remote),
        "any / !remote 10.0.0.0/8"
    );
    assert_eq!(
        address(AddressAttribute::Destination),
        "!to 10.0.0.0/8 / any"
    );
    assert_eq!(
        when(Condition::Port(set([1], [2]))),
        "(port 1 & !port 2) / any"
    );
}

#[test]
fn a_rule_is_any_source_and_any_operation_and_all_conditions() {
    let port = |port| Operation {
        ports: set([port], []),
        ..Operation::default()
    };
    let from = |any: &str| Source {
        principals: set([text(any)], []),
        ..Source::default()
    };
    let said = rule_says(Rule {
        sources: vec![from("x/a"), from("x/b")],
        operations: vec![port(1), port(2)],
        conditions: vec![
            Condition::Port(set([3], [])),
            Condition::Text(TextAttribute::Principal, set([], [text("x/c")])),
        ],
        ..rule()
    });
    assert_eq!(
        said,
        "((port 1 | port 2) & port 3) / \
         ((uri=spiffe://x/a | uri=spiffe://x/b) & !uri=spiffe://x/c)"
    );
    assert_eq!(rule_says(rule()), "any / any");
    let empty = Rule {
        sources: vec![from("x/a"), Source::default()],
        ..rule()
    };
    assert_eq!(rule_says(empty), "any / (uri=spiffe://x/a | any)");
}

#[test]
fn what_only_requests_have_makes_rules_for_connections_narrower_or_wider() {
    let mixed = || Rule {
        sources: vec![Source {
            principals: set([text("x/a")], []),
            request_principals: set([], [text("*")]),
            ..Source::default()
        }],
        operations: vec![
            Operation {
                paths: set([PathMatch::Text(text("/a"))], []),
                ports: set([80], []),
                ..Operation::default()
            },
            Operation {
                ports: set([81], []),
                ..Operation::default()
            },
        ],
        ..rule()
    };
    let name = "ns[shop]-policy[p]-rule[0]";
    let [_, deny] = both(one(Action::Deny, vec![mixed()]));
    let said = format!("Deny {name}: (port 80 | port 81) / uri=spiffe://x/a");
    assert_eq!(deny, said);
    let [_, audit] = both(one(Action::Audit, vec![mixed()]));
    assert_eq!(audit, said.replace("Deny", "Log"));
    let [_, allow] = both(one(Action::Allow, vec![mixed()]));
    assert_eq!(allow, "Allow", "and so nobody");
    let [_, allow] = both(one(Action::Allow, vec![mixed(), rule()]));
    assert_eq!(allow, "Allow ns[shop]-policy[p]-rule[1]: any / any");
}

#[test]
fn nothing_allowed_is_all_denied_and_nothing_denied_is_nothing() {
    let empty = Set::<u16>::default();
    assert!(empty.is_empty());
    assert_eq!(both(one(Action::Allow, Vec::new())), ["Allow", "Allow"]);
    assert_eq!(both(one(Action::Deny, Vec::new())), ["", ""]);
    assert_eq!(both(one(Action::Audit, Vec::new())), ["", ""]);
    // Nobody is asked about nothing, but whom nobody can be asked about gets nowhere.
    let custom = || Action::Custom("nobody".into());
    assert_eq!(both(one(custom(), Vec::new())), ["", ""]);
    let refused = "Deny ns[shop]-policy[p]-rule[0]: any / any";
    assert_eq!(both(one(custom(), vec![rule()])), [refused, refused]);
}

/// The HTTP filters before the application's, in short.
fn judges(security: InboundSecurity) -> Vec<String> {
    let traffic = inbound(InboundTraffic::Http, security);
    let filters = http_filters(ListenerName::Inbound(at(8080)), traffic);
    let judges = filters.iter().map(|(name, config)| {
        let name = name.rsplit('.').next().unwrap_or_default();
        if name != "rbac" {
            return name.to_owned();
        }
        let rbac: HttpRbac = open(config);
        let action = |rules: Option<pb::rbac::v3::Rbac>| {
            let action = rules.map(|it| Verdict::try_from(it.action).expect("an action"));
            action.map_or(String::new(), |it| format!("{it:?}"))
        };
        let prefix = rbac.shadow_rules_stat_prefix;
        format!(
            "{}({prefix}{})",
            action(rbac.rules),
            action(rbac.shadow_rules)
        )
    });
    let judges = judges.take_while(|it| it != "fault");
    judges.collect()
}

#[test]
fn judges_have_istios_order() {
    let all = security::all().pop().expect("the last one is full");
    let judges = judges((*all).clone());
    let expected = [
        "header_mutation",
        "jwt_authn",
        "(istio_ext_authz_grpc_Deny)",
        "ext_authz",
        "(istio_ext_authz_http_Deny)",
        "ext_authz",
        "Deny(istio_dry_run_custom_Deny)",
        "Log(istio_dry_run_audit_Deny)",
        "Deny(istio_dry_run_deny_Deny)",
        "Allow(istio_dry_run_allow_Allow)",
    ];
    assert_eq!(judges, expected);
    assert_eq!(self::judges(security::open()), [""; 0]);
}

#[test]
fn what_is_only_tried_refuses_nobody() {
    for action in [
        Action::Custom("nobody".into()),
        Action::Audit,
        Action::Deny,
        Action::Allow,
    ] {
        let mut security = one(action, vec![rule()]);
        security.authorization[0].enforcement = Enforcement::DryRun;
        assert_eq!(both(security), ["", ""]);
    }
}

#[test]
fn an_authorizer_is_asked_only_about_what_its_policies_match() {
    let all = security::all().pop().expect("the last one is full");
    let traffic = inbound(InboundTraffic::Http, (*all).clone());
    let filters = http_filters(ListenerName::Inbound(at(8080)), traffic);
    let asks: Vec<ExtAuthz> = filters
        .iter()
        .filter(|(name, _)| name.ends_with("ext_authz"))
        .map(|(_, config)| open(config))
        .collect();
    let keys = asks.iter().map(|it| {
        let asked = it.filter_enabled_metadata.as_ref().expect("a condition");
        format!("{:?}", asked.path)
    });
    let keys: Vec<_> = keys.collect();
    assert!(keys[0].contains("\"istio_ext_authz_grpc_shadow_engine_result\""));
    assert!(keys[1].contains("\"istio_ext_authz_http_shadow_engine_result\""));
}
