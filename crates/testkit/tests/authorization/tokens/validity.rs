//! Who is known by a token, and to whom.

use ferromesh_testkit::client::Request;
use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use super::{SERVICE, World, authentication, now, only_principals, policy};

const ISSUER: &str = "https://issuer.example";

fn rule(issuer: &Issuer) -> Value {
    json!({"issuer": ISSUER, "jwks": issuer.key_set(), "audiences": ["shop", "warehouse"]})
}

#[tokio::test]
async fn an_end_user_is_known_through_both_proxies() {
    let issuer = Issuer::new(ISSUER);
    let name = format!("{ISSUER}/alice");
    let objects = [authentication(&[rule(&issuer)]), only_principals(&[&name])];
    let world = World::start(&objects).await;
    let client = world.mesh.workload(world.client.clone()).await;
    let (valid, _) = issuer.sign(&json!({"sub": "alice", "aud": "shop"}));
    let (other, _) = issuer.sign(&json!({"sub": "bob", "aud": "shop"}));
    let (expired, _) = issuer.sign(&json!({"sub": "alice", "aud": "shop", "exp": now() - 3600}));
    for (what, token, status) in [
        ("no token", None, 403),
        ("no token at all", Some("nonsense"), 401),
        ("expired", Some(expired.as_str()), 401),
        ("somebody else", Some(other.as_str()), 403),
        ("valid", Some(valid.as_str()), 200),
    ] {
        let mut request = Request::get("server.shop", "/");
        if let Some(token) = token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        let answer = request.send(client.outbound(SERVICE)).await.unwrap();
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        match status {
            200 => assert_eq!(answer.instance(), "server-1", "{what}"),
            403 => assert_eq!(answer.text(), "RBAC: access denied", "{what}"),
            _ => assert!(
                answer.text().starts_with("Jwt "),
                "{what}: {}",
                answer.text()
            ),
        }
    }
    assert_eq!(world.server.echo().counters().requests, 1);
}

#[tokio::test]
async fn who_shows_no_token_is_nobody_and_may_what_nobody_may() {
    let issuer = Issuer::new(ISSUER);
    let tokens = authentication(&[rule(&issuer)]);
    let mut world = World::start(std::slice::from_ref(&tokens)).await;
    let (valid, _) = issuer.sign(&json!({"sub": "alice", "aud": "shop"}));
    world.get("no token, no policy", 200, "/", &[]).await;
    world.with_token("a token, no policy", 200, &valid).await;
    world.with_token("nonsense, no policy", 401, "a.b.c").await;
    // Other schemes are the application's affair.
    let basic = [("authorization", "Basic YTpi")];
    world.get("no bearer", 200, "/", &basic).await;
    let without = json!({"from": [{"source": {"notRequestPrincipals": ["*"]}}]});
    for policy in [
        only_principals(&["*"]),
        policy("no-strangers", "DENY", &without),
    ] {
        world.apply(&[tokens.clone(), policy]).await;
        world.get("no token", 403, "/", &[]).await;
        world.get("no bearer", 403, "/", &basic).await;
        for scheme in ["bearer", "BEARER", "Token", ""] {
            let value = format!("{scheme} {valid}");
            let header = [("authorization", value.as_str())];
            world.get("another scheme", 403, "/", &header).await;
        }
        world.with_token("nonsense", 401, "a.b.c").await;
        world.with_token("a token", 200, &valid).await;
    }
}

#[tokio::test]
async fn each_issuer_speaks_for_itself() {
    let (one, two) = (
        Issuer::new("https://one.example"),
        Issuer::new("https://two.example"),
    );
    let rules = [
        json!({"issuer": "https://one.example", "jwks": one.key_set(), "audiences": ["one"]}),
        json!({"issuer": "https://two.example", "jwks": two.key_set()}),
    ];
    let by_two = only_principals(&["https://two.example/*"]);
    let mut world = World::start(&[authentication(&rules)]).await;
    let of_one = one.sign(&json!({"sub": "alice", "aud": "one"})).0;
    let of_two = two.sign(&json!({"sub": "alice"})).0;
    world.with_token("the first", 200, &of_one).await;
    world.with_token("the second", 200, &of_two).await;
    let as_one = json!({"iss": "https://one.example", "sub": "alice", "aud": "one"});
    world
        .with_token("the second for the first", 401, &two.sign(&as_one).0)
        .await;
    let as_two = json!({"iss": "https://two.example", "sub": "alice"});
    world
        .with_token("the first for the second", 401, &one.sign(&as_two).0)
        .await;
    let other = one.sign(&json!({"sub": "alice", "aud": "two"})).0;
    world
        .with_token("the audience of another", 403, &other)
        .await;
    let nobody = Issuer::new("https://three.example");
    world
        .with_token("neither", 401, &nobody.sign(&json!({"sub": "a"})).0)
        .await;
    world.get("no token", 200, "/", &[]).await;
    world.apply(&[authentication(&rules), by_two]).await;
    world
        .with_token("the first is not the second", 403, &of_one)
        .await;
    world.with_token("the second", 200, &of_two).await;
}

#[tokio::test]
async fn rules_of_all_levels_add_up() {
    let [mesh, namespace, workload, other] =
        ["mesh", "namespace", "workload", "other"].map(|it| Issuer::new(&format!("https://{it}")));
    let of = |issuer: &Issuer, it: &str| json!({"issuer": format!("https://{it}"), "jwks": issuer.key_set()});
    let object = |place: &str, rule: Value| {
        json!({
            "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "all", "namespace": place}, "spec": {"jwtRules": [rule]},
        })
    };
    let objects = [
        object("istio-system", of(&mesh, "mesh")),
        object("shop", of(&namespace, "namespace")),
        object("elsewhere", of(&other, "other")),
        authentication(&[of(&workload, "workload")]),
    ];
    let mut world = World::start(&objects).await;
    let token = |issuer: &Issuer| issuer.sign(&json!({"sub": "alice"})).0;
    for issuer in [&mesh, &namespace, &workload] {
        world.with_token("known", 200, &token(issuer)).await;
    }
    let foreign = token(&other);
    world
        .with_token("of another namespace", 401, &foreign)
        .await;
    world.apply(&[]).await;
    // Nobody looks at tokens, and nobody takes them away.
    let reply = world.with_token("no rule", 200, &foreign).await;
    assert_eq!(
        super::header(&reply, "authorization"),
        json!(format!("Bearer {foreign}"))
    );
}
