//! A server of key sets, by HTTP or HTTPS, on an address where the control plane fetches keys.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// An address of this machine by which others could reach it: keys are never fetched from loopback. Nothing is sent.
///
/// # Panics
/// When it has none.
pub fn own_address() -> IpAddr {
    let towards = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    towards("0.0.0.0:0", "203.0.113.1:9")
        .or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
        .filter(|own| !own.is_loopback())
        .expect("this test needs an interface besides loopback, with an address and a route")
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    Document(String),
    Redirect(String),
    Status(u16),
    Silence,
}

#[derive(Debug, Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    asked: BTreeMap<String, usize>,
}

/// A running server. Dropping it closes its port.
#[derive(Debug)]
pub struct KeyServer {
    scheme: &'static str,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl KeyServer {
    pub async fn plain(ip: IpAddr) -> Self {
        Self::start(ip, None).await
    }

    /// With a certificate of its own; also returns that, in PEM.
    pub async fn secured(ip: IpAddr) -> (Self, String) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(ip)];
        let key = KeyPair::generate().expect("a key");
        let own = params.self_signed(&key).expect("a certificate");
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], der.into())
            .expect("the key of the certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (Self::start(ip, Some(acceptor)).await, own.pem())
    }

    async fn start(ip: IpAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::default();
        let accepting = tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self {
            scheme,
            address,
            state,
            accepting,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Answers so from now on.
    pub fn put(&self, path: &str, answer: Answer) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.answers.insert(path.to_owned(), answer);
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked.get(path).copied().unwrap_or(0)
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match tls {
                None => serve(stream, state).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<Mutex<State>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let path = request.uri().path().to_owned();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.asked.entry(path.clone()).or_default() += 1;
        let answer = state.answers.get(&path).cloned();
        async move {
            let response = Response::builder();
            let (response, body) = match answer {
                None => (response.status(404), String::new()),
                Some(Answer::Document(text)) => (response, text),
                Some(Answer::Status(code)) => (response.status(code), String::new()),
                Some(Answer::Redirect(to)) => {
                    (response.status(302).header("location", to), String::new())
                }
                Some(Answer::Silence) => std::future::pending().await,
            };
            let response = response.body(Full::new(Bytes::from(body)));
            Ok::<_, Infallible>(response.expect("an answer"))
        }
    });
    // Why it ended shows at the other end.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
