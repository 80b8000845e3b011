//! `security.istio.io` RequestAuthentication.

use serde::Deserialize;

use super::{MatchLabels, PolicyTarget};
use crate::part::Part;

/// Whose tokens workloads accept.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestAuthentication {
    /// Workloads; absent = all of the namespace.
    pub selector: Option<Part<MatchLabels>>,
    /// Deprecated form of `targetRefs`.
    pub target_ref: Option<Part<PolicyTarget>>,
    /// Gateways, or services behind waypoints; not beside `selector`.
    pub target_refs: Vec<Part<PolicyTarget>>,
    /// By issuer.
    pub jwt_rules: Vec<Part<JwtRule>>,
}

/// How tokens of an issuer are found, verified and passed on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtRule {
    /// The claim `iss`; required.
    pub issuer: String,
    /// One of these must be in the claim `aud`; empty = any.
    pub audiences: Vec<String>,
    /// Where keys are; empty = the issuer's OpenID configuration says it.
    pub jwks_uri: String,
    /// Old form of `jwksUri`.
    #[serde(rename = "jwks_uri")]
    pub jwks_uri_alias: String,
    /// Keys, a JSON Web Key Set.
    pub jwks: String,
    /// Headers that tokens are in.
    pub from_headers: Vec<Part<JwtHeader>>,
    /// Query parameters that tokens are in.
    pub from_params: Vec<String>,
    /// Cookies that tokens are in.
    pub from_cookies: Vec<String>,
    /// The header that gets the payload; empty = none.
    pub output_payload_to_header: String,
    /// Headers that get claims.
    pub output_claim_to_headers: Vec<Part<ClaimToHeader>>,
    /// Claims that are lists separated by spaces.
    pub space_delimited_claims: Vec<String>,
    /// Whether the application gets the token; absent = it does not.
    pub forward_original_token: bool,
    /// Limit for fetching keys, a duration of at least 1 ms; absent = 5 s.
    pub timeout: Option<String>,
}

/// A header that tokens are in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtHeader {
    /// Name; required.
    pub name: String,
    /// What stands before the token.
    pub prefix: String,
}

/// A header that gets a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimToHeader {
    /// The header; required.
    pub header: String,
    /// The claim, nested with dots; required.
    pub claim: String,
}
