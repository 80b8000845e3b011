//! Tokens of end users, verified before anything is judged by them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

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
use mesh::policy::jwt::{ClaimHeader, JwtRule, TokenForwarding, TokenPlace};
use mesh::view::security::TokenRule;

use crate::names::is_header_name;

/// The filter, and the metadata that it leaves.
pub(crate) const FILTER: &str = "envoy.filters.http.jwt_authn";

/// Where in it the claims are.
pub(crate) const PAYLOAD: &str = "payload";

/// Where tokens are if a rule doesn't say it.
static DEFAULT_PLACES: LazyLock<[TokenPlace; 2]> = LazyLock::new(|| {
    [
        TokenPlace::Header("Authorization".into(), "Bearer ".into()),
        TokenPlace::Parameter("access_token".into()),
    ]
});

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

/// What a provider is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Whether a token is valid.
    Check,
    /// Also what it says.
    Tell,
}

/// The filter's configuration; `None` if no tokens are accepted, and so none refused.
///
/// Every token must be valid, in whatever place. If all rules look in the same places, Envoy sees
/// to that. Otherwise it would be content with the first rule whose places have nothing else; then
/// each place is looked at for its own sake before.
pub(crate) fn filter(tokens: &[TokenRule]) -> Option<JwtAuthentication> {
    let placed: Vec<_> = tokens.iter().map(|it| (it, places(&it.rule))).collect();
    let (_, first) = placed.first()?;
    let alike = placed.iter().all(|(_, it)| it.keys().eq(first.keys()));
    let mut providers = BTreeMap::new();
    let mut by_place: BTreeMap<&Place, Vec<JwtRequirement>> = BTreeMap::new();
    let mut tell = Vec::new();
    for (index, (token, places)) in placed.iter().enumerate() {
        let mut ask = |name: String, places: Vec<&TokenPlace>, purpose| {
            let asked = requirement(RequiresType::ProviderName(name.clone()));
            providers.insert(name, provider(token, places, purpose));
            asked
        };
        let everywhere = places.values().flatten().copied().collect();
        tell.push(ask(format!("origins-{index}"), everywhere, Purpose::Tell));
        for (at, (place, there)) in places.iter().enumerate().filter(|_| !alike) {
            let name = format!("origins-{index}-{at}");
            let asked = ask(name, there.clone(), Purpose::Check);
            by_place.entry(place).or_default().push(asked);
        }
    }
    let checks: Vec<_> = by_place.into_values().map(any_or_none).collect();
    Some(JwtAuthentication {
        providers,
        rules: vec![RequirementRule {
            r#match: Some(envoy::route::RouteMatch {
                path_specifier: Some(PathSpecifier::Prefix(String::new())),
                ..Default::default()
            }),
            requirement_type: Some(RequirementType::Requires(all(checks, any_or_none(tell)))),
        }],
        ..Default::default()
    })
}

/// The headers that say what tokens say. Envoy drops a client's own only as far as it comes: after
/// one rule's token it doesn't look for those of the others.
pub(crate) fn told_in(tokens: &[TokenRule]) -> BTreeSet<String> {
    let told = tokens.iter().flat_map(|token| {
        let claims = token.rule.claim_headers.iter().map(|it| &it.header);
        claims.chain([&token.rule.payload_header])
    });
    told.filter(|name| is_header_name(name))
        .map(|name| name.to_ascii_lowercase())
        .collect()
}

fn all(mut checks: Vec<JwtRequirement>, last: JwtRequirement) -> JwtRequirement {
    if checks.is_empty() {
        return last;
    }
    checks.push(last);
    requirement(RequiresType::RequiresAll(JwtRequirementAndList {
        requirements: checks,
    }))
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
fn places(rule: &JwtRule) -> BTreeMap<Place, Vec<&TokenPlace>> {
    let places = if rule.places.is_empty() {
        DEFAULT_PLACES.as_slice()
    } else {
        &rule.places
    };
    let mut all: BTreeMap<Place, Vec<&TokenPlace>> = BTreeMap::new();
    for place in places {
        let key = match place {
            // Envoy refuses others, and no request has one.
            TokenPlace::Header(name, _) if !is_header_name(name) => continue,
            TokenPlace::Header(name, _) => Place::Header(name.to_ascii_lowercase()),
            TokenPlace::Parameter(name) => Place::Parameter(name.to_string()),
            TokenPlace::Cookie(name) => Place::Cookie(name.to_string()),
        };
        all.entry(key).or_default().push(place);
    }
    all
}

fn provider(token: &TokenRule, places: Vec<&TokenPlace>, purpose: Purpose) -> JwtProvider {
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
    let payload_header = Some(payload_header).filter(|it| is_header_name(it));
    let claim_headers = claim_headers
        .iter()
        .filter(|it| is_header_name(&it.header) && !it.claim.is_empty());
    let checks = JwtProvider {
        issuer: issuer.to_string(),
        audiences: audiences.iter().map(ToString::to_string).collect(),
        forward: true,
        jwks_source_specifier: Some(JwksSourceSpecifier::LocalJwks(envoy::core::DataSource {
            specifier: Some(envoy::core::data_source::Specifier::InlineString(
                keys.unwrap_or(NOBODY).to_owned(),
            )),
            ..Default::default()
        })),
        ..Default::default()
    };
    let provider = match purpose {
        Purpose::Check => checks,
        Purpose::Tell => JwtProvider {
            forward: *forwarding == TokenForwarding::Forward,
            forward_payload_header: payload_header.map(ToString::to_string).unwrap_or_default(),
            payload_in_metadata: PAYLOAD.to_owned(),
            normalize_payload_in_metadata: Some(NormalizePayload {
                space_delimited_claims: lists.chain(more).collect(),
            }),
            claim_to_headers: claim_headers.map(claim_header).collect(),
            ..checks
        },
    };
    places.into_iter().fold(provider, looking_in)
}

fn claim_header(claim: &ClaimHeader) -> JwtClaimToHeader {
    let ClaimHeader { header, claim } = claim;
    JwtClaimToHeader {
        header_name: header.to_string(),
        claim_name: claim.to_string(),
        ..Default::default()
    }
}

/// A provider that looks there, too.
fn looking_in(mut provider: JwtProvider, place: &TokenPlace) -> JwtProvider {
    match place {
        TokenPlace::Header(name, before) => provider.from_headers.push(JwtHeader {
            name: name.to_string(),
            value_prefix: before.to_string(),
        }),
        TokenPlace::Parameter(name) => provider.from_params.push(name.to_string()),
        TokenPlace::Cookie(name) => provider.from_cookies.push(name.to_string()),
    }
    provider
}
