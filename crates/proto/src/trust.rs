//! `ferromesh.v1`: how an agent learns which roots are trusted now.
//!
//! Istio's answer to a certificate request ends with the roots, but between two requests hours may
//! pass, and it says nothing of other trust domains. So an agent asks for the bundles too: at each
//! renewal, and at least every 30 s, or all the time by waiting for the next version.

use bytes::Bytes;
use prost::Message;

use crate::auth::NotThisMessage;

/// The path of the one method of the service. It needs no credentials: roots are public. Whoever
/// asks has to know by its TLS that the control plane answers.
pub const FETCH: &str = "/ferromesh.v1.TrustBundleService/Fetch";

/// The longest that the control plane waits for the next version.
pub const LONGEST_WAIT_SECONDS: u32 = 60;

/// A request for the bundles.
#[derive(Clone, PartialEq, Message)]
pub struct FetchRequest {
    /// The version that is known; empty if none is.
    #[prost(string, tag = "1")]
    pub known_version: String,
    /// How long to wait for another version than the known one, in seconds, at most
    /// [`LONGEST_WAIT_SECONDS`]; 0 = the answer is wanted at once. Another version is answered at
    /// once in any case.
    #[prost(uint32, tag = "2")]
    pub wait_seconds: u32,
}

/// All bundles, whether they differ from the known ones or not.
#[derive(Clone, PartialEq, Message)]
pub struct FetchResponse {
    /// The version of the bundles: equal bundles have equal versions, of every replica.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The bundles: that of the mesh's own trust domain first, then those of others, by name.
    #[prost(message, repeated, tag = "2")]
    pub bundles: Vec<TrustBundle>,
}

/// The roots of a trust domain.
#[derive(Clone, PartialEq, Message)]
pub struct TrustBundle {
    /// The trust domain, such as `cluster.local`.
    #[prost(string, tag = "1")]
    pub trust_domain: String,
    /// Its roots as PEM; they are trusted for identities of this trust domain alone.
    #[prost(string, tag = "2")]
    pub pem: String,
}

impl FetchRequest {
    /// Reads a message (without the five bytes that gRPC puts in front).
    ///
    /// # Errors
    /// If the bytes are no such message.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotThisMessage> {
        Self::decode(bytes).map_err(|error| NotThisMessage::new(&error))
    }

    /// The message as bytes.
    pub fn render(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

impl FetchResponse {
    /// Reads a message (without the five bytes that gRPC puts in front).
    ///
    /// # Errors
    /// If the bytes are no such message.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotThisMessage> {
        Self::decode(bytes).map_err(|error| NotThisMessage::new(&error))
    }

    /// The message as bytes.
    pub fn render(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let request = FetchRequest {
            known_version: "v".to_owned(),
            wait_seconds: 60,
        };
        assert_eq!(&request.render()[..], b"\x0a\x01v\x10\x3c");
        let response = FetchResponse {
            version: "v".to_owned(),
            bundles: vec![TrustBundle {
                trust_domain: "td".to_owned(),
                pem: "p".to_owned(),
            }],
        };
        assert_eq!(FetchResponse::parse(&response.render()), Ok(response));
        assert!(FetchRequest::parse(b"\x0a\x05a").is_err());
    }
}
