//! CUSTOM before DENY before ALLOW.

use serde_json::json;

use super::authorizer::Speech;
use super::custom_grpc::said;
use super::scene::{Scene, about, asking, by_grpc, by_http, providers, refused};

#[tokio::test]
async fn custom_comes_before_deny_before_allow() {
    let mut scene = Scene::open(&providers(&[by_http("guard", &json!({}))])).await;
    scene
        .apply(&[
            about("allow", "ALLOW", &["/ask-allow*", "/is-allow*"]),
            about("deny", "DENY", &["*-deny"]),
            asking("guard", &["/ask*"]),
        ])
        .await;
    let no = Speech::Http(418, Vec::new(), "no");
    let yes = Speech::Http(200, Vec::new(), "");
    let teapot = (418, "no".to_owned());
    // The path, and what comes of it when the authorizer allows and when it refuses.
    for (path, allowed, denied) in [
        ("/ask-allow", None, teapot.clone()),
        ("/ask-allow-deny", Some(refused()), teapot.clone()),
        ("/ask-deny", Some(refused()), teapot.clone()),
        ("/ask", Some(refused()), teapot),
    ] {
        scene.by_http.say(yes.clone());
        let (status, text) = scene.get("front", path).await;
        match allowed {
            None => assert_eq!(status, 200, "{path}"),
            Some(expected) => assert_eq!((status, text), expected, "{path}"),
        }
        assert_eq!(
            scene.by_http.asked().len(),
            1,
            "{path}: asked though denied"
        );
        scene.by_http.say(no.clone());
        assert_eq!(scene.get("front", path).await, denied, "{path}");
        assert_eq!(scene.by_http.asked().len(), 1, "{path}");
    }
    // Nobody is asked about these.
    for (path, expected) in [
        ("/is-allow", 200),
        ("/is-allow-deny", 403),
        ("/is-deny", 403),
        ("/is", 403),
    ] {
        assert_eq!(scene.get("front", path).await.0, expected, "{path}");
    }
    assert_eq!(scene.by_http.asked().len(), 0);
}

#[tokio::test]
async fn each_of_several_authorizers_may_refuse() {
    let settings = json!({});
    let both = [by_http("one", &settings), by_grpc("two", &settings)];
    let mut scene = Scene::open(&providers(&both)).await;
    scene
        .apply(&[asking("one", &["/both", "/one"]), asking("two", &["/both"])])
        .await;
    let http = |is_allowed| Speech::Http(if is_allowed { 200 } else { 403 }, Vec::new(), "one");
    let grpc = |is_allowed| said(if is_allowed { 0 } else { 7 }, None);
    for (one, two, expected) in [
        (true, true, 200),
        (true, false, 403),
        (false, true, 403),
        (false, false, 403),
    ] {
        scene.by_http.say(http(one));
        scene.by_grpc.say(grpc(two));
        let (status, _) = scene.get("front", "/both").await;
        assert_eq!(status, expected, "{one} {two}");
        let asked = (scene.by_http.asked().len(), scene.by_grpc.asked().len());
        // The first one's no is enough.
        assert_eq!(asked, (1, usize::from(one)), "{one} {two}");
    }
    scene.by_http.say(http(true));
    assert_eq!(scene.get("front", "/one").await.0, 200);
    assert_eq!(scene.by_grpc.asked().len(), 0);
}
