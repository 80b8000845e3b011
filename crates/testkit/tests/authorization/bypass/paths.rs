//! Spellings of a path.

use ferromesh_testkit::oracle::Normalization;
use serde_json::{Value, json};

use super::{Trial, check, check_both, front, policy};
use crate::arena::{Arena, Outcome, name};
use crate::requests::Http;

use Outcome::{Allowed, BadRequest, Denied};

const NORMALIZATIONS: [Normalization; 4] = [
    Normalization::None,
    Normalization::Base,
    Normalization::MergeSlashes,
    Normalization::DecodeAndMergeSlashes,
];

/// What a spelling of `/admin` comes to under each normalisation, for a policy about the path `/admin`: whether the policy
/// sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It is `/admin`.
    Same,
    /// It is another path.
    Other,
    /// No policy is asked: 400.
    Refused,
}

use Seen::{Other, Refused, Same};

/// Spellings, and how each normalisation sees them (Istio's documentation of path normalisation).
const SPELLINGS: [(&str, [Seen; 4]); 18] = [
    ("/admin", [Same, Same, Same, Same]),
    ("/admin?x=1", [Same, Same, Same, Same]),
    ("/admin/", [Other, Other, Other, Other]),
    ("//admin", [Other, Other, Same, Same]),
    ("/admin;x", [Other, Other, Other, Other]),
    ("/%61dmin", [Other, Same, Same, Same]),
    ("/admin%2f", [Other, Other, Other, Other]),
    ("/admin%3fx", [Other, Other, Other, Other]),
    ("/admin%20", [Other, Other, Other, Other]),
    ("/ADMIN", [Other, Other, Other, Other]),
    ("/x/../admin", [Other, Same, Same, Same]),
    ("/x/%2e%2E/admin", [Other, Same, Same, Same]),
    ("/./admin", [Other, Same, Same, Same]),
    ("/x/..%2fadmin", [Other, Other, Other, Same]),
    ("\\admin", [Refused, Refused, Refused, Refused]),
    ("/x%5c..%5cadmin", [Other, Other, Other, Same]),
    ("/x\\..\\admin", [Other, Same, Same, Same]),
    ("/admin#x", [Refused, Refused, Refused, Refused]),
];

/// By HTTP/2 a client of ours can't send these.
const BY_HTTP1_ALONE: [&str; 3] = ["\\admin", "/x\\..\\admin", "/admin#x"];

fn admin() -> Value {
    json!({"to": [{"operation": {"paths": ["/admin"]}}]})
}

#[tokio::test]
async fn spellings_of_a_path_are_what_each_normalisation_says() {
    for (column, normalization) in NORMALIZATIONS.into_iter().enumerate() {
        let mut arena = Arena::start(normalization).await;
        for action in ["DENY", "ALLOW"] {
            let objects = [policy(action, &admin())];
            arena.apply(&objects).await;
            for (path, seen) in &SPELLINGS {
                let expected = match (seen[column], action) {
                    (Refused, _) => BadRequest,
                    (Same, "ALLOW") | (Other, "DENY") => Allowed,
                    (Same | Other, _) => Denied,
                };
                let what = format!("{} {action} {path}", name(normalization));
                let case = front(Http::get(path));
                check(&mut arena, &objects, &case, (&what, expected)).await;
                if !BY_HTTP1_ALONE.contains(path) {
                    check(&mut arena, &objects, &case.by_http2(), (&what, expected)).await;
                }
            }
        }
    }
}

/// Envoy itself leaves `//` of a path that is nothing but slashes.
#[tokio::test]
async fn the_root_is_the_root_however_many_slashes_it_has() {
    for (normalization, seen) in NORMALIZATIONS.into_iter().zip([false, false, true, true]) {
        let mut arena = Arena::start(normalization).await;
        for field in ["paths", "notPaths"] {
            let mut operation = json!({});
            operation[field] = json!(["/"]);
            let spellings = ["//", "///", "//?x=1", "/x/..//"];
            let cases = spellings.map(|path| (path, seen)).into_iter();
            let cases = cases.chain([("/", true), ("/x", false), ("//x", false)]);
            let trial = Trial {
                rule: json!({"to": [{"operation": operation}]}),
                cases: cases
                    .map(|(path, is_root)| (front(Http::get(path)), is_root == (field == "paths")))
                    .collect(),
            };
            check_both(&mut arena, &trial, &[]).await;
        }
    }
}

#[tokio::test]
async fn a_zero_byte_gets_nowhere() {
    let mut arena = Arena::start(Normalization::None).await;
    let objects = [policy("DENY", &admin())];
    arena.apply(&objects).await;
    for (path, expected) in [
        ("/admin\0", BadRequest),
        ("/\0admin", BadRequest),
        // Escaped it is another path than `/admin`.
        ("/admin%00", Allowed),
    ] {
        let case = front(Http::get(path));
        check(&mut arena, &objects, &case, ("a zero byte", expected)).await;
    }
}
