//! Sets of public keys (RFC 7517).

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The longest document that is taken.
pub const LONGEST: usize = 1024 * 1024;

/// The most keys that are taken.
const MOST: usize = 256;

/// A public key that verifies by one algorithm, and by no other.
#[derive(Clone)]
pub struct Key {
    algorithm: &'static str,
    key: Arc<ParsedPublicKey>,
}

/// Keys by their ids.
#[derive(Clone, Default)]
pub struct KeySet(BTreeMap<String, Key>);

/// A document that is no set of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not JSON of this form.
    #[error("not a set of JSON Web Keys: {0}")]
    Form(String),
    /// Too long.
    #[error("{0} bytes (at most {LONGEST})")]
    TooLong(usize),
    /// Too many keys.
    #[error("{0} keys (at most {MOST})")]
    TooMany(usize),
    /// Two keys have one id.
    #[error("keys: the id {0:?} is used twice")]
    Twice(String),
    /// None of the keys can verify a token.
    #[error("keys: none that verifies: {0}")]
    Useless(String),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// What a key says. Private parts, should there be any, are passed over.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

impl KeySet {
    /// Reads a document. Keys that can't verify a token (symmetric ones, those for encryption,
    /// unknown kinds) are left out.
    ///
    /// # Errors
    /// If it is none, or an id is used twice, or no key is left although there are some.
    pub fn parse(document: &[u8]) -> Result<Self, KeyFault> {
        if document.len() > LONGEST {
            return Err(KeyFault::TooLong(document.len()));
        }
        let Document { keys } =
            serde_json::from_slice(document).map_err(|error| KeyFault::Form(error.to_string()))?;
        if keys.len() > MOST {
            return Err(KeyFault::TooMany(keys.len()));
        }
        let (mut set, mut faults) = (BTreeMap::new(), Vec::new());
        for (index, entry) in keys.into_iter().enumerate() {
            match read(entry) {
                Ok((id, key)) => {
                    if set.insert(id.clone(), key).is_some() {
                        return Err(KeyFault::Twice(id));
                    }
                }
                Err(fault) => faults.push(format!("keys[{index}]: {fault}")),
            }
        }
        if set.is_empty() && !faults.is_empty() {
            return Err(KeyFault::Useless(faults.join("; ")));
        }
        Ok(Self(set))
    }

    /// The key of this id.
    pub fn get(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Key {
    /// The name of its algorithm (RFC 7518).
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// Whether it has signed the message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn read(value: serde_json::Value) -> Result<(String, Key), String> {
    let entry: Entry = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if entry
        .purpose
        .as_deref()
        .is_some_and(|purpose| purpose != "sig")
    {
        return Err("use: not sig".to_owned());
    }
    let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
    if !entry.key_ops.as_ref().is_none_or(verifies) {
        return Err("key_ops: without verify".to_owned());
    }
    let id = entry.kid.clone().filter(|id| !id.is_empty());
    let id = id.ok_or("kid: missing")?;
    let key = match entry.kty.as_str() {
        "RSA" => rsa(&entry)?,
        "EC" => elliptic(&entry)?,
        "OKP" => edwards(&entry)?,
        other => return Err(format!("kty: {other:?} is none of RSA, EC and OKP")),
    };
    Ok((id, key))
}

/// Kubernetes leaves `alg` out now and then and means RS256.
fn rsa(entry: &Entry) -> Result<Key, String> {
    let (algorithm, parameters): (_, &'static RsaParameters) =
        match entry.alg.as_deref().unwrap_or("RS256") {
            "RS256" => ("RS256", &RSA_PKCS1_2048_8192_SHA256),
            "RS384" => ("RS384", &RSA_PKCS1_2048_8192_SHA384),
            "RS512" => ("RS512", &RSA_PKCS1_2048_8192_SHA512),
            "PS256" => ("PS256", &RSA_PSS_2048_8192_SHA256),
            "PS384" => ("PS384", &RSA_PSS_2048_8192_SHA384),
            "PS512" => ("PS512", &RSA_PSS_2048_8192_SHA512),
            other => return Err(format!("alg: {other:?} is not of an RSA key")),
        };
    let components = PublicKeyComponents {
        n: number(&entry.n, "n")?,
        e: number(&entry.e, "e")?,
    };
    // An exponent of one would verify anything.
    if components.e.len() < 3 || components.e.last().is_none_or(|last| last % 2 == 0) {
        return Err("e: not an odd number from 65537 on".to_owned());
    }
    let unfit = || "n: not an RSA key of 2048 to 8192 bits".to_owned();
    let first = components.n.first().map_or(8, |byte| byte.leading_zeros());
    let bits = (components.n.len() * 8).saturating_sub(first as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(unfit());
    }
    let key = components
        .to_parsed_public_key(parameters)
        .map_err(|_| unfit())?;
    Ok(Key {
        algorithm,
        key: Arc::new(key),
    })
}

fn elliptic(entry: &Entry) -> Result<Key, String> {
    let (algorithm, parameters, length): (_, &'static dyn VerificationAlgorithm, _) =
        match entry.crv.as_str() {
            "P-256" => ("ES256", &ECDSA_P256_SHA256_FIXED, 32),
            "P-384" => ("ES384", &ECDSA_P384_SHA384_FIXED, 48),
            other => return Err(format!("crv: {other:?} is neither P-256 nor P-384")),
        };
    let mut point = vec![4];
    for (text, field) in [(&entry.x, "x"), (&entry.y, "y")] {
        let coordinate = bytes(text, field)?;
        if coordinate.len() != length {
            return Err(format!("{field}: not {length} bytes"));
        }
        point.extend(coordinate);
    }
    parsed(entry, algorithm, parameters, &point)
}

fn edwards(entry: &Entry) -> Result<Key, String> {
    if entry.crv != "Ed25519" {
        return Err(format!("crv: {:?} is not Ed25519", entry.crv));
    }
    parsed(entry, "EdDSA", &ED25519, &bytes(&entry.x, "x")?)
}

fn parsed(
    entry: &Entry,
    algorithm: &'static str,
    parameters: &'static dyn VerificationAlgorithm,
    key: &[u8],
) -> Result<Key, String> {
    if let Some(other) = entry.alg.as_deref().filter(|alg| *alg != algorithm) {
        return Err(format!(
            "alg: {other:?}, but such a key signs by {algorithm}"
        ));
    }
    let key = ParsedPublicKey::new(parameters, key).map_err(|_| "not a public key".to_owned())?;
    Ok(Key {
        algorithm,
        key: Arc::new(key),
    })
}

/// A number without leading zeros.
fn number(text: &str, field: &str) -> Result<Vec<u8>, String> {
    let mut bytes = bytes(text, field)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Ok(bytes)
}

fn bytes(text: &str, field: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| format!("{field}: not base64url"))
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let named = self.0.iter().map(|(id, key)| (id, key.algorithm));
        f.debug_map().entries(named).finish()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.algorithm)
    }
}
