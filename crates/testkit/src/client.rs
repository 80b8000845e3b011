//! An HTTP client that does exactly what it is told: which address, which `Host`, which connection, how many at once.

mod connection;
mod load;
mod tcp;
mod websocket;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};

pub use connection::Connection;
pub use load::{Tally, many};
pub use tcp::Tcp;
pub use websocket::WebSocket;

/// How long an answer may take before the client gives up. Longer than any timeout that tests configure.
const PATIENCE: Duration = Duration::from_secs(60);

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, begun without asking.
    Http2,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    /// The host with or without a port, as in `Host` or `:authority`.
    host: String,
    /// Path and query.
    path: String,
    headers: HeaderMap,
    body: Bytes,
    through_proxy: bool,
}

impl Request {
    /// A GET of a path from a host.
    pub fn get(host: &str, path: &str) -> Self {
        Self {
            method: Method::GET,
            host: host.to_owned(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            through_proxy: false,
        }
    }

    /// With another method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With one more header.
    ///
    /// # Panics
    /// When the name or the value can't be sent.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = hyper::header::HeaderName::try_from(name).expect("a header name");
        self.headers
            .append(name, value.parse().expect("a header value"));
        self
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// In the form in which HTTP proxies are asked: with the host in the request line.
    pub fn through_proxy(mut self) -> Self {
        self.through_proxy = true;
        self
    }

    /// As a gRPC call with one message.
    pub fn grpc(mut self, message: &[u8]) -> Self {
        let mut framed = vec![0];
        framed.extend_from_slice(
            &u32::try_from(message.len())
                .expect("a message below 4 GiB")
                .to_be_bytes(),
        );
        framed.extend_from_slice(message);
        self.method = Method::POST;
        self.body = framed.into();
        self.header("content-type", "application/grpc")
            .header("te", "trailers")
    }

    /// Sends it on a connection of its own, over HTTP/1.1.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(self, to: SocketAddr) -> Result<Answer, String> {
        self.send_by(to, Protocol::Http1).await
    }

    /// Sends it on a connection of its own.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send_by(self, to: SocketAddr, protocol: Protocol) -> Result<Answer, String> {
        Connection::open(to, protocol).await?.send(self).await
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The trailers, if there were any.
    pub trailers: HeaderMap,
    /// From the request to the end of the body.
    pub elapsed: Duration,
}

impl Answer {
    /// A header's first value, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Who answered, or "" when it was no echo server.
    pub fn instance(&self) -> &str {
        self.header("x-echo-instance")
    }

    /// What the echo server says, or null.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header that the echo server received, or "".
    pub fn seen_header(&self, name: &str) -> String {
        self.json()["headers"][name]
            .as_str()
            .unwrap_or("")
            .to_owned()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection whose own address is chosen.
async fn connect_from(from: IpAddr, to: SocketAddr) -> Result<TcpStream, String> {
    let connect = async {
        let socket = match from {
            IpAddr::V4(_) => TcpSocket::new_v4(),
            IpAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(to).await
    };
    connect
        .await
        .map_err(|error| format!("{from} to {to}: {error}"))
}
