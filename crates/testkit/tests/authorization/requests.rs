//! What is asked: connections and requests of every kind.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ferromesh_probe::{Certificate, Chain, ClientHello, HttpRequest, HttpVersion, Peer, Request};
use ferromesh_testkit::oracle;
use ferromesh_testkit::raw;
use serde_json::Value;

use crate::arena::{Arena, CLIENTS, DETECT, HTTP, TCP};
use crate::policies::{HEADERS, HOSTS, METHODS, Pick, SEGMENTS};

/// A connection, and perhaps a request on it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Who asks: one of [`CLIENTS`], or somebody in the clear.
    pub client: Option<usize>,
    /// Where from.
    pub source: IpAddr,
    /// Which port of the server.
    pub port: u16,
    /// The request.
    pub http: Option<Http>,
}

/// A request of HTTP/1.1.
#[derive(Clone, Debug)]
pub struct Http {
    pub method: String,
    pub path: String,
    pub host: String,
    pub headers: Vec<(String, String)>,
    /// The claims of a token among the headers.
    pub claims: Option<Value>,
}

impl Http {
    /// A GET.
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            host: "server.shop".to_owned(),
            headers: Vec::new(),
            claims: None,
        }
    }

    /// As it is sent.
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

impl Case {
    /// For the referee.
    pub fn asked(&self, to: SocketAddr) -> oracle::Asked {
        let remote = self.http.as_ref().and_then(|http| {
            let forwarded = http.values().remove("x-forwarded-for")?.join(",");
            forwarded.rsplit(',').next()?.trim().parse().ok()
        });
        oracle::Asked {
            peer: Arena::peer(self.client),
            source: self.source,
            remote: remote.unwrap_or(self.source),
            destination: (to.ip(), self.port),
            server_name: self
                .client
                .map_or(String::new(), |_| "server.shop".to_owned()),
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
        let protocols = if self.http.is_some() {
            raw::HTTP
        } else {
            raw::TCP
        };
        let peer = match self.client.and_then(|client| CLIENTS.get(client)) {
            None => Peer::Plaintext,
            Some((name, namespace, account)) => Peer::MutualTls(
                ClientHello {
                    server_name: "server.shop".to_owned(),
                    protocols: protocols.iter().map(ToString::to_string).collect(),
                },
                Certificate {
                    uris: vec![format!(
                        "spiffe://cluster.local/ns/{namespace}/sa/{account}"
                    )],
                    dns_names: vec![format!("{name}.test.wl.mesh")],
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
                version: HttpVersion::Http1,
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

/// A case at random; tokens are among these.
pub fn case(pick: &mut Pick, tokens: &[(String, Value)]) -> Case {
    let client = *pick.of(&[None, Some(0), Some(1), Some(2), Some(3)]);
    let source = pick
        .of(&["127.0.0.1", "127.0.0.2", "127.0.1.1"])
        .parse()
        .expect("an address");
    let port = *pick.of(&[HTTP, HTTP, HTTP, DETECT, TCP]);
    let http = (port != TCP && (port == HTTP || pick.chance(70))).then(|| http(pick, tokens));
    Case {
        client,
        source,
        port,
        http,
    }
}

fn http(pick: &mut Pick, tokens: &[(String, Value)]) -> Http {
    let depth = 1 + pick.below(3);
    let path: String = (0..depth)
        .map(|_| format!("/{}", pick.of(&SEGMENTS)))
        .collect();
    let query = *pick.of(&["", "", "?x=1", "?/admin"]);
    let mut headers = Vec::new();
    for (name, values) in HEADERS {
        for _ in 0..pick.below(3) {
            headers.push(((*name).to_owned(), (*pick.of(values)).to_owned()));
        }
    }
    if pick.chance(30) {
        let from = *pick.of(&["10.0.0.1", "10.0.1.1", "192.168.0.9, 10.0.0.1"]);
        headers.push(("x-forwarded-for".to_owned(), from.to_owned()));
    }
    let mut claims = None;
    if pick.chance(50) {
        let (token, payload) = pick.of(tokens);
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        claims = Some(payload.clone());
    }
    Http {
        method: (*pick.of(&METHODS)).to_owned(),
        path: path + query,
        host: (*pick.of(&HOSTS)).to_owned(),
        headers,
        claims,
    }
}
