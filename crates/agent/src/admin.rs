//! Envoy's admin interface, as far as the agent needs it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long Envoy may take to begin an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest answer that is read whole.
const LARGEST: usize = 1 << 20;

/// Why Envoy's admin interface gave no answer.
#[derive(Debug)]
pub struct Unreachable(String);

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "envoy's admin interface does not answer: {}",
            self.0
        )
    }
}

impl std::error::Error for Unreachable {}

/// A client of one Envoy's admin interface. Each request has its own connection: they are rare.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    /// The admin interface at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Sends a request and returns the answer before its body.
    ///
    /// # Errors
    /// When Envoy doesn't answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
    ) -> Result<Response<Incoming>, Unreachable> {
        let exchange = async {
            let stream = TcpStream::connect(self.address)
                .await
                .map_err(|error| error.to_string())?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(header::HOST, self.address.to_string())
                .body(Empty::<Bytes>::new())
                .map_err(|error| error.to_string())?;
            sender
                .send_request(request)
                .await
                .map_err(|error| error.to_string())
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(outcome) => outcome.map_err(Unreachable),
            Err(_) => Err(Unreachable(format!(
                "no answer within {} s",
                PATIENCE.as_secs()
            ))),
        }
    }

    /// The body of an answer to GET, whatever its status.
    ///
    /// # Errors
    /// When Envoy doesn't answer, or with more than 1 MiB.
    pub async fn text(&self, path: &str) -> Result<String, Unreachable> {
        let body = Limited::new(self.send(Method::GET, path).await?.into_body(), LARGEST);
        let whole = body
            .collect()
            .await
            .map_err(|error| Unreachable(error.to_string()))?;
        Ok(String::from_utf8_lossy(&whole.to_bytes()).into_owned())
    }

    /// The statistics whose names match an expression, which must be encoded as a query is.
    ///
    /// # Errors
    /// As [`Admin::text`].
    pub async fn stats(&self, filter: &str) -> Result<String, Unreachable> {
        self.text(&format!("/stats?filter={filter}")).await
    }
}
