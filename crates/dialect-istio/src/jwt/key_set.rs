//! JSON Web Key Sets.

use std::sync::Arc;

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use serde_json::{Map, Value, json};

/// Members of a key that say nothing secret. `d`, `p`, `q` and their like are private.
const PUBLIC: &[&str] = &[
    "kty", "use", "key_ops", "alg", "kid", "x5t", "x5t#S256", "crv", "x", "y", "n", "e",
];

/// Why a key can't verify tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is a shared secret: whoever reads the configuration could sign tokens.
    Secret,
    /// It is of a kind, or has members, that no proxy understands.
    Unknown(String),
}

/// A key set at the path `at` with what is public of its usable keys; `None` if it has none, or
/// a secret, which is an error.
pub(crate) fn lower(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Arc<str>> {
    let keys = match parse(text) {
        Ok(keys) => keys,
        Err(message) => {
            remarks
                .error(at, "invalid-keys", message)
                .advise("write a JSON Web Key Set: {\"keys\": [...]}");
            return None;
        }
    };
    let mut usable = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        match check(key) {
            Ok(public) => {
                warn_of_private(key, index, at, remarks);
                usable.push(public);
            }
            Err(Unusable::Secret) => {
                remarks
                    .error(
                        at,
                        "invalid-keys",
                        format!("key {index} is a shared secret (\"kty\": \"oct\"), by which whoever reads the policy could sign tokens"),
                    )
                    .advise("let the issuer sign with a key pair (RS256, ES256 or EdDSA)");
                return None;
            }
            Err(Unusable::Unknown(message)) => {
                remarks.warning(
                    at,
                    "unusable-key",
                    format!("key {index} verifies nothing: {message}"),
                );
            }
        }
    }
    if usable.is_empty() {
        remarks
            .error(at, "invalid-keys", "has no key that could verify a token")
            .advise("write a JSON Web Key Set: {\"keys\": [...]}");
        return None;
    }
    Some(Arc::from(json!({ "keys": usable }).to_string()))
}

/// The keys of a set.
///
/// # Errors
/// A message for the author, if it is none.
pub fn parse(text: &str) -> Result<Vec<Value>, String> {
    // The fault is not repeated: it may quote a part of a key.
    let value: Value = serde_json::from_str(text)
        .map_err(|fault| format!("is no JSON (line {})", fault.line()))?;
    match value {
        Value::Object(mut set) => match set.remove("keys") {
            Some(Value::Array(keys)) => Ok(keys),
            Some(_) => Err("\"keys\" must be a list".to_owned()),
            None => Err("has no \"keys\"".to_owned()),
        },
        _ => Err("must be a JSON object".to_owned()),
    }
}

/// What is public of a key that can verify tokens.
///
/// # Errors
/// Why it can't.
pub fn check(key: &Value) -> Result<Value, Unusable> {
    let unknown = |message: &str| Err(Unusable::Unknown(message.to_owned()));
    let Value::Object(members) = key else {
        return unknown("it must be a JSON object");
    };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let required: &[&str] = match text("kty") {
        Some("oct") => return Err(Unusable::Secret),
        Some("RSA") => &["n", "e"],
        Some("EC") if matches!(text("crv"), Some("P-256" | "P-384" | "P-521")) => &["x", "y"],
        Some("EC") => return unknown("\"crv\" must be P-256, P-384 or P-521"),
        Some("OKP") if text("crv") == Some("Ed25519") => &["x"],
        Some("OKP") => return unknown("\"crv\" must be Ed25519"),
        Some(_) => return unknown("\"kty\" must be RSA, EC or OKP"),
        None => return unknown("\"kty\" is required"),
    };
    for name in required {
        if !text(name).is_some_and(is_base64url) {
            return unknown(&format!("{name:?} must be base64url"));
        }
    }
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return unknown("it is not for signatures");
    }
    let public = members
        .iter()
        .filter(|(name, _)| PUBLIC.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()));
    Ok(Value::Object(public.collect::<Map<_, _>>()))
}

fn is_base64url(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() % 4 != 1 && text.bytes().all(sound)
}

fn warn_of_private(key: &Value, index: usize, at: &Path<'_>, remarks: &mut Remarks) {
    if key.get("d").is_some() {
        remarks
            .warning(
                at,
                "private-key",
                format!("key {index} has its private half, by which whoever reads the policy can sign tokens"),
            )
            .advise("write the public half alone, and replace the key");
    }
}
