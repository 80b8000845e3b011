//! What is asked.

use crate::output::Format;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use ferromesh_identity::SpiffeId;
use ferromesh_kube_source::directory;
use ferromesh_mesh::name::{Namespace, WorkloadName};
use serde_json::{Map, Value};

/// Say whether a request would be allowed, and by which policy.
///
/// The answer comes from the configuration that the proxies of the service would be given,
/// offline. Routes of the client are not followed: the request is taken as it is to every
/// instance of the service.
///
/// Exit status: 0 allowed, 1 refused, 2 wrong usage, 3 nobody can tell.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The manifests: dir:PATH.
    #[arg(long, value_name = "dir:PATH", value_parser = crate::render::source)]
    pub(super) source: PathBuf,

    /// The namespace of objects that name none.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = directory::namespace)]
    pub(super) default_namespace: String,

    /// Who asks: a Pod or WorkloadEntry as NAME.NAMESPACE, a SPIFFE id, or none for somebody
    /// without identity.
    #[arg(long, value_name = "NAME.NAMESPACE|SPIFFE-ID|none")]
    pub(super) from: From,

    /// Whom: the host of a service, or the address of a workload, and the port.
    #[arg(long, value_name = "HOST:PORT", value_parser = to)]
    pub(super) to: (String, u16),

    /// The method [default: GET].
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(super) method: Option<String>,

    /// The path, with its query [default: /].
    #[arg(long, value_name = "PATH")]
    pub(super) path: Option<String>,

    /// A header; may be given several times. Host is the service's unless it is given.
    #[arg(short = 'H', long = "header", value_name = "k: v", value_parser = header)]
    pub(super) headers: Vec<(String, String)>,

    /// A claim of a valid token; may be given several times. K is a name or a path as in
    /// realm[roles]; several of a name are a list. The issuer (iss) may be left out if only one
    /// is accepted.
    #[arg(long = "claim", value_name = "K=V", value_parser = claim)]
    pub(super) claims: Vec<(Vec<String>, String)>,

    /// Where the connection comes from [default: the address of the workload in the manifests].
    #[arg(long, value_name = "IP")]
    pub(super) source_ip: Option<IpAddr>,

    /// A text, or JSON.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(super) output: Format,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A workload of the manifests.
    Workload(WorkloadName),
    /// Whoever has this identity.
    Identity(SpiffeId),
    /// Somebody without.
    Nobody,
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nobody);
        }
        if text.starts_with("spiffe:") {
            return text
                .parse()
                .map(Self::Identity)
                .map_err(|fault| format!("{fault}"));
        }
        match text.rsplit_once('.') {
            Some((name, namespace)) if !name.is_empty() && !namespace.is_empty() => {
                Ok(Self::Workload(WorkloadName {
                    namespace: Namespace::from(namespace),
                    name: Arc::from(name),
                }))
            }
            _ => Err("write NAME.NAMESPACE, a SPIFFE id, or none".to_owned()),
        }
    }
}

fn to(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
    });
    parts.ok_or_else(|| "write HOST:PORT".to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => {
            Ok((name.to_owned(), value.trim_start_matches(' ').to_owned()))
        }
        _ => Err("write NAME: VALUE".to_owned()),
    }
}

fn claim(text: &str) -> Result<(Vec<String>, String), String> {
    let wrong = || "write NAME=VALUE, or OUTER[INNER]=VALUE".to_owned();
    let (path, value) = text.split_once('=').ok_or_else(wrong)?;
    let (first, rest) = path.split_at(path.find('[').unwrap_or(path.len()));
    let mut names = vec![first.to_owned()];
    let mut rest = rest;
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').and_then(|it| it.split_once(']'));
        let (name, after) = inner.ok_or_else(wrong)?;
        names.push(name.to_owned());
        rest = after;
    }
    if names.iter().any(String::is_empty) {
        return Err(wrong());
    }
    Ok((names, value.to_owned()))
}

/// The claims as a token says them. Times are numbers.
pub(super) fn token(claims: &[(Vec<String>, String)]) -> Map<String, Value> {
    let mut token = Map::new();
    for (path, text) in claims {
        let time = matches!(path.as_slice(), [name] if ["exp", "nbf", "iat"].contains(&&**name));
        let value = match text.parse::<u64>() {
            Ok(seconds) if time => Value::from(seconds),
            _ => Value::from(text.as_str()),
        };
        put(&mut token, path, value);
    }
    token
}

fn put(object: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => match object.get_mut(name) {
            None => drop(object.insert(name.clone(), value)),
            Some(Value::Array(list)) => list.push(value),
            Some(before) => *before = Value::Array(vec![before.take(), value]),
        },
        [name, inner @ ..] => {
            let outer = object
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(outer) = outer {
                put(outer, inner, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_asks_is_read() {
        let kind = |text: &str| match text.parse() {
            Ok(From::Workload(name)) => format!("{} in {}", name.name, name.namespace),
            Ok(From::Identity(id)) => id.account().to_owned(),
            Ok(From::Nobody) => "nobody".to_owned(),
            Err(_) => "wrong".to_owned(),
        };
        for (text, expected) in [
            ("web-0.v1.shop", "web-0.v1 in shop"),
            ("spiffe://td/ns/a/sa/b", "b"),
            ("none", "nobody"),
            ("web", "wrong"),
            ("spiffe://td/b", "wrong"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn claims_make_a_token() {
        let claims: Vec<_> = ["sub=me", "g=a", "g=b", "r[x][y]=z", "exp=7", "n=7"]
            .iter()
            .map(|text| claim(text).expect("a claim"))
            .collect();
        let expected = json!({
            "sub": "me", "g": ["a", "b"], "r": {"x": {"y": "z"}}, "exp": 7, "n": "7",
        });
        assert_eq!(Value::Object(token(&claims)), expected);
        for wrong in ["a", "=b", "a[=b", "a[]=b", "a[b]c=d"] {
            assert!(claim(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_target_has_a_port() {
        assert_eq!(to("A.b:80"), Ok(("a.b".to_owned(), 80)));
        assert_eq!(to("[::1]:80"), Ok(("::1".to_owned(), 80)));
        for wrong in ["a", "a:", ":80", "a:0", "a:70000"] {
            assert!(to(wrong).is_err(), "{wrong}");
        }
    }
}
