//! Policies at random, from a small vocabulary, so that rules and requests meet.

use serde_json::{Map, Value, json};

/// Chance that can be repeated.
pub struct Pick(fastrand::Rng);

impl Pick {
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// One of them.
    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.0.usize(..all.len())]
    }

    /// Below this.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// True in so many of 100.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    /// One to three of them.
    fn some(&mut self, all: &[&str]) -> Value {
        let count = 1 + self.below(2);
        (0..count).map(|_| Value::from(*self.of(all))).collect()
    }
}

pub const METHODS: [&str; 4] = ["GET", "POST", "DELETE", "PUT"];
pub const HOSTS: [&str; 9] = [
    "server.shop",
    "server.shop",
    "Server.Shop",
    "server.shop:80",
    "SERVER.SHOP:8080",
    "server.shop.",
    "a.server.shop",
    "other.example",
    "other.example:80",
];
pub const SEGMENTS: [&str; 22] = [
    "admin",
    "admin",
    "api",
    "api",
    "v1",
    "v1",
    "x",
    "x",
    "admin.html",
    "Admin",
    // What normalisation is about.
    "",
    ".",
    "..",
    "%2e%2E",
    "%61dmin",
    "admin%2fv1",
    "x%5C..",
    "admin;x",
    "v1%3Fx",
    "v1%20",
    "a:b",
    "%7e",
];
pub const HEADERS: &[(&str, &[&str])] = &[
    ("x-role", &["admin", "user", "admin-2"]),
    ("x-team", &["red", "blue"]),
];

/// A field with its negation, and what stands there.
type Field = (&'static str, &'static str, &'static [&'static str]);

const SOURCE: [Field; 6] = [
    (
        "principals",
        "notPrincipals",
        &[
            "*",
            "cluster.local/ns/shop/sa/front",
            "cluster.local/ns/shop/*",
            "*/sa/front",
            "cluster.local/ns/other/sa/nobody",
            "td.example/ns/shop/sa/front",
            "td.example/ns/shop/*",
            "far.example/ns/shop/sa/front",
            "old.example/ns/shop/sa/front",
        ],
    ),
    (
        "requestPrincipals",
        "notRequestPrincipals",
        &["*", "issuer.example/alice", "issuer.example/*", "*/bob"],
    ),
    (
        "namespaces",
        "notNamespaces",
        &["shop", "other", "sh*", "*r", "*"],
    ),
    (
        "ipBlocks",
        "notIpBlocks",
        &["127.0.0.1", "127.0.0.0/24", "127.0.1.0/24", "10.0.0.0/8"],
    ),
    (
        "remoteIpBlocks",
        "notRemoteIpBlocks",
        &["127.0.0.0/24", "10.0.0.0/24", "10.0.1.1"],
    ),
    (
        "trustDomains",
        "notTrustDomains",
        &[
            "cluster.local",
            "td.example",
            "far.example",
            "cluster*",
            "*",
        ],
    ),
];

const OPERATION: [Field; 4] = [
    (
        "hosts",
        "notHosts",
        &[
            "server.shop",
            "SERVER.shop",
            "server.shop:80",
            "*.example",
            "server*",
            "server.shop:*",
            "server.shop.",
            "*.SHOP",
            "*",
        ],
    ),
    ("methods", "notMethods", &["GET", "POST", "P*", "*T", "*"]),
    (
        "paths",
        "notPaths",
        &[
            "/admin",
            "/admin*",
            "*/v1",
            "/api/*",
            "/",
            "*",
            "/{*}/v1",
            "/api/{**}",
            "/{*}/admin/{*}",
            "//admin",
            "/x/v1",
            "/admin%2Fv1",
        ],
    ),
    ("ports", "notPorts", &["8080", "9090", "7070"]),
];

