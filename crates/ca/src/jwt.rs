//! JSON Web Tokens in the one form that is taken: signed, compact, by a key that is known, by the
//! algorithm of that key.

pub mod key;
pub mod keys;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::refusal::{Reason, Refusal};

pub use key::{Key, KeyFault, KeySet};
pub use keys::{FileKeys, KeySource, Keys};

/// A token whose signature isn't verified yet: nothing of its claims can be had.
pub struct Token<'a> {
    header: Header,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

/// What the header says. Keys that come with the token (`jwk`, `jku`, `x5c`, `x5u`) are passed
/// over: trust comes from the set of keys alone.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood; we understand none.
    crit: Option<serde::de::IgnoredAny>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// If it is not of the form `HEADER.PAYLOAD.SIGNATURE`.
    pub fn parse(token: &'a str) -> Result<Self, Refusal> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("not HEADER.PAYLOAD.SIGNATURE"));
        };
        let signed = token
            .get(..header.len() + 1 + payload.len())
            .ok_or_else(|| malformed("not HEADER.PAYLOAD.SIGNATURE"))?;
        let header: Header = serde_json::from_slice(&decoded(header)?)
            .map_err(|_| malformed("the header is no JSON object with alg"))?;
        if header.crit.is_some() {
            return Err(malformed(
                "the header has extensions that have to be understood",
            ));
        }
        Ok(Self {
            header,
            signed,
            payload,
            signature: decoded(signature)?,
        })
    }

    /// The id of the key that has signed it; empty if it doesn't say.
    pub fn key_id(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// The payload, if the key has signed it by its own algorithm.
    ///
    /// # Errors
    /// If it hasn't.
    pub fn verified(&self, key: &Key) -> Result<Vec<u8>, Refusal> {
        if self.header.alg != key.algorithm() {
            return Err(Refusal::new(
                Reason::Algorithm,
                format!(
                    "token: alg: not {}, which is the algorithm of its key",
                    key.algorithm()
                ),
            ));
        }
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(Refusal::new(
                Reason::BadSignature,
                "token: not signed by the key that it names",
            ));
        }
        decoded(self.payload)
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| malformed("not base64url"))
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(Reason::MalformedToken, format!("token: {what}"))
}
