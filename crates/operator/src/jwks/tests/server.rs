//! A server of documents.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What is answered at a path.
#[derive(Clone)]
pub struct Reply {
    head: String,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Text(String),
    Endless,
    Silence,
}

impl Reply {
    fn new(status: &str, headers: &str, body: Body) -> Self {
        Self {
            head: format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\n\r\n"),
            body,
        }
    }

    pub fn document(text: &str) -> Self {
        Self::new("200 OK", "", Body::Text(text.to_owned()))
    }

    pub fn status(code: u16) -> Self {
        Self::new(&format!("{code} No"), "", Body::Text(String::new()))
    }

    pub fn redirect(to: &str) -> Self {
        let location = match to {
            "" => String::new(),
            to => format!("location: {to}\r\n"),
        };
        Self::new("302 Found", &location, Body::Text(String::new()))
    }

    pub fn endless() -> Self {
        Self::new("200 OK", "", Body::Endless)
    }

    pub fn silence() -> Self {
        Self::new("200 OK", "", Body::Silence)
    }

    pub fn raw(text: &str) -> Self {
        Self {
            head: text.to_owned(),
            body: Body::Text(String::new()),
        }
    }
}

#[derive(Default)]
struct World {
    replies: Mutex<HashMap<String, Reply>>,
    asked: AtomicUsize,
}

pub struct Server {
    scheme: &'static str,
    address: SocketAddr,
    root: Vec<CertificateDer<'static>>,
    world: Arc<World>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn plain() -> Self {
        Self::plain_on("127.0.0.2").await
    }

    pub async fn plain_on(ip: &str) -> Self {
        Self::start(ip, None).await
    }

    pub async fn tls() -> Self {
        let mut params = CertificateParams::default();
        let ip = "127.0.0.2".parse().expect("an address");
        params.subject_alt_names = vec![SanType::IpAddress(ip)];
        let key = KeyPair::generate().expect("a key");
        let own = params.self_signed(&key).expect("a certificate");
        Self::start("127.0.0.2", Some((own.der().clone(), key))).await
    }

    async fn start(ip: &str, own: Option<(CertificateDer<'static>, KeyPair)>) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let world = Arc::new(World::default());
        let root = own.iter().map(|(root, _)| root.clone()).collect();
        let scheme = if own.is_some() { "https" } else { "http" };
        let tls = own.map(|(certificate, key)| acceptor(certificate, &key));
        let serving = Arc::clone(&world);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (world, tls) = (Arc::clone(&serving), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer(socket, &world).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(stream) => answer(stream, &world).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self {
            scheme,
            address,
            root,
            world,
            task,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn root(&self) -> Vec<CertificateDer<'static>> {
        self.root.clone()
    }

    /// How many requests there were.
    pub fn asked(&self) -> usize {
        self.world.asked.load(Ordering::SeqCst)
    }

    pub fn put(&self, path: &str, reply: Reply) {
        let mut replies = self.world.replies.lock().expect("no panic");
        replies.insert(path.to_owned(), reply);
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into());
    TlsAcceptor::from(Arc::new(config.expect("a configuration")))
}

/// `None` if the client has broken off.
async fn answer(mut socket: impl AsyncRead + AsyncWrite + Unpin, world: &World) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(socket.read_u8().await.ok()?);
    }
    world.asked.fetch_add(1, Ordering::SeqCst);
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1)?;
    let reply = world.replies.lock().expect("no panic").get(path).cloned();
    let Reply { head, body } = reply.unwrap_or(Reply::status(404));
    match body {
        Body::Silence => std::future::pending().await,
        Body::Text(text) => {
            socket.write_all(head.as_bytes()).await.ok()?;
            socket.write_all(text.as_bytes()).await.ok()?;
        }
        Body::Endless => {
            socket.write_all(head.as_bytes()).await.ok()?;
            loop {
                socket.write_all(&[b' '; 4096]).await.ok()?;
            }
        }
    }
    socket.shutdown().await.ok()
}

/// A port at which nobody listens.
pub async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").await.expect("a port");
    listener.local_addr().expect("an address").port()
}
