//! Keys, and signatures by them.

use aws_lc_rs::{hmac, signature};
use serde_json::{Map, Value};

use super::Status;
use super::location::base64url;
use super::token::{Signature, Token};

/// Whether one of the keys of a JSON Web Key Set has signed the token.
pub(super) fn verify(token: &Token, keys: &str) -> Status {
    let Signature::Bytes { message, signature } = &token.signature else {
        return Status::Good;
    };
    let Some(keys) = parse(keys) else {
        return Status::Bad("Jwks doesn't have any valid public key".to_owned());
    };
    let algorithm = token.header("alg");
    let mut tried = false;
    for key in &keys {
        let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
        let same = |name: &str, wanted: &str| {
            let ours = text(name);
            ours.is_empty() || wanted.is_empty() || ours == wanted
        };
        if !same("kid", token.header("kid")) || !same("alg", algorithm) {
            continue;
        }
        tried = true;
        match by(algorithm, key, message.as_bytes(), signature) {
            Some(true) => return Status::Good,
            Some(false) => {}
            None => return Status::Unknown(format!("a key for {algorithm}")),
        }
    }
    Status::Bad(if tried {
        "Jwt verification fails".to_owned()
    } else {
        "Jwks doesn't have key to match kid or alg from Jwt".to_owned()
    })
}

fn parse(keys: &str) -> Option<Vec<Map<String, Value>>> {
    let json: Value = serde_json::from_str(keys).ok()?;
    let keys = json.get("keys")?.as_array()?;
    let objects: Vec<_> = keys.iter().filter_map(Value::as_object).cloned().collect();
    (!objects.is_empty()).then_some(objects)
}

/// Whether a key has signed a message; `None` = nobody knows. A key of another kind has not.
fn by(algorithm: &str, key: &Map<String, Value>, message: &[u8], signed: &[u8]) -> Option<bool> {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = |name: &str| base64url(text(name));
    let kind = text("kty");
    match algorithm.split_at_checked(2)? {
        ("RS" | "PS", _) if kind == "RSA" => {
            let (Some(n), Some(e)) = (bytes("n"), bytes("e")) else {
                return None;
            };
            let key = signature::RsaPublicKeyComponents { n, e };
            Some(key.verify(rsa(algorithm)?, message, signed).is_ok())
        }
        ("ES", _) if kind == "EC" => {
            let (curve, algorithm) = ecdsa(algorithm)?;
            if text("crv") != curve {
                return Some(false);
            }
            let mut point = vec![4];
            point.extend(bytes("x")?);
            point.extend(bytes("y")?);
            let key = signature::UnparsedPublicKey::new(algorithm, point);
            Some(key.verify(message, signed).is_ok())
        }
        ("Ed", _) if kind == "OKP" => {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, bytes("x")?);
            Some(text("crv") == "Ed25519" && key.verify(message, signed).is_ok())
        }
        ("HS", _) if kind == "oct" => {
            let key = hmac::Key::new(hmac(algorithm)?, &bytes("k")?);
            Some(hmac::verify(&key, message, signed).is_ok())
        }
        _ => Some(false),
    }
}

fn rsa(algorithm: &str) -> Option<&'static signature::RsaParameters> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn ecdsa(
    algorithm: &str,
) -> Option<(&'static str, &'static signature::EcdsaVerificationAlgorithm)> {
    Some(match algorithm {
        "ES256" => ("P-256", &signature::ECDSA_P256_SHA256_FIXED),
        "ES384" => ("P-384", &signature::ECDSA_P384_SHA384_FIXED),
        "ES512" => ("P-521", &signature::ECDSA_P521_SHA512_FIXED),
        _ => return None,
    })
}

fn hmac(algorithm: &str) -> Option<hmac::Algorithm> {
    Some(match algorithm {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return None,
    })
}
