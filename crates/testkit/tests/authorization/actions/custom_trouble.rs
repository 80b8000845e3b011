//! CUSTOM when the authorizer can't be asked, or isn't there.

use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::mesh::{Settings, manifest};
use ferromesh_testkit::wait::eventually;
use serde_json::{Value, json};

use super::authorizer::Speech;
use super::scene::{Scene, asking, by_grpc, by_http, closed, policy, providers, refused};

/// Providers that differ in what happens without an answer, each asked about the path of its name.
fn variants() -> Vec<(String, Value)> {
    let settings = [
        ("strict", json!({"timeout": "0.2s"})),
        ("busy", json!({"timeout": "0.2s", "statusOnError": "503"})),
        ("open", json!({"timeout": "0.2s", "failOpen": true})),
    ];
    let mut all = Vec::new();
    for (what, settings) in settings {
        for (kind, provider) in [
            ("http", by_http("", &settings)),
            ("grpc", by_grpc("", &settings)),
            (
                "closed-http",
                json!({"envoyExtAuthzHttp": closed(&settings)}),
            ),
            (
                "closed-grpc",
                json!({"envoyExtAuthzGrpc": closed(&settings)}),
            ),
        ] {
            let name = format!("{kind}-{what}");
            let mut provider = provider;
            provider["name"] = name.clone().into();
            all.push((name, provider));
        }
    }
    all
}

#[tokio::test]
async fn an_authorizer_that_does_not_answer_refuses_unless_it_fails_open() {
    let all = variants();
    let configured: Vec<_> = all.iter().map(|(_, it)| it.clone()).collect();
    let mut scene = Scene::open(&providers(&configured)).await;
    let policies: Vec<_> = all
        .iter()
        .map(|(name, _)| asking(name, &[&format!("/{name}")]))
        .collect();
    scene.apply(&policies).await;
    let troubles = [
        ("never answers", Speech::Silence, Speech::Silence),
        (
            "fails",
            Speech::Http(500, Vec::new(), "oops"),
            Speech::Failure(13),
        ),
    ];
    for (trouble, http, grpc) in troubles {
        scene.by_http.say(http);
        scene.by_grpc.say(grpc);
        for (name, _) in &all {
            let expected = match name.rsplit('-').next() {
                Some("busy") => 503,
                Some("open") => 200,
                _ => 403,
            };
            let (status, text) = scene.get("front", &format!("/{name}")).await;
            assert_eq!(status, expected, "{name} {trouble}: {text}");
            assert!(!text.contains("oops"), "{name} {trouble}: {text}");
        }
    }
    assert!(!scene.by_http.asked().is_empty() && !scene.by_grpc.asked().is_empty());
}

#[tokio::test]
async fn an_unknown_authorizer_refuses_what_the_rules_match_and_is_told_of() {
    let mut scene = Scene::open(&providers(&[by_http("guard", &json!({}))])).await;
    scene.apply(&[asking("guards", &["/secret*"])]).await;
    assert_eq!(scene.get("front", "/secret").await, refused());
    assert_eq!(scene.get("front", "/open").await.0, 200);
    assert_eq!(scene.by_http.asked().len(), 0);
    let told = scene.mesh.debug_json("/debug/diagnostics").await;
    let told = told.to_string();
    for part in [
        "spec.provider.name",
        "unknown-provider",
        "the mesh configuration has no external authorizer guards",
        "did you mean \\\"guard\\\"?",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    // Once it is declared, it is asked.
    let known = providers(&[by_http("guards", &json!({}))]);
    scene
        .mesh
        .manifests()
        .write("mesh.yaml", &known.to_string());
    eventually("the authorizer is asked", async || {
        match scene.get("front", "/secret").await {
            (200, _) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(!scene.by_http.asked().is_empty());
}

#[tokio::test]
async fn an_authorizer_of_the_mesh_is_asked_by_mutual_tls() {
    let meshed = json!({
        "name": "meshed",
        "envoyExtAuthzHttp": {
            "service": "meshed.guards.svc.cluster.local", "port": 80,
            "headersToUpstreamOnAllow": ["x-echo-instance"],
        },
    });
    let mut scene = Scene::open(&providers(&[meshed])).await;
    let settings = Settings::new("meshed-1", "guards", &mut scene.addresses)
        .account("meshed")
        .port(Kind::Http, 8080);
    let text = manifest::pod(&settings, &[("app", "meshed")])
        + &manifest::service("guards", "meshed", &[("http", 80, 8080)])
        + &manifest::endpoint_slice("guards", "meshed", &[("http", 8080)], [&settings]);
    scene.mesh.manifests().write("meshed.yaml", &text);
    let guard = scene.mesh.workload(settings).await;
    let only = |account: &str| {
        let principal = format!("cluster.local/ns/shop/sa/{account}");
        let rules = json!([{"from": [{"source": {"principals": [principal]}}]}]);
        let selector = json!({"matchLabels": {"app": "meshed"}});
        policy(
            "guards",
            "askers",
            &json!({"selector": selector, "rules": rules}),
        )
    };
    let strict = json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": {"namespace": "istio-system", "name": "default"},
        "spec": {"mtls": {"mode": "STRICT"}},
    });
    let asks = asking("meshed", &["/secret"]);
    for (account, expected) in [("server", 200), ("front", 403)] {
        scene
            .apply(&[asks.clone(), strict.clone(), only(account)])
            .await;
        eventually("the authorizer knows who asks", async || {
            match scene.get("front", "/secret").await {
                (status, _) if status == expected => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
    assert!(guard.echo().counters().requests > 0);
}
