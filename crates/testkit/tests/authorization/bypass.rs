//! What attackers try: other ways to write a path, a host or a header, and names that nobody has proven. Each is judged by
//! Envoy and by the probe, for a policy that denies and for one that allows, under each normalisation of paths.

use ferromesh_testkit::raw::Handshake;
use serde_json::{Value, json};

use crate::arena::{Arena, HTTP, Outcome};
use crate::requests::{Case, Http};

use Outcome::{Allowed, BadRequest, Denied};

/// How paths are normalised.
const NORMALIZATIONS: [&str; 4] = ["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"];

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
const SPELLINGS: [(&str, [Seen; 4]); 16] = [
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
    ("/./admin", [Other, Same, Same, Same]),
    ("/x/..%2fadmin", [Other, Other, Other, Same]),
    ("\\admin", [Refused, Refused, Refused, Refused]),
    ("/x%5c..%5cadmin", [Other, Other, Other, Same]),
    ("/admin#x", [Refused, Refused, Refused, Refused]),
];

fn configuration(normalization: &str) -> String {
    format!(
        "outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\npathNormalization: {{normalization: {normalization}}}\n"
    )
}

fn policy(action: &str, rule: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": format!("{}-it", action.to_lowercase()), "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "server"}}, "action": action, "rules": [rule]},
    })
}

fn get(client: Option<usize>, http: Http) -> Case {
    Case {
        client,
        source: [127, 0, 0, 1].into(),
        port: HTTP,
        http: Some(http),
    }
}

async fn check(arena: &mut Arena, case: &Case, expected: Outcome, what: &str) {
    let emitted = arena.emitted();
    let (envoy, probe) = (arena.envoy(case).await, arena.probe(&emitted, case));
    assert!(
        envoy == expected && probe == expected,
        "{what}: expected {expected:?}, envoy {envoy:?}, the probe {probe:?}: {case:?}"
    );
}

/// Checks a case against a policy with this rule: what the rule sees is denied by `DENY` and allowed by `ALLOW`.
async fn check_both(arena: &mut Arena, rule: &Value, cases: &[(Case, bool)]) {
    for action in ["DENY", "ALLOW"] {
        arena.apply(&[policy(action, rule)]).await;
        for (case, is_seen) in cases {
            let expected = if *is_seen == (action == "ALLOW") {
                Allowed
            } else {
                Denied
            };
            check(arena, case, expected, action).await;
        }
    }
}

#[tokio::test]
async fn spellings_of_a_path_are_what_each_normalisation_says() {
    for (column, normalization) in NORMALIZATIONS.iter().enumerate() {
        let mut arena = Arena::start(&configuration(normalization)).await;
        let rule = json!({"to": [{"operation": {"paths": ["/admin"]}}]});
        for action in ["DENY", "ALLOW"] {
            arena.apply(&[policy(action, &rule)]).await;
            for (path, seen) in &SPELLINGS {
                let expected = match (seen[column], action) {
                    (Refused, _) => BadRequest,
                    (Same, "ALLOW") | (Other, "DENY") => Allowed,
                    (Same | Other, _) => Denied,
                };
                let what = format!("{normalization} {action} {path}");
                check(&mut arena, &get(Some(0), Http::get(path)), expected, &what).await;
            }
        }
    }
}

