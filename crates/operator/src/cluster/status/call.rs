//! A connection from replica to replica, and gRPC calls of one message on it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ferromesh_identity::{Certificate, SpiffeId};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The length of gRPC's prefix: a flag for compression and the length of the message.
const PREFIX: usize = 5;

/// The largest answer that is read.
const LARGEST: usize = 1 << 20;

/// A connection to another replica, which has proven that it is one.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects to whoever has this identity there.
    pub async fn open(
        address: SocketAddr,
        identity: &SpiffeId,
        config: Arc<ClientConfig>,
    ) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let tcp = TcpStream::connect(address).await;
        let tcp = tcp.map_err(|error| text(&error))?;
        // No certificate of a workload has this name.
        let name = format!("ferromesh.{}.svc", identity.namespace());
        let name = ServerName::try_from(name).map_err(|error| text(&error))?;
        let tls = TlsConnector::from(config).connect(name, tcp).await;
        let tls = tls.map_err(|error| text(&error))?;
        check_identity(&tls, identity)?;
        let shaken = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await;
        let (sender, connection) = shaken.map_err(|error| text(&error))?;
        let driver = tokio::spawn(async move {
            // Whoever calls sees it.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Sends a message and returns the one of the answer.
    pub async fn call(&mut self, path: &'static str, message: &[u8]) -> Result<Bytes, String> {
        let answer = self.sender.send_request(request(path, message)?).await;
        let answer = answer.map_err(|error| error.to_string())?;
        // Without a body, the status stands among the headers.
        check(answer.headers())?;
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| error.to_string())?;
        if let Some(trailers) = body.trailers() {
            check(trailers)?;
        }
        let mut frame = body.to_bytes();
        if frame.len() < PREFIX || frame.get_u8() != 0 || frame.get_u32() as usize != frame.len() {
            return Err("not an answer: no single uncompressed message".to_owned());
        }
        Ok(frame)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn check_identity(tls: &TlsStream<TcpStream>, expected: &SpiffeId) -> Result<(), String> {
    let (_, session) = tls.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let leaf = leaf.ok_or_else(|| "there is no certificate".to_owned())?;
    let found = Certificate::from_der(leaf).and_then(|leaf| leaf.identity());
    match found {
        Ok(found) if found == *expected => Ok(()),
        Ok(found) => Err(format!("{found} is not {expected}")),
        Err(fault) => Err(fault.to_string()),
    }
}

fn request(path: &'static str, message: &[u8]) -> Result<Request<Full<Bytes>>, String> {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut request = Request::new(Full::new(frame.freeze()));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = format!("https://ferromesh{path}")
        .parse()
        .map_err(|_| format!("{path} is no path"))?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    Ok(request)
}

fn check(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some(code) => {
            let why = text("grpc-message").unwrap_or("without a reason");
            Err(format!("refused by status {code}: {why}"))
        }
    }
}
