//! Issuers of tokens for end users.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// An issuer with a key of its own.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    key_id: String,
    key: EcdsaKeyPair,
}

impl Issuer {
    /// An issuer of this name.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key_id: format!("key-{:08x}", fastrand::u32(..)),
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
        }
    }

    /// The name of its key.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Its public key as a JSON Web Key Set.
    pub fn key_set(&self) -> String {
        let point = self.key.public_key().as_ref();
        // The first byte says that both coordinates follow.
        let (x, y) = point[1..].split_at(32);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]})
        .to_string()
    }

    /// A token with these claims, valid for an hour, and all its claims.
    ///
    /// # Panics
    /// When the claims are no object.
    pub fn sign(&self, claims: &Value) -> (String, Value) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let mut all = json!({"iss": self.name, "iat": now, "exp": now + 3600});
        let more = claims.as_object().expect("claims are an object").clone();
        all.as_object_mut().expect("an object").extend(more);
        (
            self.sign_as(
                &json!({"alg": "ES256", "typ": "JWT", "kid": self.key_id}),
                &all,
            ),
            all,
        )
    }

    /// A token with just this header and these claims.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(header), encode(claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), text.as_bytes())
            .expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}
