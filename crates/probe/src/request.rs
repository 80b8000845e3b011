//! What is asked about: a connection and what is said on it.

use std::net::SocketAddr;

use serde_json::{Map, Value};

/// A connection, and what is said on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Where the client wanted to connect to: the workload's address and port, whatever the
    /// listener's own.
    pub destination: SocketAddr,
    /// Where it connects from, as the proxy sees it. The unspecified address (`0.0.0.0`) stands
    /// for one that is not known.
    pub source: SocketAddr,
    /// Who it is.
    pub peer: Peer,
    /// The request; `None` = something else than HTTP is spoken.
    pub http: Option<HttpRequest>,
    /// The time at the proxy, in seconds since 1970, by which tokens are judged.
    pub now: u64,
}

/// Who connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody in the clear.
    Plaintext,
    /// Somebody who speaks TLS and has no certificate.
    Tls(ClientHello),
    /// Somebody who speaks TLS and presents a certificate if asked for it.
    MutualTls(ClientHello, Certificate),
}

/// What a TLS client says in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server that it wants; empty = it doesn't say.
    pub server_name: String,
    /// Protocols that it offers, in its order of preference.
    pub protocols: Vec<String>,
}

/// A client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// URI names.
    pub uris: Vec<String>,
    /// DNS names.
    pub dns_names: Vec<String>,
    /// The subject as in RFC 2253; empty = none.
    pub subject: String,
    /// Who has signed it.
    pub chain: Chain,
}

/// Who has signed a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Authorities that the server trusts for the names in it; it is valid now.
    Trusted,
    /// Others, or it is not valid.
    Foreign,
}

/// A request as the client sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRequest {
    /// The version.
    pub version: HttpVersion,
    /// The method.
    pub method: String,
    /// The request target: a path with query, as sent.
    pub path: String,
    /// `Host`, or `:authority`; `None` = there is none.
    pub authority: Option<String>,
    /// Further headers, as sent; a name may stand several times.
    pub headers: Vec<(String, String)>,
    /// Claims of tokens that are taken for well signed, beside those in `headers` and `path`.
    /// They are found where tokens of their issuer are expected; `exp`, `nbf` and `aud` count.
    pub claims: Vec<Map<String, Value>>,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}
