//! Tokens of end users.

use std::sync::Arc;
use std::time::Duration;

use crate::origin::Origin;

/// How tokens of an issuer are found, verified and passed on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JwtRule {
    /// The claim `iss`; with the claim `sub` it makes the request's principal.
    pub issuer: Arc<str>,
    /// The claim `aud` must have one of these; empty = any.
    pub audiences: Vec<Arc<str>>,
    /// Whose keys.
    pub keys: KeySource,
    /// Where tokens are; without any place: `Authorization: Bearer`, parameter `access_token`.
    pub places: Vec<TokenPlace>,
    /// The header that gets the token's payload (base64url); empty = none.
    pub payload_header: Arc<str>,
    /// Headers that get the values of claims.
    pub claim_headers: Vec<ClaimHeader>,
    /// Claims that are lists separated by spaces, besides `scope` and `permission`.
    pub space_delimited_claims: Vec<Arc<str>>,
    /// Whether the application gets the token.
    pub forwarding: TokenForwarding,
    /// Limit for fetching keys.
    pub fetch_timeout: Duration,
    /// Where it was said.
    pub origin: Origin,
}

/// Whose keys verify tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySource {
    /// These, a JSON Web Key Set.
    Inline(Arc<str>),
    /// Those of this address, fetched by the control plane.
    Uri(Arc<str>),
    /// Those of the address that the issuer's OpenID configuration names.
    Issuer(Arc<str>),
    /// Nobody's: the rule is unsound, and all tokens of the issuer are refused.
    Nobody,
}

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenPlace {
    /// In a header, behind this prefix.
    Header(Arc<str>, Arc<str>),
    /// In a query parameter.
    Parameter(Arc<str>),
    /// In a cookie.
    Cookie(Arc<str>),
}

/// A header that gets the value of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimHeader {
    /// The header.
    pub header: Arc<str>,
    /// The claim, nested with dots.
    pub claim: Arc<str>,
}

/// Whether the application gets the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenForwarding {
    /// It does not.
    Remove,
    /// It does.
    Forward,
}
