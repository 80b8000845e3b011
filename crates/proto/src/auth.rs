//! `istio.v1.auth`: how an agent asks for a certificate.

use bytes::Bytes;
use prost::Message;

/// The path of the one method of the service.
pub const CREATE_CERTIFICATE: &str = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

/// The key of [`IstioCertificateRequest::metadata`] by which a node agent asks in another's name.
pub const IMPERSONATED_IDENTITY: &str = "ImpersonatedIdentity";

/// The key of [`IstioCertificateRequest::metadata`] that names a signer of Kubernetes.
pub const CERT_SIGNER: &str = "CertSigner";

/// A request for a certificate. Field 2 was the subject once and is reserved.
#[derive(Clone, PartialEq, Message)]
pub struct IstioCertificateRequest {
    /// The certificate signing request as PEM.
    #[prost(string, tag = "1")]
    pub csr: String,
    /// How long the certificate shall be valid, in seconds; 0 leaves it to the authority.
    #[prost(int64, tag = "3")]
    pub validity_duration: i64,
    /// Wishes beside the certificate; see [`IMPERSONATED_IDENTITY`] and [`CERT_SIGNER`].
    #[prost(message, optional, tag = "4")]
    pub metadata: Option<prost_types::Struct>,
}

/// The answer: PEM texts, the leaf first, the trusted roots last.
#[derive(Clone, PartialEq, Message)]
pub struct IstioCertificateResponse {
    /// The leaf; then its intermediates, if any, as one text; then, as the last text, the
    /// certificates of all roots that are to be trusted.
    #[prost(string, repeated, tag = "1")]
    pub cert_chain: Vec<String>,
}

/// Bytes that are no such message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotThisMessage(String);

impl NotThisMessage {
    pub(crate) fn new(error: &prost::DecodeError) -> Self {
        Self(error.to_string())
    }
}

impl std::fmt::Display for NotThisMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotThisMessage {}

impl IstioCertificateRequest {
    /// Reads a message (without the five bytes that gRPC puts in front).
    ///
    /// # Errors
    /// If the bytes are no such message.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotThisMessage> {
        Self::decode(bytes).map_err(|error| NotThisMessage(error.to_string()))
    }

    /// The message as bytes.
    pub fn render(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// The keys of the metadata.
    pub fn wishes(&self) -> impl Iterator<Item = &str> {
        self.metadata
            .iter()
            .flat_map(|metadata| metadata.fields.keys().map(String::as_str))
    }
}

impl IstioCertificateResponse {
    /// Reads a message (without the five bytes that gRPC puts in front).
    ///
    /// # Errors
    /// If the bytes are no such message.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotThisMessage> {
        Self::decode(bytes).map_err(|error| NotThisMessage(error.to_string()))
    }

    /// The message as bytes.
    pub fn render(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::{Struct, Value, value::Kind};

    #[test]
    fn the_bytes_are_those_of_istio() {
        let request = IstioCertificateRequest {
            csr: "c".to_owned(),
            validity_duration: 300,
            metadata: Some(Struct {
                fields: [(
                    CERT_SIGNER.to_owned(),
                    Value {
                        kind: Some(Kind::StringValue("x".to_owned())),
                    },
                )]
                .into(),
            }),
        };
        let bytes = b"\x0a\x01c\x18\xac\x02\x22\x13\x0a\x11\x0a\x0aCertSigner\x12\x03\x1a\x01x";
        assert_eq!(&request.render()[..], bytes);
        let read = IstioCertificateRequest::parse(bytes).expect("the message");
        assert_eq!(read, request);
        assert_eq!(read.wishes().collect::<Vec<_>>(), [CERT_SIGNER]);

        let response = IstioCertificateResponse {
            cert_chain: vec!["a".to_owned(), "b".to_owned()],
        };
        assert_eq!(&response.render()[..], b"\x0a\x01a\x0a\x01b");
        assert!(IstioCertificateResponse::parse(b"\x0a\x05a").is_err());
    }
}
