//! A client that believes any server and remembers which it was.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// A connection.
pub struct Client {
    sender: Sender,
    /// The name of the server's certificate.
    pub server: &'static str,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    /// Whether the server says that it closes the connection.
    pub closes: bool,
    pub body: Bytes,
}

impl Client {
    pub async fn connect(address: SocketAddr, protocol: Protocol) -> Self {
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody))
                .with_no_client_auth();
        config.alpn_protocols = match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        let tcp = TcpStream::connect(address).await.expect("a connection");
        let name = ServerName::try_from("webhook.example").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let tls = connector.connect(name, tcp).await.expect("a handshake");
        let (_, session) = tls.get_ref();
        let shown = session.peer_certificates().expect("a certificate")[0].to_vec();
        let server = ["first", "second"].into_iter().find(|name| {
            let name = format!("{name}.example");
            shown
                .windows(name.len())
                .any(|part| part == name.as_bytes())
        });
        let io = TokioIo::new(tls);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await.expect("HTTP/1.1");
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let executor = TokioExecutor::new();
                let (sender, connection) = http2::handshake(executor, io).await.expect("HTTP/2");
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Self {
            sender,
            server: server.expect("one of ours"),
        }
    }

    pub async fn post(&mut self, path: &str, body: Vec<u8>) -> Answer {
        let request = Request::post(path)
            .header(header::HOST, "webhook.example")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let answer = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.expect("the connection is kept");
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.expect("the connection is kept");
                sender.send_request(request).await
            }
        };
        let (parts, body) = answer.expect("an answer").into_parts();
        let text = |name| {
            let value = parts.headers.get(name);
            value.map_or("", |value| value.to_str().expect("text"))
        };
        Answer {
            status: parts.status,
            content_type: text(header::CONTENT_TYPE).to_owned(),
            closes: text(header::CONNECTION) == "close",
            body: body.collect().await.expect("a body").to_bytes(),
        }
    }
}

/// A connection without TLS, which has said this.
pub async fn plain(address: SocketAddr, said: &[u8]) -> TcpStream {
    let mut tcp = TcpStream::connect(address).await.expect("a connection");
    tcp.write_all(said).await.expect("somebody reads");
    tcp
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