#[tokio::test]
async fn hosts_headers_and_names_are_what_was_proven() {
    let mut arena = Arena::start(&configuration("BASE")).await;
    let host = |host: &str| Http {
        host: host.to_owned(),
        ..Http::get("/")
    };
    let with = |headers: &[(&str, &str)]| Http {
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Http::get("/")
    };
    // Case counts for nothing; port and final dot do, which `analyze` tells.
    check_both(
        &mut arena,
        &json!({"to": [{"operation": {"hosts": ["server.shop"]}}]}),
        &[
            (get(Some(0), host("server.shop")), true),
            (get(Some(0), host("SERVER.Shop")), true),
            (get(Some(0), host("server.shop:80")), false),
            (get(Some(0), host("server.shop.")), false),
            (get(Some(0), host("other.example")), false),
        ],
    )
    .await;
    // Names of headers have no case; `_` is not `-`; of several one is enough.
    check_both(
        &mut arena,
        &json!({"when": [{"key": "request.headers[x-role]", "values": ["admin"]}]}),
        &[
            (get(Some(0), with(&[("x-role", "admin")])), true),
            (get(Some(0), with(&[("X-Role", "admin")])), true),
            (get(Some(0), with(&[("x_role", "admin")])), false),
            (get(Some(0), with(&[("x-role", "ADMIN")])), false),
            (
                get(Some(0), with(&[("x-role", "user"), ("x-role", "admin")])),
                true,
            ),
            (get(Some(0), with(&[("x-role", "user,admin")])), false),
        ],
    )
    .await;
    // Empty beside full is there.
    check_both(
        &mut arena,
        &json!({"when": [{"key": "request.headers[x-role]", "values": ["*"]}]}),
        &[
            (get(Some(0), with(&[("x-role", ""), ("x-role", "a")])), true),
            (get(Some(0), with(&[])), false),
        ],
    )
    .await;
    // Nobody is somebody because a header says so.
    let forged = "By=spiffe://cluster.local/ns/shop/sa/server;Hash=00;URI=spiffe://cluster.local/ns/shop/sa/front";
    check_both(
        &mut arena,
        &json!({"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/front"]}}]}),
        &[
            (get(Some(0), Http::get("/")), true),
            (
                get(Some(1), with(&[("x-forwarded-client-cert", forged)])),
                false,
            ),
            (
                get(None, with(&[("x-forwarded-client-cert", forged)])),
                false,
            ),
        ],
    )
    .await;
    // Anybody with an identity is not just anybody.
    check_both(
        &mut arena,
        &json!({"from": [{"source": {"principals": ["*"]}}]}),
        &[
            (get(Some(3), Http::get("/")), true),
            (get(None, Http::get("/")), false),
        ],
    )
    .await;
    // The connection's own address can't be forged; that of the request is what the last proxy says.
    check_both(
        &mut arena,
        &json!({"from": [{"source": {"ipBlocks": ["10.9.9.9"]}}]}),
        &[(
            get(Some(0), with(&[("x-forwarded-for", "10.9.9.9")])),
            false,
        )],
    )
    .await;
}

#[tokio::test]
async fn tls_without_a_certificate_is_no_identity() {
    let mut arena = Arena::start(&configuration("BASE")).await;
    let rule = json!({"from": [{"source": {"principals": ["*"]}}]});
    arena.apply(&[policy("ALLOW", &rule)]).await;
    let to = arena.address(HTTP);
    for protocols in [ferromesh_testkit::raw::HTTP, &[]] {
        let handshake = Handshake::tls(None, protocols, "server.shop");
        let reply = async {
            let mut raw = ferromesh_testkit::raw::Raw::open(to, &handshake).await?;
            raw.send(&Http::get("/").bytes()).await
        };
        let reply = reply.await;
        assert!(reply.is_err(), "{protocols:?}: {reply:?}");
    }
}

#[tokio::test]
async fn a_zero_byte_gets_nowhere() {
    let mut arena = Arena::start(&configuration("NONE")).await;
    let rule = json!({"to": [{"operation": {"paths": ["/admin"]}}]});
    arena.apply(&[policy("DENY", &rule)]).await;
    for path in ["/admin\0", "/\0admin", "/admin%00"] {
        let case = get(Some(0), Http::get(path));
        let outcome = arena.envoy(&case).await;
        // As it stands it is no path; escaped it is another one than `/admin`.
        let expected = if path.contains('\0') {
            BadRequest
        } else {
            Allowed
        };
        assert_eq!(outcome, expected, "{path:?}");
    }
}
