//! What policies tell: audits, dry runs, and refusals in the access log.

use ferromesh_testkit::wait::eventually;
use serde_json::{Value, json};

use super::authorizer::Speech;
use super::scene::{Scene, about, asking, by_http, policy, providers, refused};

/// Who asks.
const FRONT: &str = "spiffe://cluster.local/ns/shop/sa/front";

/// The line of the server's access log that contains all of these.
async fn logged(scene: &Scene, parts: &[&str]) -> String {
    eventually(&format!("a line with {parts:?}"), async || {
        let log = scene.server.access_log();
        let has = |line: &&String| parts.iter().all(|part| line.contains(part));
        let found = log.iter().find(has).cloned();
        found.ok_or_else(|| log.join("\n"))
    })
    .await
}

/// Policies about connections from `front`.
fn about_front(name: &str, action: &str) -> Value {
    let rules = json!([{
        "from": [{"source": {"principals": ["cluster.local/ns/shop/sa/front"]}}],
        "to": [{"operation": {"ports": ["9090"]}}],
    }]);
    policy("shop", name, &json!({"action": action, "rules": rules}))
}

fn tried(mut policy: Value) -> Value {
    policy["metadata"]["annotations"] = json!({"istio.io/dry-run": "true"});
    policy
}

#[tokio::test]
async fn what_is_audited_is_logged_though_nothing_else_is() {
    let mut scene = Scene::open(&json!({})).await;
    scene
        .apply(&[
            about("audited", "AUDIT", &["/audited*"]),
            about_front("connections", "AUDIT"),
            about("denied", "DENY", &["/audited/denied"]),
        ])
        .await;
    for (path, expected) in [("/not", 200), ("/audited", 200), ("/audited/denied", 403)] {
        assert_eq!(scene.get("front", path).await.0, expected, "{path}");
    }
    scene.exchange("alien").await.unwrap();
    scene.exchange("front").await.unwrap();
    logged(&scene, &["\"GET /audited HTTP/1.1\" 200", FRONT]).await;
    logged(&scene, &["\"GET /audited/denied HTTP/1.1\" 403", FRONT]).await;
    logged(&scene, &["\"- - -\" 0", FRONT]).await;
    // Lines come in order, and these would have come before.
    let log = scene.server.access_log();
    assert_eq!(log.len(), 3, "{log:?}");
}

/// Asserts that Istio's names and labels tell of the dry run.
async fn labelled_as_istio(scene: &Scene) {
    let told = scene.server.ask_admin("/stats/prometheus").await;
    let lines: Vec<_> = told
        .lines()
        .filter(|line| line.starts_with("envoy_http_rbac{") && line.contains("_8080\""))
        .collect();
    for (action, result, expected) in [
        ("deny", "denied", 2),
        ("deny", "allowed", 1),
        ("allow", "allowed", 1),
        ("allow", "denied", 2),
    ] {
        let labels = [
            format!("authz_dry_run_action=\"{action}\""),
            format!("authz_dry_run_result=\"{result}\""),
        ];
        let has = |line: &&&str| labels.iter().all(|label| line.contains(label));
        let line = lines.iter().find(has).copied().unwrap_or_default();
        assert!(
            line.ends_with(&format!(" {expected}")),
            "{labels:?}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_is_counted_and_changes_nothing() {
    let format = "%REQ(:PATH)% \
        %DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_deny_shadow_engine_result)% \
        %DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_deny_shadow_effective_policy_id)%\n";
    let log = json!({"accessLogFile": "/dev/stdout", "accessLogFormat": format});
    let mut scene = Scene::open(&log).await;
    scene
        .apply(&[
            tried(about("try-deny", "DENY", &["/admin"])),
            tried(about("try-allow", "ALLOW", &["/public"])),
            tried(about_front("try-connections", "DENY")),
        ])
        .await;
    for path in ["/admin", "/public", "/admin"] {
        assert_eq!(scene.get("front", path).await.0, 200, "{path}");
    }
    scene.exchange("front").await.unwrap();
    scene.exchange("alien").await.unwrap();
    logged(&scene, &["/admin denied ns[shop]-policy[try-deny]-rule[0]"]).await;
    logged(&scene, &["/public allowed -"]).await;
    let stats = scene.server.stats().await;
    let count = |kind: &str, name: &str| {
        let found = stats
            .iter()
            .filter(|(it, _)| it.starts_with(kind) && it.ends_with(name));
        found.map(|(_, count)| count).sum::<u64>()
    };
    for (kind, name, expected) in [
        ("http.", "rbac.istio_dry_run_deny_.shadow_denied", 2),
        ("http.", "rbac.istio_dry_run_deny_.shadow_allowed", 1),
        ("http.", "rbac.istio_dry_run_allow_.shadow_allowed", 1),
        ("http.", "rbac.istio_dry_run_allow_.shadow_denied", 2),
        ("tcp.", "rbac.istio_dry_run_deny_.shadow_denied", 1),
        ("tcp.", "rbac.istio_dry_run_deny_.shadow_allowed", 1),
    ] {
        assert_eq!(count(kind, name), expected, "{kind}*{name}: {stats:?}");
    }
    labelled_as_istio(&scene).await;
    // Those that count are counted apart.
    scene
        .apply(&[
            about("deny", "DENY", &["/admin"]),
            tried(about("try-deny", "DENY", &["/public"])),
        ])
        .await;
    assert_eq!(scene.get("front", "/admin").await, refused());
    assert_eq!(scene.get("front", "/public").await.0, 200);
}

#[tokio::test]
async fn the_access_log_says_who_was_refused_and_by_what() {
    let mut configuration = providers(&[by_http("guard", &json!({}))]);
    configuration["accessLogFile"] = "/dev/stdout".into();
    let mut scene = Scene::open(&configuration).await;
    scene
        .apply(&[
            about("deny", "DENY", &["/denied"]),
            about("allow", "ALLOW", &["/allowed", "/asked"]),
            asking("guard", &["/asked"]),
            about_front("connections", "DENY"),
        ])
        .await;
    scene.by_http.say(Speech::Http(403, Vec::new(), "no"));
    for (path, expected) in [
        ("/allowed", 200),
        ("/denied", 403),
        ("/other", 403),
        ("/asked", 403),
    ] {
        assert_eq!(scene.get("front", path).await.0, expected, "{path}");
    }
    scene.exchange("front").await.unwrap_err();
    for parts in [
        ["\"GET /allowed HTTP/1.1\" 200 - via_upstream", FRONT],
        [
            "\"GET /denied HTTP/1.1\" 403 - rbac_access_denied_matched_policy[ns[shop]-policy[deny]-rule[0]]",
            FRONT,
        ],
        [
            "\"GET /other HTTP/1.1\" 403 - rbac_access_denied_matched_policy[none]",
            FRONT,
        ],
        ["\"GET /asked HTTP/1.1\" 403 UAEX ext_authz_denied", FRONT],
        [
            "rbac_access_denied_matched_policy[ns[shop]-policy[connections]-rule[0]]",
            FRONT,
        ],
    ] {
        logged(&scene, &parts).await;
    }
    let connection = logged(&scene, &["policy[connections]"]).await;
    assert!(connection.contains("\"- - -\" 0"), "{connection}");
}
