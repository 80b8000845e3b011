//! A server that speaks TLS itself: an application outside of the mesh, or somebody who pretends to be in it. It answers
//! HTTP/1.1 and HTTP/2 with what it has been told, and remembers everything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ferromesh_identity::Certificate;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::raw::Certified;
use crate::wait::eventually;

/// What has happened until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connections.
    pub connections: usize,
    /// Those that began with anything but TLS.
    pub plaintext: usize,
    /// Handshakes that both sides have finished, as far as the server can tell.
    pub handshakes: usize,
    /// Requests that were understood.
    pub requests: usize,
    /// Those with an `authorization`.
    pub tokens: usize,
}

/// A running server. Dropping it closes its port.
#[derive(Debug)]
pub struct TlsServer {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    accepting: JoinHandle<()>,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl TlsServer {
    /// A server that shows this certificate. With roots in PEM, clients must show one that these have signed.
    ///
    /// # Panics
    /// When the address is taken, or the key is not the certificate's.
    pub async fn start(at: SocketAddr, shown: &Certified, clients: Option<&str>) -> Self {
        // The port of a predecessor is free when its task has ended.
        let listener = eventually(&format!("{at} is free"), async || {
            TcpListener::bind(at)
                .await
                .map_err(|error| error.to_string())
        })
        .await;
        let address = listener.local_addr().expect("an address");
        let acceptor = TlsAcceptor::from(Arc::new(config(shown, clients)));
        let seen = Arc::default();
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&seen)));
        Self {
            address,
            seen,
            accepting,
        }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has happened until now.
    pub fn seen(&self) -> Seen {
        *lock(&self.seen)
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config(shown: &Certified, clients: Option<&str>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ClientCertVerifier> = match clients {
        None => Arc::new(NoClientAuth),
        Some(pem) => {
            let mut store = RootCertStore::empty();
            for root in Certificate::all_from_pem(pem.as_bytes()).expect("roots") {
                let der = CertificateDer::from(root.der().to_vec());
                store.add(der).expect("a root");
            }
            WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                .build()
                .expect("a verifier")
        }
    };
    let Certified { chain, key } = shown;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())
        .expect("the key of the certificate");
    // Those that the mesh's proxies offer, so that a rogue is refused for its certificate alone.
    let protocols = ["h2", "http/1.1", "istio-http/1.1", "istio-h2", "istio"];
    config.alpn_protocols = protocols.map(|name| name.as_bytes().to_vec()).to_vec();
    config
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, seen: Arc<Mutex<Seen>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        lock(&seen).connections += 1;
        connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&seen)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, seen: Arc<Mutex<Seen>>) {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first == [22] => {}
        Ok(1) => {
            lock(&seen).plaintext += 1;
            return;
        }
        // Nothing was said.
        Ok(_) | Err(_) => return,
    }
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    lock(&seen).handshakes += 1;
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let peer = leaf.and_then(|der| Certificate::from_der(der).ok());
    let names = peer.map(|leaf| [leaf.uris(), leaf.dns_names()].concat());
    let told = json!({
        "sni": session.server_name(),
        "peer": names,
        "tls": session.protocol_version().map(|version| format!("{version:?}")),
    });
    let service = service_fn(move |request: Request<Incoming>| {
        let mut seen = lock(&seen);
        seen.requests += 1;
        seen.tokens += usize::from(request.headers().contains_key("authorization"));
        let answer = Response::new(Full::new(Bytes::from(told.to_string())));
        async move { Ok::<_, Infallible>(answer) }
    });
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
