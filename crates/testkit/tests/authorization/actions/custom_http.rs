//! CUSTOM by an authorizer that is asked by HTTP.

use serde_json::json;

use super::authorizer::Speech;
use super::scene::{Scene, asking, by_http, providers, received, request};

#[tokio::test]
async fn an_authorizer_by_http_allows_and_denies_what_the_rules_match() {
    let mut scene = Scene::open(&providers(&[by_http("guard", &json!({}))])).await;
    scene.apply(&[asking("guard", &["/secret*"])]).await;
    assert_eq!(scene.get("front", "/open").await.0, 200);
    assert_eq!(scene.by_http.asked().len(), 0, "the rules don't match");
    assert_eq!(scene.get("front", "/secret").await.0, 200);
    assert_eq!(scene.by_http.asked_once().path, "/secret");

    let told = vec![("x-reason", "full moon"), ("www-authenticate", "Moon")];
    scene
        .by_http
        .say(Speech::Http(401, told, "come back later"));
    let before = scene.server.echo().counters().requests;
    let reply = scene
        .ask("front", &request("GET", "/secret/1", &[], ""))
        .await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (401, "come back later")
    );
    // Without a list, the client gets all headers.
    assert_eq!(reply.header("x-reason"), "full moon");
    assert_eq!(reply.header("www-authenticate"), "Moon");
    assert_eq!(scene.server.echo().counters().requests, before);
    assert_eq!(scene.get("front", "/open").await.0, 200);
}

#[tokio::test]
async fn an_authorizer_by_http_gets_what_is_configured_and_nothing_else() {
    let all = json!({
        "pathPrefix": "/check",
        "includeRequestHeadersInCheck": ["X-Exact", "x-pre-*", "*-SUF"],
        "includeAdditionalHeadersInCheck": {"x-added": "by the mesh"},
        "includeRequestBodyInCheck": {"maxRequestBytes": 4, "allowPartialMessage": true},
    });
    let mut scene = Scene::open(&providers(&[
        by_http("bare", &json!({})),
        by_http("full", &all),
    ]))
    .await;
    scene
        .apply(&[asking("bare", &["/bare*"]), asking("full", &["/full*"])])
        .await;
    let headers = [
        ("authorization", "Bearer x"),
        ("x-exact", "1"),
        ("X-Pre-One", "2"),
        ("x-a-suf", "3"),
        ("x-exact-not", "4"),
        ("x-added", "forged"),
        ("cookie", "a=b"),
    ];
    let bytes = request("POST", "/bare?a=b", &headers, "secret body");
    assert_eq!(scene.ask("front", &bytes).await.status, 200);
    let asked = scene.by_http.asked_once();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), &asked.body[..]),
        ("POST", "/bare?a=b", &b""[..])
    );
    assert_eq!(asked.header("host"), "server");
    assert_eq!(asked.header("authorization"), "Bearer x");
    for name in ["x-exact", "x-pre-one", "x-a-suf", "x-added", "cookie"] {
        assert_eq!(asked.header(name), "", "{name} is nobody's business");
    }

    let bytes = request("POST", "/full?a=b", &headers, "secret body");
    let reply = scene.ask("front", &bytes).await;
    assert_eq!(received(&reply, "x-added"), "forged");
    let asked = scene.by_http.asked_once();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), &asked.body[..]),
        ("POST", "/check/full?a=b", &b"secr"[..])
    );
    for (name, value) in [
        ("authorization", "Bearer x"),
        ("x-exact", "1"),
        ("x-pre-one", "2"),
        ("x-a-suf", "3"),
        ("x-exact-not", ""),
        ("x-added", "by the mesh"),
        ("cookie", ""),
    ] {
        assert_eq!(asked.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_for_an_authorizer_is_refused_unless_it_may_be_cut() {
    let whole = json!({"includeRequestBodyInCheck": {"maxRequestBytes": 4}});
    let mut scene = Scene::open(&providers(&[by_http("whole", &whole)])).await;
    scene.apply(&[asking("whole", &["/whole"])]).await;
    let post = |body| request("POST", "/whole", &[], body);
    assert_eq!(scene.ask("front", &post("long body")).await.status, 413);
    assert_eq!(scene.by_http.asked().len(), 0);
    assert_eq!(scene.ask("front", &post("abcd")).await.status, 200);
    assert_eq!(&scene.by_http.asked_once().body[..], b"abcd");
}

#[tokio::test]
async fn what_an_authorizer_by_http_says_reaches_whom_it_is_for() {
    let lists = json!({
        "headersToUpstreamOnAllow": ["X-User", "x-role-*"],
        "headersToDownstreamOnAllow": ["x-session", "set-*"],
        "headersToDownstreamOnDeny": ["x-reason"],
        "clearRouteCache": true,
    });
    let mut scene = Scene::open(&providers(&[by_http("guard", &lists)])).await;
    scene.apply(&[asking("guard", &["/*"])]).await;
    let told = vec![
        ("x-user", "ann"),
        ("x-role-admin", "yes"),
        ("x-internal", "1"),
        ("x-session", "s1"),
        ("set-cookie", "a=b"),
        ("x-reason", "none"),
    ];
    scene.by_http.say(Speech::Http(200, told.clone(), ""));
    let forged = [("x-user", "root"), ("x-internal", "0")];
    let reply = scene.ask("front", &request("GET", "/", &forged, "")).await;
    assert_eq!(received(&reply, "x-user"), "ann", "the client's is gone");
    assert_eq!(received(&reply, "x-role-admin"), "yes");
    assert_eq!(received(&reply, "x-internal"), "0", "not on the list");
    assert_eq!(received(&reply, "x-session"), "");
    assert_eq!(reply.header("x-session"), "s1");
    assert_eq!(reply.header("set-cookie"), "a=b");
    assert_eq!((reply.header("x-user"), reply.header("x-reason")), ("", ""));

    scene.by_http.say(Speech::Http(402, told, "pay"));
    let reply = scene.ask("front", &request("GET", "/", &[], "")).await;
    assert_eq!((reply.status, reply.text().as_str()), (402, "pay"));
    assert_eq!(reply.header("x-reason"), "none");
    for name in ["x-user", "x-internal", "x-session", "set-cookie"] {
        assert_eq!(reply.header(name), "", "{name}");
    }
}
