//! Sets of keys that others wrote: what of them may go to proxies.

use serde_json::{Map, Value};

/// So many keys are looked at.
const MOST: usize = 128;

/// What a public key says; everything else is left out, private parts first of all.
const MEMBERS: [&str; 10] = [
    "kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y",
];

/// A document without keys that verify tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysFault {
    /// Not such a document.
    #[error("not a JSON Web Key Set: {0}")]
    Form(String),
    /// More keys than anybody needs.
    #[error("{0} keys (at most {MOST})")]
    TooMany(usize),
    /// None of the keys is of use.
    #[error("no key that can verify a token: {0}")]
    Useless(String),
}

/// The set with those of its keys alone that can verify a token, and of these only what is public.
/// Symmetric keys are never among them: whoever can verify with one can sign with it, too.
///
/// # Errors
/// If there is none.
pub fn checked(document: &[u8]) -> Result<String, KeysFault> {
    let form = |what: &str| KeysFault::Form(what.to_owned());
    let value: Value =
        serde_json::from_slice(document).map_err(|error| KeysFault::Form(error.to_string()))?;
    let keys = match value.get("keys") {
        Some(Value::Array(keys)) => keys,
        Some(_) => return Err(form("keys: a list is expected")),
        None => return Err(form("keys is missing")),
    };
    if keys.len() > MOST {
        return Err(KeysFault::TooMany(keys.len()));
    }
    let (mut kept, mut faults) = (Vec::new(), Vec::new());
    for (index, key) in keys.iter().enumerate() {
        match public(key) {
            Ok(key) => kept.push(Value::Object(key)),
            Err(fault) => faults.push(format!("keys[{index}]: {fault}")),
        }
    }
    if kept.is_empty() {
        faults.truncate(4);
        return Err(KeysFault::Useless(match &faults[..] {
            [] => "the set is empty".to_owned(),
            faults => faults.join("; "),
        }));
    }
    let mut set = Map::new();
    set.insert("keys".to_owned(), Value::Array(kept));
    Ok(Value::Object(set).to_string())
}

fn public(key: &Value) -> Result<Map<String, Value>, String> {
    let key = key.as_object().ok_or("an object is expected")?;
    let text = |member: &str| key.get(member).and_then(Value::as_str).unwrap_or_default();
    let needed: &[&str] = match text("kty") {
        "RSA" => &["n", "e"],
        "EC" => match text("crv") {
            "P-256" | "P-384" | "P-521" => &["x", "y"],
            other => return Err(format!("curve {other:?} is not supported")),
        },
        "OKP" => match text("crv") {
            "Ed25519" => &["x"],
            other => return Err(format!("curve {other:?} is not supported")),
        },
        "oct" => return Err("symmetric keys are refused".to_owned()),
        other => return Err(format!("kty {other:?} is not supported")),
    };
    if !matches!(text("use"), "" | "sig") {
        return Err(format!("use {:?}: not for signatures", text("use")));
    }
    let algorithm = text("alg");
    if algorithm.starts_with("HS") || algorithm.eq_ignore_ascii_case("none") {
        return Err(format!("alg {algorithm:?} is refused"));
    }
    for member in needed {
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
        let value = text(member);
        if value.is_empty() || !value.bytes().all(base64) {
            return Err(format!("{member}: base64url is expected"));
        }
    }
    let mut kept = Map::new();
    for member in MEMBERS {
        if let Some(value) = key.get(member) {
            kept.insert(member.to_owned(), value.clone());
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(keys: Value) -> Result<Value, String> {
        let document = json!({ "keys": keys, "more": 1 }).to_string();
        let set = checked(document.as_bytes()).map_err(|fault| fault.to_string())?;
        Ok(serde_json::from_str(&set).expect("JSON"))
    }

    #[test]
    fn only_what_is_public_and_verifies_is_kept() {
        let rsa = json!({"kty": "RSA", "kid": "a", "n": "AQ", "e": "AQAB", "alg": "RS256"});
        let mut whole = rsa.clone();
        whole["d"] = json!("c2VjcmV0");
        let found = of(json!([
            whole,
            {"kty": "oct", "k": "c2VjcmV0", "kid": "b"},
            {"kty": "RSA", "kid": "c", "n": "AQ", "e": "AQAB", "use": "enc"},
            {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ", "use": "sig"},
            {"kty": "OKP", "crv": "Ed25519", "x": "AQ"},
        ]));
        let expected = json!({"keys": [
            rsa,
            {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ", "use": "sig"},
            {"kty": "OKP", "crv": "Ed25519", "x": "AQ"},
        ]});
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn a_set_that_verifies_nothing_is_refused() {
        for (keys, part) in [
            (json!([]), "the set is empty"),
            (json!({}), "a list is expected"),
            (json!([1]), "keys[0]: an object is expected"),
            (
                json!([{"kty": "oct", "k": "AQ"}]),
                "symmetric keys are refused",
            ),
            (
                json!([{"kty": "RSA", "n": "AQ", "e": "AQ", "alg": "HS256"}]),
                "\"HS256\" is refused",
            ),
            (
                json!([{"kty": "RSA", "n": "AQ", "e": "AQ", "alg": "none"}]),
                "\"none\" is refused",
            ),
            (
                json!([{"kty": "RSA", "n": "A Q", "e": "AQ"}]),
                "n: base64url is expected",
            ),
            (
                json!([{"kty": "RSA", "n": "AQ"}]),
                "e: base64url is expected",
            ),
            (
                json!([{"kty": "EC", "crv": "P-1", "x": "AQ", "y": "AQ"}]),
                "curve \"P-1\"",
            ),
            (json!([{"kty": 7}]), "kty \"\" is not supported"),
            (Value::Array(vec![json!({}); 129]), "129 keys"),
        ] {
            let fault = of(keys).expect_err(part);
            assert!(fault.contains(part), "{fault}");
        }
        assert!(checked(b"{").is_err());
        assert!(checked(b"[]").is_err());
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(checked(&deep).is_err());
    }
}
