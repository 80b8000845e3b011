//! Tokens of an issuer.

pub mod key_set;
mod place;
mod url;

use std::sync::Arc;
use std::time::Duration;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::jwt::{ClaimHeader, JwtRule, KeySource, TokenForwarding};

use crate::header_name::is_token;
use crate::{bounds, effect, faults};

/// Istio's limit for fetching keys.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// A rule at the path `at`. An unsound one refuses all tokens of its issuer; `None` if that is
/// not known.
pub(crate) fn lower(
    part: &Part<istio::JwtRule>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<JwtRule> {
    let errors = remarks.errors();
    let Some(rule) = faults::read_part(part, at, remarks) else {
        let issuer = part.value().get("issuer")?.as_str()?;
        return Some(refusal(issuer, at, remarks)).filter(|_| !issuer.is_empty());
    };
    let mut lowered = lower_fields(&rule, at, remarks);
    if remarks.errors() > errors {
        lowered.keys = KeySource::Nobody;
    }
    Some(lowered).filter(|rule| !rule.issuer.is_empty())
}

fn refusal(issuer: &str, at: &Path<'_>, remarks: &Remarks) -> JwtRule {
    JwtRule {
        issuer: Arc::from(issuer),
        audiences: Vec::new(),
        keys: KeySource::Nobody,
        places: Vec::new(),
        payload_header: Arc::from(""),
        claim_headers: Vec::new(),
        space_delimited_claims: Vec::new(),
        forwarding: TokenForwarding::Remove,
        fetch_timeout: FETCH_TIMEOUT,
        origin: remarks.origin(at),
    }
}

fn lower_fields(rule: &istio::JwtRule, at: &Path<'_>, remarks: &mut Remarks) -> JwtRule {
    let istio::JwtRule {
        issuer,
        audiences,
        jwks_uri: _,
        jwks_uri_alias: _,
        jwks: _,
        from_headers: _,
        from_params: _,
        from_cookies: _,
        output_payload_to_header,
        output_claim_to_headers,
        space_delimited_claims,
        forward_original_token,
        timeout,
    } = rule;
    if issuer.is_empty() {
        remarks.error(&at.field("issuer"), "missing-field", "is required");
    }
    let claims = at.field("outputClaimToHeaders");
    JwtRule {
        issuer: Arc::from(issuer.as_str()),
        audiences: texts(audiences, &at.field("audiences"), remarks),
        keys: lower_keys(rule, at, remarks),
        places: place::lower(rule, at, remarks),
        payload_header: lower_payload_header(output_payload_to_header, at, remarks),
        claim_headers: lower_claim_headers(output_claim_to_headers, &claims, remarks),
        space_delimited_claims: texts(
            space_delimited_claims,
            &at.field("spaceDelimitedClaims"),
            remarks,
        ),
        forwarding: if *forward_original_token {
            TokenForwarding::Forward
        } else {
            TokenForwarding::Remove
        },
        fetch_timeout: bounds::millis(timeout.as_deref(), &at.field("timeout"), remarks)
            .unwrap_or(FETCH_TIMEOUT),
        origin: remarks.origin(at),
    }
}

/// Texts, of which none may be empty.
fn texts(list: &[String], at: &Path<'_>, remarks: &mut Remarks) -> Vec<Arc<str>> {
    let mut lowered = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        if text.is_empty() {
            remarks.error(&at.item(index), "invalid-value", "must not be empty");
        } else {
            lowered.push(Arc::from(text.as_str()));
        }
    }
    lowered
}

/// Whose keys: those that are written, those of an address, or those of the issuer's address.
fn lower_keys(rule: &istio::JwtRule, at: &Path<'_>, remarks: &mut Remarks) -> KeySource {
    let fields = [
        ("jwks", &rule.jwks),
        ("jwksUri", &rule.jwks_uri),
        ("jwks_uri", &rule.jwks_uri_alias),
    ];
    let mut written = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let Some((field, value)) = written.next() else {
        return lower_issuer(&rule.issuer, at, remarks);
    };
    if let Some((other, _)) = written.next() {
        effect::conflict(&at.field(other), field, remarks);
    }
    let at = at.field(field);
    if field == "jwks" {
        return match key_set::lower(value, &at, remarks) {
            Some(keys) => KeySource::Inline(keys),
            None => KeySource::Nobody,
        };
    }
    match url::check(value) {
        Ok(()) => KeySource::Uri(Arc::from(value.as_str())),
        Err(message) => {
            remarks
                .error(&at, "invalid-url", message)
                .advise("write https://HOST/PATH");
            KeySource::Nobody
        }
    }
}

fn lower_issuer(issuer: &str, at: &Path<'_>, remarks: &mut Remarks) -> KeySource {
    if url::check(issuer).is_ok() {
        return KeySource::Issuer(Arc::from(issuer));
    }
    if !issuer.is_empty() {
        remarks
            .warning(
                &at.field("issuer"),
                "missing-keys",
                "is no URL that tells where its keys are: all of its tokens are refused",
            )
            .advise("write jwksUri or jwks beside it");
    }
    KeySource::Nobody
}

fn lower_payload_header(name: &str, at: &Path<'_>, remarks: &mut Remarks) -> Arc<str> {
    if !name.is_empty() && !is_token(name) {
        remarks.error(
            &at.field("outputPayloadToHeader"),
            "invalid-header",
            format!("{name:?} can't be the name of a header"),
        );
        return Arc::from("");
    }
    Arc::from(name)
}

fn lower_claim_headers(
    list: &[Part<istio::ClaimToHeader>],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<ClaimHeader> {
    let mut lowered = Vec::with_capacity(list.len());
    for (index, part) in list.iter().enumerate() {
        let at = at.item(index);
        let Some(istio::ClaimToHeader { header, claim }) = faults::read_part(part, &at, remarks)
        else {
            continue;
        };
        for (field, value) in [("header", &header), ("claim", &claim)] {
            if value.is_empty() {
                remarks.error(&at.field(field), "missing-field", "is required");
            }
        }
        // Istio's admission is stricter here than the grammar of headers.
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !header.bytes().all(sound) {
            remarks
                .error(
                    &at.field("header"),
                    "invalid-header",
                    format!("{header:?} can't be the name of a header"),
                )
                .advise("it may have letters, digits, \"-\" and \"_\"");
            continue;
        }
        if !header.is_empty() && !claim.is_empty() {
            lowered.push(ClaimHeader {
                header: Arc::from(header),
                claim: Arc::from(claim),
            });
        }
    }
    lowered
}
