//! What is asked: connections and requests of every kind.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ferromesh_probe::{Certificate, Chain, ClientHello, HttpRequest, HttpVersion, Peer, Request};
use ferromesh_testkit::oracle;
use ferromesh_testkit::raw;
use serde_json::Value;

use crate::arena::{CLIENTS, FRIENDS, HTTP};

/// The server name of TLS.
pub const SERVER_NAME: &str = "server.shop";

/// A connection, and perhaps a request on it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Who asks.
    pub client: Client,
    /// Where from.
    pub source: IpAddr,
    /// Which port of the server.
    pub port: u16,
    /// The version of HTTP.
    pub version: HttpVersion,
    /// The request.
    pub http: Option<Http>,
    /// What its tokens are.
    pub tokens: Tokens,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// Somebody in the clear.
    Plaintext,
    /// Somebody who speaks TLS of their own, and has no certificate.
    Anonymous,
    /// Somebody who speaks TLS as the mesh does, and has no certificate.
    Pretender,
    /// One of [`CLIENTS`].
    Mesh(usize),
    /// One of [`FRIENDS`], certified by their authority.
    Friend(usize),
}

/// What the tokens of a request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// There are none, or all are good.
    Sound,
    /// One is not.
    Bad,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Http {
    pub method: String,
    pub path: String,
    pub host: String,
    pub headers: Vec<(String, String)>,
    /// The claims of the token that counts.
    pub claims: Option<Value>,
}

impl Http {
    /// A GET.
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            host: SERVER_NAME.to_owned(),
            headers: Vec::new(),
            claims: None,
        }
    }

    /// With a further header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// For this host.
    pub fn to(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// As it is sent by HTTP/1.1.
    pub fn bytes(&self) -> Vec<u8> {
        let Self {
            method,
            path,
            host,
            headers,
            claims: _,
        } = self;
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n{headers}\r\n")
            .into_bytes()
    }

    /// The values of each header.
    fn values(&self) -> BTreeMap<String, Vec<String>> {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &self.headers {
            values
                .entry(name.to_ascii_lowercase())
                .or_default()
                .push(value.clone());
        }
        values
    }
}

impl Client {
    /// Its trust domain, namespace and account, if it can prove them.
    pub fn identity(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::Plaintext | Self::Anonymous | Self::Pretender => None,
            Self::Mesh(index) => {
                let (_, namespace, account) = CLIENTS.get(index)?;
                Some(("cluster.local", namespace, account))
            }
            Self::Friend(index) => FRIENDS.get(index).copied(),
        }
    }

    /// Whether it speaks TLS.
    fn server_name(self) -> String {
        match self {
            Self::Plaintext => String::new(),
            Self::Anonymous | Self::Pretender | Self::Mesh(_) | Self::Friend(_) => {
                SERVER_NAME.to_owned()
            }
        }
    }
}

impl Case {
    /// A request of HTTP/1.1 to the port of HTTP.
    pub fn of(client: Client, http: Http) -> Self {
        Self {
            client,
            source: [127, 0, 0, 1].into(),
            port: HTTP,
            version: HttpVersion::Http1,
            http: Some(http),
            tokens: Tokens::Sound,
        }
    }

    /// By HTTP/2.
    pub fn by_http2(mut self) -> Self {
        self.version = HttpVersion::Http2;
        self
    }

    /// With a token that is not good.
    pub fn with_bad_token(mut self) -> Self {
        self.tokens = Tokens::Bad;
        self
    }

    /// The application protocols that the client offers.
    pub fn protocols(&self) -> &'static [&'static str] {
        match (self.client, &self.http, self.version) {
            (Client::Plaintext | Client::Anonymous, _, _) => &[],
            (_, None, _) => raw::TCP,
            (_, Some(_), HttpVersion::Http1) => raw::HTTP,
            (_, Some(_), HttpVersion::Http2) => raw::HTTP2,
        }
    }

    /// For the referee.
    pub fn asked(&self, to: SocketAddr) -> oracle::Asked {
        let remote = self.http.as_ref().and_then(|http| {
            let forwarded = http.values().remove("x-forwarded-for")?.join(",");
            forwarded.rsplit(',').next()?.trim().parse().ok()
        });
        let peer = |(trust_domain, namespace, account): (&str, &str, &str)| oracle::Peer {
            trust_domain: trust_domain.to_owned(),
            namespace: namespace.to_owned(),
            account: account.to_owned(),
        };
        oracle::Asked {
            peer: self.client.identity().map(peer),
            source: self.source,
            remote: remote.unwrap_or(self.source),
            destination: (to.ip(), self.port),
            server_name: self.client.server_name(),
            http: self.http.as_ref().map(|http| oracle::Http {
                method: http.method.clone(),
                path: http.path.clone(),
                authority: http.host.clone(),
                headers: http.values(),
                claims: http.claims.clone(),
            }),
        }
    }

    /// For the probe.
    pub fn asked_of_probe(&self, to: SocketAddr, now: u64) -> Request {
        let hello = ClientHello {
            server_name: self.client.server_name(),
            protocols: self.protocols().iter().map(ToString::to_string).collect(),
        };
        let peer = match (self.client, self.client.identity()) {
            (Client::Plaintext, _) => Peer::Plaintext,
            (_, None) => Peer::Tls(hello),
            (_, Some((trust_domain, namespace, account))) => Peer::MutualTls(
                hello,
                Certificate {
                    uris: vec![format!(
                        "spiffe://{trust_domain}/ns/{namespace}/sa/{account}"
                    )],
                    dns_names: vec!["some.test.wl.mesh".to_owned()],
                    subject: String::new(),
                    chain: Chain::Trusted,
                },
            ),
        };
        Request {
            destination: to,
            source: SocketAddr::new(self.source, 40_000),
            peer,
            http: self.http.as_ref().map(|http| HttpRequest {
                version: self.version,
                method: http.method.clone(),
                path: http.path.clone(),
                authority: Some(http.host.clone()),
                headers: http.headers.clone(),
                claims: Vec::new(),
            }),
            now,
        }
    }
}
