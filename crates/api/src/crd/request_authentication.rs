//! `security.istio.io` RequestAuthentication.

use super::definition::Definition;
use super::schema::{Presence, Schema, boolean, duration, list, may, must, object, string};
use super::selector::{match_labels, policy_target, policy_targets};
use super::{POLICY, SECURITY};

/// The kind.
pub fn request_authentication() -> Definition {
    Definition {
        group: SECURITY,
        kind: "RequestAuthentication",
        about: "Whose tokens workloads accept.",
        plural: "requestauthentications",
        short_names: &["ra"],
        versions: POLICY,
        columns: &[],
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    object([
        may(
            "selector",
            "Workloads; absent = all of the namespace.",
            match_labels(),
        ),
        may("targetRef", "Superseded by targetRefs.", policy_target()),
        may(
            "targetRefs",
            "Gateways, or services behind waypoints; not beside selector.",
            policy_targets(),
        ),
        may(
            "jwtRules",
            "Whose tokens are accepted.",
            list(jwt_rule()).max_items(4096),
        ),
    ])
    .exclusive(["selector", "targetRef", "targetRefs"])
}

fn jwt_rule() -> Schema {
    let texts = || list(string().not_empty());
    object([
        may("issuer", "The claim iss.", string().not_empty()),
        may(
            "audiences",
            "One of these must be in the claim aud; none = any.",
            texts(),
        ),
        may(
            "jwksUri",
            "Where keys are; absent = the issuer's OpenID configuration says it.",
            jwks_uri(),
        ),
        may("jwks_uri", "Old form of jwksUri.", jwks_uri()),
        may("jwks", "Keys, a JSON Web Key Set.", string()),
        may("fromHeaders", "Headers that tokens are in.", list(header())),
        may(
            "fromParams",
            "Query parameters that tokens are in.",
            texts(),
        ),
        may("fromCookies", "Cookies that tokens are in.", texts()),
        may(
            "outputPayloadToHeader",
            "The header that gets the payload; empty = none.",
            string(),
        ),
        may(
            "outputClaimToHeaders",
            "Headers that get claims.",
            list(claim_to_header()),
        ),
        may(
            "spaceDelimitedClaims",
            "Claims that are lists separated by spaces.",
            texts().max_items(64),
        ),
        may(
            "forwardOriginalToken",
            "Whether the application gets the token; absent = it does not.",
            boolean(),
        ),
        may(
            "timeout",
            "Limit for fetching keys; absent = 5s.",
            duration(),
        ),
    ])
    .exclusive(["jwksUri", "jwks_uri", "jwks"])
}

fn jwks_uri() -> Schema {
    string().not_empty().up_to(2048).rule(
        "a URL with http:// or https:// is needed",
        "url(self).getScheme() in ['http', 'https']",
    )
}

fn header() -> Schema {
    object([
        must("name", "Name.", string().not_empty()),
        may("prefix", "What stands before the token.", string()),
    ])
}

fn claim_to_header() -> Schema {
    let name = string().not_empty().pattern("^[-_A-Za-z0-9]+$");
    object([
        must("header", "The header.", name),
        must(
            "claim",
            "The claim, nested with dots.",
            string().not_empty(),
        ),
    ])
}
