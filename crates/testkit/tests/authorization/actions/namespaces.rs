//! Where policies act.

use ferromesh_testkit::client::Request;
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::mesh::{Settings, Workload, manifest};
use serde_json::{Value, json};

use super::scene::{HTTP, Scene, in_force, marker, policy, refused};

/// What anybody is answered there.
async fn status(workload: &Workload) -> u16 {
    let answer = Request::get("server", "/")
        .send(workload.inbound(HTTP))
        .await;
    answer.unwrap().status.as_u16()
}

fn nobody(namespace: &str, selector: Option<&str>) -> Value {
    let mut spec = json!({});
    if let Some(app) = selector {
        spec["selector"] = json!({"matchLabels": {"app": app}});
    }
    policy(namespace, "nobody", &spec)
}

#[tokio::test]
async fn a_policy_acts_in_its_namespace_and_one_of_the_root_namespace_everywhere() {
    let mut scene = Scene::open(&json!({})).await;
    let other = Settings::new("server-2", "other", &mut scene.addresses).port(Kind::Http, HTTP);
    let text = manifest::pod(&other, &[("app", "server")])
        + &manifest::service("other", "server", &[("http", 80, HTTP)])
        + &manifest::endpoint_slice("other", "server", &[("http", HTTP)], [&other]);
    scene.mesh.manifests().write("other.yaml", &text);
    let other = scene.mesh.workload(other).await;
    let everything = policy("other", "everything", &json!({"rules": [{}]}));
    let cases: [(&[Value], [u16; 2]); 7] = [
        (&[], [200, 200]),
        (&[nobody("shop", None)], [403, 200]),
        (&[nobody("other", Some("server"))], [200, 403]),
        (&[nobody("istio-system", None)], [403, 403]),
        (&[nobody("istio-system", Some("server"))], [403, 403]),
        (&[nobody("istio-system", Some("client"))], [200, 200]),
        // What a tenant allows is allowed there only.
        (&[nobody("istio-system", None), everything], [403, 200]),
    ];
    for (round, (policies, expected)) in (1..).zip(cases) {
        let (at, marker) = marker("other", round);
        scene.apply(&[policies, &[marker]].concat()).await;
        in_force(&other, &at).await;
        let statuses = [status(&scene.server).await, status(&other).await];
        assert_eq!(statuses, expected, "{policies:?}");
    }
}

#[tokio::test]
async fn nothing_is_allowed_while_a_policy_allows_nothing() {
    let mut scene = Scene::open(&json!({})).await;
    let nothing = nobody("shop", None);
    let front = json!([{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/front"]}}]}]);
    let front = policy("shop", "front", &json!({"rules": front}));
    let denied = policy("shop", "deny", &json!({"action": "DENY", "rules": [{}]}));
    for (what, policies, expected) in [
        ("no policy", &[][..], [true, true]),
        (
            "allow-nothing",
            std::slice::from_ref(&nothing),
            [false, false],
        ),
        (
            "one is allowed",
            &[nothing.clone(), front.clone()],
            [true, false],
        ),
        (
            "all are denied",
            &[nothing.clone(), front, denied],
            [false, false],
        ),
        ("they are gone", &[], [true, true]),
    ] {
        scene.apply(policies).await;
        for (who, may) in ["front", "nobody"].into_iter().zip(expected) {
            let answer = scene.get(who, "/").await;
            assert_eq!(answer.0 == 200, may, "{what}: {who}: {answer:?}");
            assert!(may || answer == refused(), "{what}: {who}: {answer:?}");
            assert_eq!(scene.exchange(who).await.is_ok(), may, "{what}: {who}");
        }
    }
}
