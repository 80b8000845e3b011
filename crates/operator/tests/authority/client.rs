//! A client of the TLS port that trusts roots, whatever the name of the server is.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use ferromesh_identity::{Bundle, Certificate};
use h2::client::SendRequest;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub struct Client {
    requests: SendRequest<Bytes>,
    /// What the server showed.
    pub server: Certificate,
}

impl Client {
    pub async fn connect(address: SocketAddr, roots: &Bundle) -> Self {
        let mut store = RootCertStore::empty();
        for der in roots.ders() {
            store
                .add(CertificateDer::from(der.to_vec()))
                .expect("a root");
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone())
            .build()
            .expect("a verifier");
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyName(inner)))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(address).await.expect("a connection");
        let name = ServerName::try_from("any.example").expect("a name");
        let tls = TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await;
        let tls = tls.expect("a handshake");
        let (_, session) = tls.get_ref();
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let server = Certificate::from_der(shown.expect("a leaf")).expect("a leaf");
        let handshake = h2::client::handshake(tls).await;
        let (requests, connection) = handshake.expect("a handshake");
        tokio::spawn(async move {
            // Why it ended shows on the streams.
            let _ = connection.await;
        });
        Self { requests, server }
    }

    /// The answer, or code and message.
    pub async fn call(
        &mut self,
        path: &str,
        authorization: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, (String, String)> {
        let mut request = http::Request::post(format!("https://any.example{path}"))
            .header("content-type", "application/grpc");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(()).expect("a request");
        let (response, mut send) = self
            .requests
            .send_request(request, false)
            .expect("a stream");
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(body.len()).expect("a length"));
        framed.extend_from_slice(body);
        send.send_data(framed.freeze(), true).expect("a stream");
        let response = response.await.expect("a response");
        let text = |headers: &http::HeaderMap, name: &str| {
            let value = headers.get(name).map(|value| value.to_str().expect("text"));
            value.unwrap_or_default().to_owned()
        };
        let code = text(response.headers(), "grpc-status");
        if !code.is_empty() {
            return Err((code, text(response.headers(), "grpc-message")));
        }
        let mut body = response.into_body();
        let mut answer = BytesMut::new();
        while let Some(data) = body.data().await {
            answer.extend_from_slice(&data.expect("data"));
        }
        Ok(answer.freeze().slice(5..))
    }
}

/// Verifies all but the name: who it is stands in the URI.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self
            .0
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
        {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
