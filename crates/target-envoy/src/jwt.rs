//! Tokens of end users, verified before anything is judged by them.

use std::collections::BTreeMap;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::jwt_authn::jwt_provider::{JwksSourceSpecifier, NormalizePayload};
use envoy::jwt_authn::jwt_requirement::RequiresType;
use envoy::jwt_authn::requirement_rule::RequirementType;
use envoy::jwt_authn::{
    JwtAuthentication, JwtClaimToHeader, JwtHeader, JwtProvider, JwtRequirement,
    JwtRequirementAndList, JwtRequirementOrList, RequirementRule,
};
use envoy::route::route_match::PathSpecifier;
use mesh::policy::jwt::{JwtRule, TokenForwarding, TokenPlace};
use mesh::view::security::TokenRule;

use crate::names::is_header_name;

/// The filter, and the metadata that it leaves.
pub(crate) const FILTER: &str = "envoy.filters.http.jwt_authn";

/// Where in it the claims are.
pub(crate) const PAYLOAD: &str = "payload";

/// Claims that are lists separated by spaces (RFC 8693, and Istio's habit).
const LISTS: [&str; 2] = ["scope", "permission"];

/// Keys for an issuer whose keys are not known: Envoy refuses an empty set. Nobody has the private
/// half of this one: its x is the SHA-256 of `ferromesh placeholder key 1`, as the first number for
/// which there is such a point (of the two, that with the smaller y).
const NOBODY: &str = concat!(
    r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"nobody","#,
    r#""x":"0KBVvHwFCF1XjsTqu3DS4jU26FFZ2Slk3v-OCzQULYA","#,
    r#""y":"VGLyKrxPSSDgPwwqVxZyCjdnMFndxDRskiFKDRLP-D8"}]}"#,
);

/// Where a token can be, without what stands before it there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Header(String),
    Parameter(String),
    Cookie(String),
}

/// The filter's configuration; `None` if no tokens are accepted, and so none refused.
///
/// Every token in every place must be valid for one of those who look there. For that, each rule is
/// a provider of its own in each place: one that looked in several would be content with the first.
pub(crate) fn filter(tokens: &[TokenRule]) -> Option<JwtAuthentication> {
    let mut providers = BTreeMap::new();
    let mut places: BTreeMap<Place, Vec<JwtRequirement>> = BTreeMap::new();
    for (index, token) in tokens.iter().enumerate() {
        for (at, place) in token_places(&token.rule).into_iter().enumerate() {
            let name = format!("origins-{index}-{at}");
            let accepted = RequiresType::ProviderName(name.clone());
            let key = key(&place);
            places.entry(key).or_default().push(requirement(accepted));
            providers.insert(name, provider(token, &place));
        }
    }
    let mut all: Vec<_> = places.into_values().map(any_or_none).collect();
    let requires = match (all.len(), all.pop()) {
        (_, None) => return None,
        (1, Some(only)) => only,
        (_, Some(last)) => {
            all.push(last);
            requirement(RequiresType::RequiresAll(JwtRequirementAndList {
                requirements: all,
            }))
        }
    };
    let everything = envoy::route::RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix(String::new())),
        ..Default::default()
    };
    Some(JwtAuthentication {
        providers,
        rules: vec![RequirementRule {
            r#match: Some(everything),
            requirement_type: Some(RequirementType::Requires(requires)),
        }],
        ..Default::default()
    })
}

fn requirement(requires: RequiresType) -> JwtRequirement {
    JwtRequirement {
        requires_type: Some(requires),
    }
}

/// A token for one of these, or none.
fn any_or_none(mut accepted: Vec<JwtRequirement>) -> JwtRequirement {
    accepted.push(requirement(RequiresType::AllowMissing(())));
    requirement(RequiresType::RequiresAny(JwtRequirementOrList {
        requirements: accepted,
    }))
}

/// Where the tokens of a rule are.
fn token_places(rule: &JwtRule) -> Vec<TokenPlace> {
    if rule.places.is_empty() {
        return vec![
            TokenPlace::Header("authorization".into(), "Bearer ".into()),
            TokenPlace::Parameter("access_token".into()),
        ];
    }
    let named = |place: &&TokenPlace| match place {
        TokenPlace::Header(name, _) => is_header_name(name),
        TokenPlace::Parameter(name) | TokenPlace::Cookie(name) => !name.is_empty(),
    };
    rule.places.iter().filter(named).cloned().collect()
}

fn key(place: &TokenPlace) -> Place {
    match place {
        TokenPlace::Header(name, _) => Place::Header(name.to_ascii_lowercase()),
        TokenPlace::Parameter(name) => Place::Parameter(name.to_string()),
        TokenPlace::Cookie(name) => Place::Cookie(name.to_string()),
    }
}

fn provider(token: &TokenRule, place: &TokenPlace) -> JwtProvider {
    let TokenRule {
        rule:
            JwtRule {
                issuer,
                audiences,
                keys: _,
                places: _,
                payload_header,
                claim_headers,
                space_delimited_claims,
                forwarding,
                // The control plane fetches keys.
                fetch_timeout: _,
                origin: _,
            },
        keys,
    } = token;
    // Envoy would take tokens of any issuer for this one's.
    let keys = keys.as_deref().filter(|_| !issuer.is_empty());
    let lists = LISTS.into_iter().map(str::to_owned);
    let more = space_delimited_claims.iter().map(ToString::to_string);
    let claim_headers = claim_headers
        .iter()
        .filter(|it| is_header_name(&it.header) && !it.claim.is_empty());
    found_in(
        place,
        JwtProvider {
            issuer: issuer.to_string(),
            audiences: audiences.iter().map(ToString::to_string).collect(),
            forward: *forwarding == TokenForwarding::Forward,
            forward_payload_header: if is_header_name(payload_header) {
                payload_header.to_string()
            } else {
                String::new()
            },
            payload_in_metadata: PAYLOAD.to_owned(),
            normalize_payload_in_metadata: Some(NormalizePayload {
                space_delimited_claims: lists.chain(more).collect(),
            }),
            claim_to_headers: claim_headers
                .map(|it| JwtClaimToHeader {
                    header_name: it.header.to_string(),
                    claim_name: it.claim.to_string(),
                    ..Default::default()
                })
                .collect(),
            jwks_source_specifier: Some(JwksSourceSpecifier::LocalJwks(envoy::core::DataSource {
                specifier: Some(envoy::core::data_source::Specifier::InlineString(
                    keys.unwrap_or(NOBODY).to_owned(),
                )),
                ..Default::default()
            })),
            ..Default::default()
        },
    )
}

/// A provider that looks only there.
fn found_in(place: &TokenPlace, provider: JwtProvider) -> JwtProvider {
    match place {
        TokenPlace::Header(name, before) => JwtProvider {
            from_headers: vec![JwtHeader {
                name: name.to_string(),
                value_prefix: before.to_string(),
            }],
            ..provider
        },
        TokenPlace::Parameter(name) => JwtProvider {
            from_params: vec![name.to_string()],
            ..provider
        },
        TokenPlace::Cookie(name) => JwtProvider {
            from_cookies: vec![name.to_string()],
            ..provider
        },
    }
}
