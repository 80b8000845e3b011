//! Whether a rule matches.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::path::matches_template;
use super::{Asked, Http, Mesh, Peer};

/// What a field of a rule says of a connection that has no requests.
enum Outcome {
    Matches,
    Fails,
    /// The field speaks of requests.
    Inapplicable,
}

/// Whether any rule of a policy matches.
pub(super) fn any_matches(policy: &Value, asked: &Asked, mesh: &Mesh) -> bool {
    let rules = policy["spec"]["rules"].as_array();
    let namespace = policy["metadata"]["namespace"].as_str().unwrap_or_default();
    let denies = policy["spec"]["action"] == "DENY";
    rules.into_iter().flatten().any(|rule| {
        Reading {
            asked,
            mesh,
            namespace,
            denies,
        }
        .rule(rule)
    })
}

struct Reading<'a> {
    asked: &'a Asked,
    mesh: &'a Mesh,
    namespace: &'a str,
    denies: bool,
}

impl Reading<'_> {
    fn rule(&self, rule: &Value) -> bool {
        let one_of = |list: &Value, part: &str, check: &dyn Fn(&Value) -> bool| {
            let entries = list.as_array().filter(|entries| !entries.is_empty());
            entries.is_none_or(|entries| entries.iter().any(|entry| check(&entry[part])))
        };
        // The documentation: such a rule of an allowing policy is never met by a connection without requests.
        if self.asked.http.is_none() && !self.denies && speaks_of_requests(rule) {
            return false;
        }
        one_of(&rule["from"], "source", &|source| self.source(source))
            && one_of(&rule["to"], "operation", &|operation| {
                self.operation(operation)
            })
            && rule["when"]
                .as_array()
                .into_iter()
                .flatten()
                .all(|condition| self.condition(condition))
    }

    fn source(&self, source: &Value) -> bool {
        let peer = self.asked.peer.as_ref();
        self.pair(source, "principals", "notPrincipals", |pattern| {
            Some(peer.is_some_and(|peer| self.is_principal(peer, pattern)))
        }) && self.pair(
            source,
            "requestPrincipals",
            "notRequestPrincipals",
            |pattern| {
                let http = self.asked.http.as_ref()?;
                Some(request_principal(http).is_some_and(|it| matches(&it, pattern)))
            },
        ) && self.pair(source, "namespaces", "notNamespaces", |pattern| {
            Some(peer.is_some_and(|peer| matches(&peer.namespace, pattern)))
        }) && self.pair(source, "serviceAccounts", "notServiceAccounts", |account| {
            Some(peer.is_some_and(|peer| self.is_account(peer, account)))
        }) && self.pair(source, "trustDomains", "notTrustDomains", |pattern| {
            Some(peer.is_some_and(|peer| matches(&peer.trust_domain, pattern)))
        }) && self.pair(source, "ipBlocks", "notIpBlocks", |block| {
            Some(is_within(self.asked.source, block))
        }) && self.pair(source, "remoteIpBlocks", "notRemoteIpBlocks", |block| {
            Some(is_within(self.asked.remote, block))
        })
    }

    fn operation(&self, operation: &Value) -> bool {
        let http = self.asked.http.as_ref();
        self.pair(operation, "hosts", "notHosts", |pattern| {
            let host = http?.authority.to_ascii_lowercase();
            Some(matches(&host, &pattern.to_ascii_lowercase()))
        }) && self.pair(operation, "methods", "notMethods", |pattern| {
            Some(matches(&http?.method, pattern))
        }) && self.pair(operation, "paths", "notPaths", |pattern| {
            let path = without_query(&http?.path);
            Some(if pattern.contains('{') {
                matches_template(path, pattern)
            } else {
                matches(path, pattern)
            })
        }) && self.pair(operation, "ports", "notPorts", |port| {
            Some(port.parse() == Ok(self.asked.destination.1))
        })
    }

    fn condition(&self, condition: &Value) -> bool {
        let key = condition["key"].as_str().unwrap_or_default();
        self.pair(condition, "values", "notValues", |value| {
            self.attribute(key, value)
        })
    }

    /// Whether an attribute has a value; `None` if only requests have it and this is none.
    fn attribute(&self, key: &str, value: &str) -> Option<bool> {
        let peer = self.asked.peer.as_ref();
        let http = self.asked.http.as_ref();
        let claims = || http.map(|http| http.claims.as_ref());
        Some(match key {
            "source.ip" => is_within(self.asked.source, value),
            "remote.ip" => is_within(self.asked.remote, value),
            "destination.ip" => is_within(self.asked.destination.0, value),
            "destination.port" => value.parse() == Ok(self.asked.destination.1),
            "source.namespace" => peer.is_some_and(|peer| matches(&peer.namespace, value)),
            "source.principal" => peer.is_some_and(|peer| self.is_principal(peer, value)),
            "source.serviceAccount" => peer.is_some_and(|peer| self.is_account(peer, value)),
            "connection.sni" => matches(&self.asked.server_name, value),
            "request.auth.principal" => {
                request_principal(http?).is_some_and(|it| matches(&it, value))
            }
            "request.auth.audiences" => has_claim(claims()?, &["aud"], value),
            "request.auth.presenter" => has_claim(claims()?, &["azp"], value),
            _ => {
                if let Some(name) = bracketed(key, "request.headers") {
                    let name = name.first().map(|name| name.to_ascii_lowercase());
                    let found =
                        name.and_then(|name| http.map(|http| http.headers.get(&name).cloned()))?;
                    // Of several headers of one name, one is enough: Istio documents nothing, and this is what
                    // Envoy 1.40 does (older ones joined them by commas).
                    found.is_some_and(|found| found.iter().any(|found| matches(found, value)))
                } else {
                    let path = bracketed(key, "request.auth.claims")?;
                    has_claim(claims()?, &path, value)
                }
            }
        })
    }

    /// Whether a pair of a field and its negation holds. What concerns only requests makes an allowing rule void and is
    /// left out of a denying one, for a connection that has none.
    fn pair(
        &self,
        of: &Value,
        field: &str,
        negated: &str,
        check: impl Fn(&str) -> Option<bool>,
    ) -> bool {
        let any = |field: &str| {
            let values: Vec<&str> = of[field]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if values.is_empty() {
                return None;
            }
            let found: Option<Vec<bool>> = values.iter().map(|value| check(value)).collect();
            Some(match found {
                None => Outcome::Inapplicable,
                Some(found) if found.contains(&true) => Outcome::Matches,
                Some(_) => Outcome::Fails,
            })
        };
        let positive = match any(field) {
            None | Some(Outcome::Matches) => true,
            Some(Outcome::Fails) => false,
            Some(Outcome::Inapplicable) => self.denies,
        };
        let negative = match any(negated) {
            None | Some(Outcome::Fails) => true,
            Some(Outcome::Matches) => false,
            Some(Outcome::Inapplicable) => self.denies,
        };
        positive && negative
    }

    /// Principals are written without the scheme; all names of the mesh's trust domain stand for each other.
    fn is_principal(&self, peer: &Peer, pattern: &str) -> bool {
        let Peer {
            trust_domain,
            namespace,
            account,
        } = peer;
        let text = |domain: &str| format!("{domain}/ns/{namespace}/sa/{account}");
        let ours = &self.mesh.trust_domains;
        if ours.contains(trust_domain) {
            ours.iter().any(|domain| matches(&text(domain), pattern))
        } else {
            matches(&text(trust_domain), pattern)
        }
    }

    /// `NAMESPACE/ACCOUNT`, or an account of the policy's own namespace.
    fn is_account(&self, peer: &Peer, written: &str) -> bool {
        let (namespace, account) = written.split_once('/').unwrap_or((self.namespace, written));
        peer.namespace == namespace && peer.account == account
    }
}

