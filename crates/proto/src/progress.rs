//! `ferromesh.v1`: how the replica that writes statuses learns what the proxies of the others have
//! taken. Replicas alone may ask each other.

use bytes::Bytes;
use prost::{Enumeration, Message};

use crate::auth::NotThisMessage;

/// The path of the one method of the service.
pub const ASK: &str = "/ferromesh.v1.ProgressService/Ask";

/// So many versions may be asked about at once.
pub const MOST_VERSIONS: usize = 400;

/// A question about versions of objects.
#[derive(Clone, PartialEq, Message)]
pub struct AskRequest {
    /// The versions, at most [`MOST_VERSIONS`].
    #[prost(message, repeated, tag = "1")]
    pub versions: Vec<Version>,
}

/// A version of an object.
#[derive(Clone, PartialEq, Message)]
pub struct Version {
    /// The uid of the object.
    #[prost(string, tag = "1")]
    pub uid: String,
    /// Its generation.
    #[prost(int64, tag = "2")]
    pub generation: i64,
}

/// What became of each of them, in the same order.
#[derive(Clone, PartialEq, Message)]
pub struct AskResponse {
    /// The words.
    #[prost(message, repeated, tag = "1")]
    pub words: Vec<Word>,
}

/// What became of a version at one replica.
#[derive(Clone, PartialEq, Message)]
pub struct Word {
    /// How far it has come.
    #[prost(enumeration = "State", tag = "1")]
    pub state: i32,
    /// What a proxy said that refused it.
    #[prost(string, tag = "2")]
    pub refusal: String,
    /// The field that it is about.
    #[prost(string, tag = "3")]
    pub path: String,
}

/// How far a version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum State {
    /// Not to every proxy that it concerns, or it is not known yet.
    Pending = 0,
    /// To every proxy that it concerns.
    Taken = 1,
    /// There is no proxy.
    NoProxies = 2,
    /// A proxy has refused it.
    Refused = 3,
}

impl AskRequest {
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

impl AskResponse {
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
        let request = AskRequest {
            versions: vec![Version {
                uid: "u".to_owned(),
                generation: 3,
            }],
        };
        assert_eq!(&request.render()[..], b"\x0a\x05\x0a\x01u\x10\x03");
        assert_eq!(AskRequest::parse(&request.render()), Ok(request));
        let response = AskResponse {
            words: vec![Word {
                state: State::Refused.into(),
                refusal: "no".to_owned(),
                path: "spec".to_owned(),
            }],
        };
        assert_eq!(AskResponse::parse(&response.render()), Ok(response));
        assert!(AskRequest::parse(b"\x0a\x05a").is_err());
    }

    #[test]
    fn as_many_as_may_be_asked_about_fit_into_a_call() {
        let version = Version {
            uid: "7b5c1f36-7f32-4b5c-9a53-0a4c9b1b2f11".to_owned(),
            generation: i64::MAX,
        };
        let versions = vec![version; MOST_VERSIONS];
        assert!(AskRequest { versions }.render().len() <= 32 << 10);
    }
}