const CONDITIONS: [(&str, &[&str]); 16] = [
    (
        "request.headers[x-role]",
        &["admin", "adm*", "*2", "*", "admin,user"],
    ),
    ("request.headers[X-Team]", &["red", "blue", "*"]),
    ("source.ip", &["127.0.0.1", "127.0.1.0/24"]),
    ("remote.ip", &["127.0.0.0/8", "10.0.0.0/24"]),
    ("source.namespace", &["shop", "*er"]),
    (
        "source.principal",
        &[
            "cluster.local/ns/shop/sa/front",
            "td.example/ns/shop/sa/back",
            "*",
        ],
    ),
    (
        "source.serviceAccount",
        &["shop/front", "front", "other/nobody"],
    ),
    ("request.auth.principal", &["issuer.example/alice", "*"]),
    ("request.auth.audiences", &["web", "we*", "*"]),
    ("request.auth.presenter", &["app", "*"]),
    (
        "request.auth.claims[groups]",
        &["dev", "ops", "dev ops", "d*", "*"],
    ),
    (
        "request.auth.claims[scope]",
        &["read", "write", "read write", "*all"],
    ),
    (
        "request.auth.claims[title]",
        &["head", "head of sales", "*sales"],
    ),
    ("request.auth.claims[realm][roles]", &["editor", "*or"]),
    ("destination.port", &["8080", "9090"]),
    ("connection.sni", &["server.shop", "*.shop", "*"]),
];

/// Some policies of the server's namespace, of the root namespace, or for others.
/// Their names are the set's own, so that no version of another set is left in force.
pub fn policies(pick: &mut Pick, set: u64) -> Vec<Value> {
    let count = 1 + pick.below(3);
    (0..count)
        .map(|index| policy(pick, &format!("set-{set}-{index}")))
        .collect()
}

fn policy(pick: &mut Pick, name: &str) -> Value {
    let action = *pick.of(&["ALLOW", "ALLOW", "DENY"]);
    let namespace = *pick.of(&["shop", "shop", "istio-system"]);
    let mut spec = Map::new();
    if pick.chance(70) {
        spec.insert(
            "selector".to_owned(),
            json!({"matchLabels": {"app": "server"}}),
        );
    }
    if action == "DENY" || pick.chance(50) {
        spec.insert("action".to_owned(), action.into());
    }
    // Without rules, a DENY is refused by validation.
    let rules = if action == "ALLOW" && pick.chance(5) {
        0
    } else {
        1 + pick.below(2)
    };
    if rules > 0 {
        spec.insert("rules".to_owned(), (0..rules).map(|_| rule(pick)).collect());
    }
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

fn rule(pick: &mut Pick) -> Value {
    let mut rule = Map::new();
    if pick.chance(60) {
        let from: Vec<_> = (0..1 + pick.below(2))
            .map(|_| json!({"source": source(pick)}))
            .collect();
        rule.insert("from".to_owned(), from.into());
    }
    if pick.chance(60) {
        let to: Vec<_> = (0..1 + pick.below(2))
            .map(|_| json!({"operation": part(pick, &OPERATION)}))
            .collect();
        rule.insert("to".to_owned(), to.into());
    }
    if pick.chance(40) {
        let when: Vec<_> = (0..1 + pick.below(2)).map(|_| condition(pick)).collect();
        rule.insert("when".to_owned(), when.into());
    }
    rule.into()
}

fn source(pick: &mut Pick) -> Value {
    if pick.chance(10) {
        // It can't stand beside principals and namespaces.
        return json!({"serviceAccounts": pick.some(&["front", "shop/back", "other/front"])});
    }
    part(pick, &SOURCE)
}

fn part(pick: &mut Pick, fields: &[Field]) -> Value {
    let mut part = Map::new();
    for _ in 0..1 + pick.below(2) {
        let (field, negated, values) = *pick.of(fields);
        let name = if pick.chance(70) { field } else { negated };
        part.insert(name.to_owned(), pick.some(values));
    }
    part.into()
}

fn condition(pick: &mut Pick) -> Value {
    let (key, values) = *pick.of(&CONDITIONS);
    let name = if pick.chance(70) {
        "values"
    } else {
        "notValues"
    };
    json!({"key": key, name: pick.some(values)})
}
