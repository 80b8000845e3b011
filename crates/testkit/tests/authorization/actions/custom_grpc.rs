//! CUSTOM by an authorizer that is asked by gRPC about requests.

use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::{Struct, Value, value::Kind};
use envoy_types::pb::google::rpc::Status;
use serde_json::json;

use super::authorizer::Speech;
use super::scene::{Scene, about, asking, by_grpc, policy, providers, received, refused, request};

/// What Google's codes say.
const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;

/// An answer with this code.
pub fn said(code: i32, http_response: Option<HttpResponse>) -> Speech {
    Speech::Grpc(Box::new(CheckResponse {
        status: Some(Status {
            code,
            ..Default::default()
        }),
        dynamic_metadata: None,
        http_response,
    }))
}

fn header(key: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: key.to_owned(),
            value: value.to_owned(),
            raw_value: Vec::new(),
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_authorizer_by_grpc_knows_both_sides_and_the_request() {
    let text = json!({"includeRequestBodyInCheck": {"maxRequestBytes": 64}});
    let bytes = json!({"includeRequestBodyInCheck": {
        "maxRequestBytes": 4, "allowPartialMessage": true, "packAsBytes": true,
    }});
    let mut scene = Scene::open(&providers(&[
        by_grpc("bare", &json!({})),
        by_grpc("bytes", &bytes),
        by_grpc("text", &text),
    ]))
    .await;
    scene
        .apply(&[
            asking("bare", &["/bare*"]),
            asking("bytes", &["/bytes"]),
            asking("text", &["/text"]),
        ])
        .await;
    scene.by_grpc.say(said(OK, None));
    let headers = [("x-any", "1")];
    let sent = request("POST", "/bare?a=b", &headers, "some body");
    assert_eq!(scene.ask("front", &sent).await.status, 200);
    let check = scene.by_grpc.asked_once().check();
    let attributes = check.attributes.expect("attributes");
    let (source, destination) = (attributes.source.unwrap(), attributes.destination.unwrap());
    assert_eq!(source.principal, "spiffe://cluster.local/ns/shop/sa/front");
    assert_eq!(
        destination.principal,
        "spiffe://cluster.local/ns/shop/sa/server"
    );
    let asked = attributes.request.unwrap().http.unwrap();
    assert_eq!(
        (&*asked.method, &*asked.path, &*asked.host, &*asked.body),
        ("POST", "/bare?a=b", "server", "")
    );
    assert_eq!(asked.headers["x-any"], "1", "by gRPC all headers are told");

    for (path, text, raw) in [("/text", "some body", ""), ("/bytes", "", "some")] {
        let sent = request("POST", path, &[], "some body");
        assert_eq!(scene.ask("front", &sent).await.status, 200, "{path}");
        let check = scene.by_grpc.asked_once().check();
        let asked = check.attributes.unwrap().request.unwrap().http.unwrap();
        assert_eq!((&*asked.body, &asked.raw_body[..]), (text, raw.as_bytes()));
    }
}

#[tokio::test]
async fn an_authorizer_by_grpc_refuses_in_its_own_words() {
    let mut scene = Scene::open(&providers(&[by_grpc("guard", &json!({}))])).await;
    scene.apply(&[asking("guard", &["/bare"])]).await;
    let before = scene.server.echo().counters().requests;
    scene.by_grpc.say(said(PERMISSION_DENIED, None));
    assert_eq!(scene.get("front", "/bare").await.0, 403);
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus { code: 429 }),
        headers: vec![header("x-reason", "too many")],
        body: "slow down".to_owned(),
    };
    let denied = HttpResponse::DeniedResponse(denied);
    scene.by_grpc.say(said(PERMISSION_DENIED, Some(denied)));
    let reply = scene.ask("front", &request("GET", "/bare", &[], "")).await;
    assert_eq!((reply.status, reply.text().as_str()), (429, "slow down"));
    assert_eq!(reply.header("x-reason"), "too many");
    assert_eq!(scene.server.echo().counters().requests, before);
}

#[tokio::test]
async fn what_an_authorizer_by_grpc_says_reaches_application_client_and_policies() {
    let mut scene = Scene::open(&providers(&[by_grpc("guard", &json!({}))])).await;
    let key = "experimental.envoy.filters.http.ext_authz[tier]";
    let when = json!([{"when": [{"key": key, "values": ["gold"]}]}]);
    let gold = policy("shop", "gold", &json!({"rules": when}));
    let all = [asking("guard", &["/*"]), gold];
    scene.apply(&all).await;
    let said = |tier: &str| {
        let response = OkHttpResponse {
            headers: vec![header("x-user", "ann")],
            headers_to_remove: vec!["x-secret".to_owned()],
            response_headers_to_add: vec![header("x-session", "s1")],
            ..Default::default()
        };
        let tier = Value {
            kind: Some(Kind::StringValue(tier.to_owned())),
        };
        Speech::Grpc(Box::new(CheckResponse {
            status: Some(Status::default()),
            dynamic_metadata: Some(Struct {
                fields: [("tier".to_owned(), tier)].into(),
            }),
            http_response: Some(HttpResponse::OkResponse(response)),
        }))
    };
    scene.by_grpc.say(said("gold"));
    let sent = request("GET", "/", &[("x-user", "root"), ("x-secret", "1")], "");
    let reply = scene.ask("front", &sent).await;
    assert_eq!(received(&reply, "x-user"), "ann");
    assert_eq!(received(&reply, "x-secret"), "");
    assert_eq!(reply.header("x-session"), "s1");
    // The metadata of other filters is what policies can ask for: a tier that isn't gold is refused.
    scene.by_grpc.say(said("lead"));
    assert_eq!(scene.get("front", "/").await, refused());
    // Without any metadata, too.
    scene
        .apply(&[all[1].clone(), about("x", "ALLOW", &["/x"])])
        .await;
    assert_eq!(scene.get("front", "/").await, refused());
    assert_eq!(scene.get("front", "/x").await.0, 200);
}
