//! What Envoy makes of a case.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use ferromesh_probe::HttpVersion;
use ferromesh_testkit::raw::{Handshake, Raw};
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Arena, Outcome};
use crate::requests::{Case, Client, Http, SERVER_NAME};

/// What is said on a connection of no protocol.
const BYTES: &[u8] = b"\0hello\n";

/// Connections that are open, by who has opened them, from where, to which port and for which version of HTTP.
pub(super) type Connections = BTreeMap<(Client, IpAddr, u16, bool), Connection>;

/// A connection for requests.
pub(super) enum Connection {
    Http1(Raw),
    Http2(SendRequest<Empty<Bytes>>),
}

/// What is looked at of an answer.
struct Answer {
    status: u16,
    /// The status of gRPC, if it is that.
    grpc: Option<String>,
    /// Whether it was the last one of its connection.
    is_last: bool,
}

impl Arena {
    /// What Envoy makes of a case.
    pub async fn envoy(&mut self, case: &Case) -> Outcome {
        let Some(http) = &case.http else {
            return self.envoy_without_requests(case).await;
        };
        let is_http2 = case.version == HttpVersion::Http2;
        let key = (case.client, case.source, case.port, is_http2);
        // A connection that was kept may have been closed in the meantime; a fresh one may not.
        for is_fresh in [false, true] {
            let kept = self.open.remove(&key).filter(|_| !is_fresh);
            let mut connection = match kept {
                Some(connection) => connection,
                None => match self.connect(case).await {
                    Ok(connection) => connection,
                    Err(_) => return Outcome::Reset,
                },
            };
            let Ok(answer) = connection.send(http).await else {
                continue;
            };
            if !answer.is_last {
                self.open.insert(key, connection);
            }
            return answer.outcome(case);
        }
        Outcome::Reset
    }

    async fn envoy_without_requests(&mut self, case: &Case) -> Outcome {
        let to = self.address(case.port);
        let handshake = self.handshake(case);
        // Who wants to speak TLS with the application begins like this.
        let (handshake, bytes) = match case.client {
            Client::Anonymous => (Handshake::Plaintext, handshake.hello()),
            _ => (handshake, BYTES.to_vec()),
        };
        let echoed = async {
            let mut raw = Raw::open_from(case.source, to, &handshake).await?;
            raw.echo(&bytes).await
        };
        match echoed.await {
            // What comes back may be an alert of TLS.
            Ok(echoed) if echoed == bytes => Outcome::Allowed,
            Ok(_) | Err(_) => Outcome::Reset,
        }
    }

    async fn connect(&mut self, case: &Case) -> io::Result<Connection> {
        let handshake = self.handshake(case);
        let raw = Raw::open_from(case.source, self.address(case.port), &handshake).await?;
        match case.version {
            HttpVersion::Http1 => Ok(Connection::Http1(raw)),
            HttpVersion::Http2 => {
                let io = TokioIo::new(raw.into_stream());
                let handshake = http2::handshake(TokioExecutor::new(), io).await;
                let (sender, connection) = handshake.map_err(io::Error::other)?;
                tokio::spawn(connection);
                Ok(Connection::Http2(sender))
            }
        }
    }

    fn handshake(&mut self, case: &Case) -> Handshake {
        let certificate = match case.client {
            Client::Plaintext => return Handshake::Plaintext,
            Client::Anonymous | Client::Pretender => None,
            Client::Mesh(index) => Some(&self.certificates[index]),
            Client::Friend(index) => Some(&self.friends[index].certified),
        };
        let protocols = case.protocols();
        self.handshakes
            .entry((case.client, protocols))
            .or_insert_with(|| Handshake::tls(certificate, protocols, SERVER_NAME))
            .clone()
    }
}

impl Connection {
    async fn send(&mut self, http: &Http) -> io::Result<Answer> {
        match self {
            Self::Http1(raw) => {
                let reply = raw.send(&http.bytes()).await?;
                let grpc = Some(reply.header("grpc-status")).filter(|it| !it.is_empty());
                Ok(Answer {
                    status: reply.status,
                    grpc: grpc.map(str::to_owned),
                    is_last: reply.header("connection") == "close",
                })
            }
            Self::Http2(sender) => {
                sender.ready().await.map_err(io::Error::other)?;
                let answer = sender.send_request(http.request()).await;
                let (parts, body) = answer.map_err(io::Error::other)?.into_parts();
                // Who ends a stream early is taken for an attacker after a while.
                let body = body.collect().await.map_err(io::Error::other)?;
                let read = |headers: &http::HeaderMap| {
                    let value = headers.get("grpc-status")?.to_str().ok()?;
                    Some(value.to_owned())
                };
                Ok(Answer {
                    status: parts.status.as_u16(),
                    grpc: read(&parts.headers).or_else(|| read(body.trailers()?)),
                    is_last: false,
                })
            }
        }
    }
}

impl Http {
    /// As it is sent by HTTP/2.
    fn request(&self) -> hyper::Request<Empty<Bytes>> {
        let Self {
            method,
            path,
            host,
            headers,
            claims: _,
        } = self;
        let uri = Uri::builder()
            .scheme("http")
            .authority(host.as_str())
            .path_and_query(path.as_str());
        let mut request = hyper::Request::builder()
            .method(method.as_str())
            .uri(uri.build().expect("a URI"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(Empty::new()).expect("a request")
    }
}

impl Answer {
    fn outcome(self, case: &Case) -> Outcome {
        let Self {
            status,
            grpc,
            is_last: _,
        } = self;
        // The codes of gRPC for what HTTP calls by other numbers.
        match (status, grpc.as_deref()) {
            (200, None | Some("0")) => Outcome::Allowed,
            (403, _) | (200, Some("7")) => Outcome::Denied,
            (401, _) | (200, Some("16")) => Outcome::Challenged,
            (400, _) | (200, Some("13")) => Outcome::BadRequest,
            other => panic!("{other:?} for {case:?}"),
        }
    }
}
