//! One connection, for as many requests as are sent on it.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Answer, PATIENCE, Protocol, Request};

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An open connection. Dropping it closes it.
pub struct Connection {
    sender: Sender,
    local: SocketAddr,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there, or the protocol isn't spoken.
    pub async fn open(to: SocketAddr, protocol: Protocol) -> Result<Self, String> {
        let stream = TcpStream::connect(to)
            .await
            .map_err(|error| format!("{to}: {error}"))?;
        Self::begin(stream, to, protocol).await
    }

    /// Connects from one of our addresses.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_from(
        from: IpAddr,
        to: SocketAddr,
        protocol: Protocol,
    ) -> Result<Self, String> {
        Self::begin(super::connect_from(from, to).await?, to, protocol).await
    }

    async fn begin(stream: TcpStream, to: SocketAddr, protocol: Protocol) -> Result<Self, String> {
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let local = stream.local_addr().map_err(|error| error.to_string())?;
        let io = TokioIo::new(stream);
        let fault = |error: hyper::Error| format!("{to}: {error}");
        let (sender, driver) = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await.map_err(fault)?;
                (
                    Sender::Http1(sender),
                    tokio::spawn(async { drop(connection.await) }),
                )
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                    .await
                    .map_err(fault)?;
                (
                    Sender::Http2(sender),
                    tokio::spawn(async { drop(connection.await) }),
                )
            }
        };
        Ok(Self {
            sender,
            local,
            driver,
        })
    }

    /// Our own address on this connection.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Whether another request can be sent on it, as far as is known.
    pub fn is_open(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => !sender.is_closed(),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Waits until the other side has closed it.
    pub async fn closed(mut self) {
        let _ = (&mut self.driver).await;
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer takes longer than a minute.
    pub async fn send(&mut self, request: Request) -> Result<Answer, String> {
        let Request {
            method,
            host,
            path,
            headers,
            body,
            through_proxy,
        } = request;
        // HTTP/2 takes the authority from the URI; HTTP/1.1 writes the URI as it is.
        let absolute = through_proxy || matches!(self.sender, Sender::Http2(_));
        let uri = if absolute {
            format!("http://{host}{path}")
        } else {
            path
        };
        let uri: Uri = uri.parse().map_err(|error| format!("{uri}: {error}"))?;
        let mut outgoing = hyper::Request::new(Full::new(body));
        *outgoing.method_mut() = method;
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = headers;
        if matches!(self.sender, Sender::Http1(_)) {
            let value = host.parse().map_err(|_| format!("{host}: not a host"))?;
            outgoing.headers_mut().entry(HOST).or_insert(value);
        }
        let begin = Instant::now();
        let exchange = async {
            let fault = |error: hyper::Error| describe(&error);
            let response: Response<Incoming> = match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await.map_err(fault)?;
                    sender.send_request(outgoing).await.map_err(fault)?
                }
                Sender::Http2(sender) => {
                    sender.ready().await.map_err(fault)?;
                    sender.send_request(outgoing).await.map_err(fault)?
                }
            };
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(fault)?;
            let trailers = body.trailers().cloned().unwrap_or_default();
            let (status, headers, body) = (parts.status, parts.headers, body.to_bytes());
            Ok(Answer {
                status,
                headers,
                body,
                trailers,
                elapsed: begin.elapsed(),
            })
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }
}

/// The error with its causes: hyper's own text often says only "connection error".
fn describe(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