/// Whether any field of a rule has a meaning for requests only.
fn speaks_of_requests(rule: &Value) -> bool {
    const FIELDS: [&str; 8] = [
        "requestPrincipals",
        "notRequestPrincipals",
        "hosts",
        "notHosts",
        "methods",
        "notMethods",
        "paths",
        "notPaths",
    ];
    let written = |of: &Value| {
        let written = |field: &&str| of[*field].as_array().is_some_and(|list| !list.is_empty());
        FIELDS.iter().any(written)
    };
    let entries = |list: &str, part: &str| {
        let entries = rule[list].as_array().into_iter().flatten();
        entries.map(|entry| entry[part].clone()).collect::<Vec<_>>()
    };
    let conditions = rule["when"].as_array().into_iter().flatten();
    entries("from", "source").iter().any(written)
        || entries("to", "operation").iter().any(written)
        || conditions
            .filter_map(|condition| condition["key"].as_str())
            .any(|key| key.starts_with("request."))
}

/// `abc`, `abc*`, `*abc`, or `*`, which matches what is there and not empty.
fn matches(text: &str, pattern: &str) -> bool {
    if pattern == "*" {
        return !text.is_empty();
    }
    if let Some(prefix) = pattern.strip_suffix('*') {
        return text.starts_with(prefix);
    }
    match pattern.strip_prefix('*') {
        Some(suffix) => text.ends_with(suffix),
        None => text == pattern,
    }
}

fn is_within(address: IpAddr, block: &str) -> bool {
    match block.parse::<IpNet>() {
        Ok(net) => net.contains(&address),
        Err(_) => block.parse() == Ok(address),
    }
}

fn request_principal(http: &Http) -> Option<String> {
    let claims = http.claims.as_ref()?;
    Some(format!(
        "{}/{}",
        claims["iss"].as_str()?,
        claims["sub"].as_str()?
    ))
}

/// Whether a claim is a text that matches, or a list with one. `scope` and `permission` are lists of words.
fn has_claim(claims: Option<&Value>, path: &[&str], pattern: &str) -> bool {
    let Some(found) = path
        .iter()
        .try_fold(claims, |value, name| value.map(|value| value.get(name)))
    else {
        return false;
    };
    let words = matches!(path, ["scope" | "permission"]);
    match found {
        Some(Value::String(text)) if words => text.split(' ').any(|word| matches(word, pattern)),
        Some(Value::String(text)) => matches(text, pattern),
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .any(|text| matches(text, pattern)),
        _ => false,
    }
}

/// The names in brackets behind a prefix: `PREFIX[a][b]`.
fn bracketed<'a>(key: &'a str, prefix: &str) -> Option<Vec<&'a str>> {
    let inner = key
        .strip_prefix(prefix)?
        .strip_prefix('[')?
        .strip_suffix(']')?;
    Some(inner.split("][").collect())
}

fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or(path)
}
