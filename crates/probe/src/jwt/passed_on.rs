//! What the application gets of a token: headers with its payload or with claims.

use envoy::jwt_authn::{JwtClaimToHeader, JwtProvider};
use ferromesh_envoy as envoy;
use serde_json::{Map, Value};

use super::token::{Signature, Token};
use crate::header::Headers;

/// Drops what the client says in these headers.
pub(super) fn clear(provider: &JwtProvider, headers: &mut Headers) {
    if !provider.forward_payload_header.is_empty() {
        headers.remove(&provider.forward_payload_header);
    }
    for claim in &provider.claim_to_headers {
        headers.remove(&claim.header_name);
    }
}

/// Writes what a good token says.
pub(super) fn write(provider: &JwtProvider, token: &Token, headers: &mut Headers) {
    let header = &provider.forward_payload_header;
    if !header.is_empty() {
        match token.signature {
            Signature::Bytes { .. } if !provider.pad_forward_payload_header => {
                headers.add(header, &token.payload);
            }
            _ => headers.forget(header),
        }
    }
    for claim in &provider.claim_to_headers {
        match value(claim, &token.claims) {
            Said::Nothing => {}
            Said::Text(text) => headers.add(&claim.header_name, &text),
            Said::Something => headers.forget(&claim.header_name),
        }
    }
}

/// What a claim says in a header.
enum Said {
    Nothing,
    Text(String),
    /// Nobody knows how it is written.
    Something,
}

fn value(claim: &JwtClaimToHeader, claims: &Map<String, Value>) -> Said {
    if !claim.claim_path.is_empty() {
        return Said::Something;
    }
    let mut path = claim.claim_name.split('.');
    let first = path.next().and_then(|name| claims.get(name));
    let found = path.try_fold(first, |value, name| Some(value?.get(name)));
    match found.flatten() {
        None | Some(Value::Null) => Said::Nothing,
        Some(Value::String(text)) if text.is_empty() => Said::Nothing,
        Some(Value::String(text)) => Said::Text(text.clone()),
        Some(Value::Bool(value)) => Said::Text(value.to_string()),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(number) => Said::Text(number.to_string()),
            None => Said::Something,
        },
        Some(Value::Array(_) | Value::Object(_)) => Said::Something,
    }
}
