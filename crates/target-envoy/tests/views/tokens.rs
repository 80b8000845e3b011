//! Tokens of every sort.

use std::time::Duration;

use ferromesh_mesh as mesh;

use mesh::policy::jwt::{ClaimHeader, JwtRule, KeySource, TokenForwarding, TokenPlace};
use mesh::view::security::TokenRule;

use super::every;
use super::security::origin;

/// A set of public keys as identity providers publish it.
pub const KEYS: &str = include_str!("keys.json");

/// A token rule with nothing special.
pub fn token(issuer: &str) -> JwtRule {
    JwtRule {
        issuer: issuer.into(),
        audiences: Vec::new(),
        keys: KeySource::Inline(KEYS.into()),
        places: Vec::new(),
        payload_header: "".into(),
        claim_headers: Vec::new(),
        space_delimited_claims: Vec::new(),
        forwarding: TokenForwarding::Remove,
        fetch_timeout: Duration::from_secs(5),
        origin: origin(),
    }
}

/// Token rules of every sort.
pub fn tokens() -> Vec<TokenRule> {
    let places = every! {
        TokenPlace::Header(..) => TokenPlace::Header("x-token".into(), "Bearer ".into()),
        TokenPlace::Parameter(_) => TokenPlace::Parameter("token".into()),
        TokenPlace::Cookie(_) => TokenPlace::Cookie("token".into()),
    };
    let forwardings = every! {
        TokenForwarding::Remove => TokenForwarding::Remove,
        TokenForwarding::Forward => TokenForwarding::Forward,
    };
    let sources = every! {
        KeySource::Inline(_) => KeySource::Inline(KEYS.into()),
        KeySource::Uri(_) => KeySource::Uri("https://keys.test/".into()),
        KeySource::Issuer(_) => KeySource::Issuer("https://issuer.test".into()),
        KeySource::Nobody => KeySource::Nobody,
    };
    let header = |header: &str, claim: &str| ClaimHeader {
        header: header.into(),
        claim: claim.into(),
    };
    let mut all = Vec::new();
    for (forwarding, keys) in forwardings.into_iter().cycle().zip(sources) {
        for places in [Vec::new(), places.clone()] {
            all.push(TokenRule {
                rule: JwtRule {
                    audiences: vec!["a".into(), "".into()],
                    keys: keys.clone(),
                    places,
                    payload_header: "x-payload".into(),
                    claim_headers: vec![
                        header("x-sub", "sub"),
                        header("x-role", "realm.role"),
                        header("x y", ""),
                    ],
                    space_delimited_claims: vec!["groups".into()],
                    forwarding,
                    ..token("https://issuer.test")
                },
                keys: None,
            });
        }
    }
    all.push(TokenRule {
        rule: token("other@issuer.test"),
        keys: Some(KEYS.into()),
    });
    all.push(TokenRule {
        rule: token(""),
        keys: Some(KEYS.into()),
    });
    all
}
