//! A client that shows any certificate or none, and sends any bytes as a request: what no well-behaved client does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest head of an answer.
const LARGEST: usize = 64 << 10;

/// By which the mesh's proxies know requests of each other.
pub const HTTP: &[&str] = &["istio-http/1.1"];

/// By which they know requests of HTTP/2 of each other.
pub const HTTP2: &[&str] = &["istio-h2"];

/// By which they know connections of each other.
pub const TCP: &[&str] = &["istio-peer-exchange", "istio"];

/// A certificate with its key.
#[derive(Debug)]
pub struct Certified {
    /// The chain, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the leaf.
    pub key: PrivateKeyDer<'static>,
}

/// What a client does before it sends anything.
#[derive(Clone, Debug)]
pub enum Handshake {
    /// Nothing.
    Plaintext,
    /// TLS.
    Tls(Arc<ClientConfig>, String),
}

impl Handshake {
    /// TLS with this certificate, or none, these application protocols and this server name.
    ///
    /// # Panics
    /// When the key is not the certificate's.
    pub fn tls(certified: Option<&Certified>, protocols: &[&str], server_name: &str) -> Self {
        let usual = aws_lc_rs::default_provider();
        Self::tls_by(
            usual,
            rustls::ALL_VERSIONS,
            certified,
            protocols,
            server_name,
        )
    }

    /// The first bytes of a client, for servers that must not read them. Nothing if it speaks in the clear.
    ///
    /// # Panics
    /// When the server name is none.
    pub fn hello(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Self::Tls(config, name) = self {
            let name = ServerName::try_from(name.clone()).expect("a server name");
            let mut client = ClientConnection::new(Arc::clone(config), name).expect("a client");
            client.write_tls(&mut bytes).expect("memory takes all");
        }
        bytes
    }

    /// The same with this cryptography and these versions.
    ///
    /// # Panics
    /// As [`Self::tls`], or when the cryptography is none of the versions'.
    pub fn tls_by(
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
        certified: Option<&Certified>,
        protocols: &[&str],
        server_name: &str,
    ) -> Self {
        let provider = Arc::new(provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("TLS versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous(provider)));
        let mut config = match certified {
            Some(Certified { chain, key }) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .expect("the key of the certificate"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Self::Tls(Arc::new(config), server_name.to_owned())
    }
}

/// A connection, for any bytes.
pub struct Raw {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

/// A connection in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers, in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Raw {
    /// Connects.
    ///
    /// # Errors
    /// When nobody is there, or the handshake fails.
    pub async fn open(to: SocketAddr, handshake: &Handshake) -> io::Result<Self> {
        Self::begin(TcpStream::connect(to), handshake).await
    }

    /// Connects from one of our addresses.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_from(
        from: IpAddr,
        to: SocketAddr,
        handshake: &Handshake,
    ) -> io::Result<Self> {
        let connect = async {
            let socket = match from {
                IpAddr::V4(_) => TcpSocket::new_v4(),
                IpAddr::V6(_) => TcpSocket::new_v6(),
            }?;
            socket.bind(SocketAddr::new(from, 0))?;
            socket.connect(to).await
        };
        Self::begin(connect, handshake).await
    }

    async fn begin(
        connect: impl Future<Output = io::Result<TcpStream>>,
        handshake: &Handshake,
    ) -> io::Result<Self> {
        let connect = async {
            let tcp = connect.await?;
            tcp.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match handshake {
                Handshake::Plaintext => Box::new(tcp),
                Handshake::Tls(config, name) => {
                    let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
                    Box::new(
                        TlsConnector::from(Arc::clone(config))
                            .connect(name, tcp)
                            .await?,
                    )
                }
            };
            Ok(Self {
                stream,
                unread: Vec::new(),
            })
        };
        within(connect).await
    }

    /// The connection itself, for another protocol.
    pub fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    /// Sends bytes and reads an answer of HTTP/1.1.
    ///
    /// # Errors
    /// When the connection ends before, which under TLS 1.3 is also how a server refuses a certificate.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<Reply> {
        within(async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await?;
            self.reply().await
        })
        .await
    }

    /// Sends bytes and reads as many back, as from an echo server. What begins otherwise is read no further.
    ///
    /// # Errors
    /// When the connection ends before.
    pub async fn echo(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        within(async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await?;
            while self.unread.len() < bytes.len() && bytes.starts_with(&self.unread) {
                self.read().await?;
            }
            let end = self.unread.len().min(bytes.len());
            Ok(self.unread.drain(..end).collect())
        })
        .await
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at;
            }
            if self.unread.len() > LARGEST {
                return Err(io::Error::other("no end of the headers"));
            }
            self.read().await?;
        };
        let head: Vec<u8> = self.unread.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("not HTTP: {head:?}")))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let header = |name: &str| {
            headers
                .iter()
                .find(|(it, _)| it == name)
                .map(|(_, value)| value.as_str())
        };
        let body = match header("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => self.take(length).await?,
            None if header("transfer-encoding") == Some("chunked") => self.chunks().await?,
            None => Vec::new(),
        };
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.read().await?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = find(&self.unread, b"\r\n") {
                    break at;
                }
                self.read().await?;
            };
            let line = self.take(end + 2).await?;
            let length = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16)
                .map_err(io::Error::other)?;
            body.extend(self.take(length).await?);
            self.take(2).await?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl Reply {
    /// A header's first value, or "".
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Believes everybody: the server is what is tested.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, leaf, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
