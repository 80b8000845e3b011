//! A token, and what it says.

use serde_json::{Map, Value};

use super::Status;
use super::location::base64url;

/// Clocks may differ by so much, unless the provider says otherwise.
const SKEW: u64 = 60;

/// Algorithms that Envoy knows.
const ALGORITHMS: &[&str] = &[
    "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
    "PS384", "PS512", "EdDSA",
];

/// What Envoy says of a text that is no token at all.
const NO_TOKEN: &str =
    "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";

/// A token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// What it says.
    pub(super) claims: Map<String, Value>,
    /// Its header.
    pub(super) header: Map<String, Value>,
    /// What vouches for it.
    pub(super) signature: Signature,
    /// The claims as they stand there.
    pub(super) payload: String,
}

/// What vouches for a token.
#[derive(Clone, Debug)]
pub(super) enum Signature {
    /// Whoever asks.
    Taken,
    /// This.
    Bytes {
        /// What is signed.
        message: String,
        /// The signature.
        signature: Vec<u8>,
    },
}

impl Token {
    /// Reads a token.
    pub(super) fn parse(text: &str) -> Result<Self, Status> {
        let bad = |why: &str| Status::Bad(why.to_owned());
        let parts: Vec<_> = text.split('.').collect();
        let (&[header, payload, signature], false) = (&*parts, parts.contains(&"")) else {
            return Err(bad(NO_TOKEN));
        };
        let object = |part: &str, name: &str| {
            let bytes = base64url(part)
                .ok_or_else(|| bad(&format!("Jwt {name} is an invalid Base64url encoded")))?;
            serde_json::from_slice::<Map<String, Value>>(&bytes)
                .map_err(|_| bad(&format!("Jwt {name} is an invalid JSON")))
        };
        let header = object(header, "header")?;
        let Some(Value::String(algorithm)) = header.get("alg") else {
            return Err(bad(
                "Jwt header [alg] field is required and must be a string",
            ));
        };
        if !ALGORITHMS.contains(&&**algorithm) {
            return Err(bad("Jwt header [alg] is not supported"));
        }
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(bad("Jwt header [kid] field is not a string"));
        }
        let claims = object(payload, "payload")?;
        check_claims(&claims)?;
        let bytes = base64url(signature)
            .filter(|bytes| !bytes.is_empty())
            .ok_or_else(|| bad("Jwt signature is an invalid Base64url encoded"))?;
        Ok(Self {
            claims,
            signature: Signature::Bytes {
                message: text
                    .rsplit_once('.')
                    .map(|(message, _)| message.to_owned())
                    .unwrap_or_default(),
                signature: bytes,
            },
            payload: payload.to_owned(),
            header,
        })
    }

    /// A token that says this.
    pub(super) fn taken(claims: &Map<String, Value>) -> Result<Self, Status> {
        check_claims(claims)?;
        Ok(Self {
            claims: claims.clone(),
            header: Map::new(),
            signature: Signature::Taken,
            payload: String::new(),
        })
    }

    /// A text of the header; empty = there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        text(&self.header, name)
    }

    /// Who has issued it; empty = it doesn't say.
    pub(super) fn issuer(&self) -> &str {
        text(&self.claims, "iss")
    }

    /// For whom it is.
    fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it is for one of these; nobody = anybody.
    pub(super) fn is_for(&self, audiences: &[String]) -> bool {
        let known: Vec<_> = audiences.iter().map(|it| bare(it)).collect();
        known.is_empty()
            || self
                .audiences()
                .into_iter()
                .any(|it| known.contains(&bare(it)))
    }

    /// Judges it by the time.
    pub(super) fn check_time(&self, now: u64, skew: u32) -> Result<(), Status> {
        let skew = match skew {
            0 => SKEW,
            skew => u64::from(skew),
        };
        let time = |name: &str| self.claims.get(name).and_then(seconds).filter(|it| *it > 0);
        if time("nbf").is_some_and(|nbf| now.saturating_add(skew) < nbf) {
            return Err(Status::Bad("Jwt not yet valid".to_owned()));
        }
        if time("exp").is_some_and(|exp| now > exp.saturating_add(skew)) {
            return Err(Status::Bad("Jwt is expired".to_owned()));
        }
        Ok(())
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An audience without scheme and slash at the end, which Envoy doesn't compare.
fn bare(audience: &str) -> &str {
    let rest = audience
        .strip_prefix("http://")
        .or_else(|| audience.strip_prefix("https://"))
        .unwrap_or(audience);
    rest.strip_suffix('/').unwrap_or(rest)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and seconds have no fractions"
)]
fn seconds(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|it| *it >= 0.0).map(|it| it as u64))
}

/// Refuses claims of types that Envoy refuses.
fn check_claims(claims: &Map<String, Value>) -> Result<(), Status> {
    let bad = |name: &str, what: &str| {
        Err(Status::Bad(format!(
            "Jwt payload [{name}] field is not {what}"
        )))
    };
    for name in ["iss", "sub", "jti"] {
        if claims.get(name).is_some_and(|it| !it.is_string()) {
            return bad(name, "a string");
        }
    }
    for name in ["iat", "nbf", "exp"] {
        if claims.get(name).is_some_and(|it| seconds(it).is_none()) {
            return bad(name, "an integer");
        }
    }
    match claims.get("aud") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(all)) if all.iter().all(Value::is_string) => Ok(()),
        Some(_) => bad("aud", "a string or string list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Token {
        match value {
            Value::Object(claims) => Token::taken(&claims).expect("claims"),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn audiences_are_compared_without_scheme() {
        for (aud, audiences, expected) in [
            (json!("a"), vec![], true),
            (json!(null), vec![], true),
            (json!("a"), vec!["a"], true),
            (json!("a"), vec!["b"], false),
            (json!(["a", "b"]), vec!["b"], true),
            (json!("https://a/"), vec!["http://a"], true),
            (json!("a//"), vec!["a"], false),
        ] {
            let token = match &aud {
                Value::Null => claims(json!({})),
                aud => claims(json!({ "aud": aud })),
            };
            let audiences: Vec<_> = audiences.into_iter().map(str::to_owned).collect();
            assert_eq!(token.is_for(&audiences), expected, "{aud} {audiences:?}");
        }
    }

    #[test]
    fn time_counts_with_some_leeway() {
        for (value, skew, expected) in [
            (json!({}), 0, true),
            (json!({"exp": 1000}), 0, true),
            (json!({"exp": 940}), 0, true),
            (json!({"exp": 939}), 0, false),
            (json!({"exp": 990}), 5, false),
            (json!({"nbf": 1060}), 0, true),
            (json!({"nbf": 1061}), 0, false),
        ] {
            let judged = claims(value.clone()).check_time(1000, skew);
            assert_eq!(judged.is_ok(), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in [
            "",
            "a.b",
            "a.b.c",
            "e30.e30.e30",
            "eyJhbGciOiJub25lIn0.e30.e30",
        ] {
            assert!(matches!(Token::parse(text), Err(Status::Bad(_))), "{text}");
        }
        for (claim, value) in [("iss", json!(1)), ("exp", json!("x")), ("aud", json!([1]))] {
            let mut claims = Map::new();
            claims.insert(claim.to_owned(), value);
            assert!(Token::taken(&claims).is_err(), "{claims:?}");
        }
    }
}
