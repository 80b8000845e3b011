//! A connection from replica to replica, and gRPC calls of one message on it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use ferromesh_chassis::grpc::{self, Call};
use ferromesh_identity::{Certificate, SpiffeId};
use http::uri::Scheme;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

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
        let call = Call {
            scheme: &Scheme::HTTPS,
            authority: "ferromesh",
            path,
            token: None,
            message,
        };
        let answer = grpc::call(&mut self.sender, call).await;
        answer.map_err(|fault| fault.to_string())
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
