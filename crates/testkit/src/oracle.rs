//! What the documentation of AuthorizationPolicy says about a request, by reading policies as people write them.
//!
//! It is the referee between Envoy and `ferromesh authz test`, so it shares nothing with either: no types of the mesh, no
//! emission, no probe. It is slow and plain on purpose. Where the documentation leaves something open it follows what
//! Istio does with Envoy, and says so.

mod path;
mod rule;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

pub use path::Normalization;

/// What a workload is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who asks, proven by a certificate.
    pub peer: Option<Peer>,
    /// Where the connection comes from.
    pub source: IpAddr,
    /// Where the request comes from.
    pub remote: IpAddr,
    /// Where it goes to.
    pub destination: (IpAddr, u16),
    /// The server name of TLS; empty if there is none.
    pub server_name: String,
    /// The request; `None` for a connection without requests.
    pub http: Option<Http>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The trust domain.
    pub trust_domain: String,
    /// The namespace.
    pub namespace: String,
    /// The account.
    pub account: String,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Http {
    /// Its method.
    pub method: String,
    /// Its path with query, as sent.
    pub path: String,
    /// Its host, with port if the client wrote one.
    pub authority: String,
    /// The values of its headers, by their names in lower case.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The claims of its token, which has been verified.
    pub claims: Option<Value>,
}

/// The world around the policies.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// The trust domain, then its aliases: they stand for each other.
    pub trust_domains: Vec<String>,
    /// How paths are normalised.
    pub normalization: Normalization,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is allowed.
    Allowed,
    /// It is refused: by the policy of this name, or because no policy allows it.
    Denied(Option<String>),
    /// The path is so strange that no policy is asked: 400.
    BadRequest,
}

/// What happens at a workload for which these policies hold, in their order. Actions other than `ALLOW` and `DENY` are
/// passed over, and so are policies in dry run.
pub fn verdict(policies: &[Value], asked: &Asked, mesh: &Mesh) -> Verdict {
    let mut asked = asked.clone();
    if let Some(http) = &mut asked.http {
        match path::normalized(&http.path, mesh.normalization) {
            Some(path) => http.path = path,
            None => return Verdict::BadRequest,
        }
    }
    let in_force: Vec<&Value> = policies
        .iter()
        .filter(|policy| policy["metadata"]["annotations"]["istio.io/dry-run"] != "true")
        .collect();
    for policy in &in_force {
        if policy["spec"]["action"] == "DENY" && rule::any_matches(policy, &asked, mesh) {
            let name = policy["metadata"]["name"].as_str().unwrap_or_default();
            return Verdict::Denied(Some(name.to_owned()));
        }
    }
    let mut allows = in_force
        .iter()
        .filter(|policy| matches!(policy["spec"]["action"].as_str(), None | Some("ALLOW")))
        .peekable();
    if allows.peek().is_none() || allows.any(|policy| rule::any_matches(policy, &asked, mesh)) {
        Verdict::Allowed
    } else {
        Verdict::Denied(None)
    }
}
