//! A client of a server behind TLS. It believes any server: whom to believe is the agent's part.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use ferromesh_envoy::Message;
use ferromesh_xds::ResourceType;
use ferromesh_xds_server::Credentials;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/// How a stream or a call ended: the code and the message.
pub type Ended = (String, String);

/// A connection.
pub struct Client {
    requests: SendRequest<Bytes>,
    /// The leaf that the server showed.
    pub server: Vec<u8>,
    connection: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

/// An aggregated stream.
pub struct Stream {
    _send: SendStream<Bytes>,
    receive: RecvStream,
}

impl Client {
    /// Connects with or without a certificate.
    pub async fn connect(address: SocketAddr, own: Option<&Credentials>) -> io::Result<Self> {
        Self::connect_from("127.0.0.1", address, own).await
    }

    /// The same from an address of this machine.
    pub async fn connect_from(
        from: &str,
        address: SocketAddr,
        own: Option<&Credentials>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(format!("{from}:0").parse().expect("an address"))?;
        let tcp = socket.connect(address).await?;
        let connector = TlsConnector::from(Arc::new(config(own)));
        let name = ServerName::try_from("control-plane").expect("a name");
        let tls = connector.connect(name, tcp).await?;
        let (_, session) = tls.get_ref();
        let server = session.peer_certificates().expect("certificates");
        let server = server.first().expect("a leaf").to_vec();
        let handshake = h2::client::handshake(tls).await;
        let (requests, mut connection) = handshake.map_err(io::Error::other)?;
        let mut pings = connection.ping_pong().expect("pings");
        let mut connection = tokio::spawn(connection);
        // With TLS 1.3 a server says only afterwards that it does not like the certificate.
        tokio::select! {
            pong = pings.ping(h2::Ping::opaque()) => {
                pong.map_err(io::Error::other)?;
            }
            _ = &mut connection => return Err(io::Error::other("the server has closed it")),
        }
        Ok(Self {
            requests,
            server,
            connection,
        })
    }

    fn request(&mut self, path: &str, token: Option<&str>) -> (ResponseFuture, SendStream<Bytes>) {
        let mut request = http::Request::post(format!("https://control-plane{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let request = request.body(()).expect("a request");
        self.requests
            .send_request(request, false)
            .expect("a stream")
    }

    /// Opens a stream and asks for clusters in the name of a node.
    pub async fn stream(&mut self, node: Node) -> io::Result<Stream> {
        let (response, mut send) = self.request(DELTA, None);
        let request = DeltaDiscoveryRequest {
            node: Some(node),
            type_url: ResourceType::Cluster.type_url().to_owned(),
            ..DeltaDiscoveryRequest::default()
        };
        let message = framed(&request.encode_to_vec());
        send.send_data(message, false).map_err(io::Error::other)?;
        let response = response.await.map_err(io::Error::other)?;
        Ok(Stream {
            _send: send,
            receive: response.into_body(),
        })
    }

    /// Calls a method: its answer, or how it ended.
    pub async fn call(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, Ended> {
        let (response, mut send) = self.request(path, token);
        send.send_data(framed(body), true).expect("a stream");
        let response = response.await.expect("a response");
        if let Some(ended) = ended(response.headers()) {
            return Err(ended);
        }
        let mut receive = response.into_body();
        let mut answer = BytesMut::new();
        while let Some(data) = receive.data().await {
            let data = data.expect("data");
            let flow = receive.flow_control();
            flow.release_capacity(data.len()).expect("an open stream");
            answer.extend_from_slice(&data);
        }
        let trailers = receive.trailers().await.expect("an end");
        match ended(&trailers.expect("trailers")).expect("a status") {
            (code, _) if code == "0" => Ok(answer.freeze().slice(5..)),
            ended => Err(ended),
        }
    }

    /// Waits until the server has closed the connection.
    pub async fn closed(self) {
        drop(self.requests);
        // Whether it was closed in good order does not matter.
        let _ = self.connection.await.expect("no panic");
    }
}

impl Stream {
    /// Waits for the first bytes of a response.
    pub async fn response(&mut self) -> Result<(), Ended> {
        match self.receive.data().await {
            Some(data) => {
                let length = data.expect("data").len();
                let flow = self.receive.flow_control();
                flow.release_capacity(length).expect("an open stream");
                Ok(())
            }
            None => Err(self.end().await),
        }
    }

    /// Reads to the end.
    pub async fn ended(mut self) -> Ended {
        loop {
            if let Err(ended) = self.response().await {
                return ended;
            }
        }
    }

    async fn end(&mut self) -> Ended {
        let trailers = self.receive.trailers().await.expect("an end in good order");
        ended(&trailers.expect("trailers")).expect("a status")
    }
}

fn ended(headers: &http::HeaderMap) -> Option<Ended> {
    let text = |name| {
        let value = headers.get(name)?;
        Some(value.to_str().expect("text").to_owned())
    };
    Some((
        text("grpc-status")?,
        text("grpc-message").unwrap_or_default(),
    ))
}

/// A message behind gRPC's prefix.
pub fn framed(body: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(body.len()).expect("a length"));
    framed.extend_from_slice(body);
    framed.freeze()
}

fn config(own: Option<&Credentials>) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = own.chain.iter().map(|der| der.clone().into()).collect();
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.key.to_vec()));
            builder.with_client_auth_cert(chain, key).expect("a key")
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
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
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
