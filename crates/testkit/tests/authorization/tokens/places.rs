//! Where tokens stand, and whether the application gets them.

use ferromesh_testkit::raw::Reply;
use ferromesh_testkit::tokens::Issuer;
use serde_json::{Value, json};

use super::{World, authentication, header, only_principals, seen};

const ISSUER: &str = "https://issuer.example";

/// A rule with further fields.
fn rule(issuer: &Issuer, name: &str, more: &Value) -> Value {
    let mut rule = json!({"issuer": name, "jwks": issuer.key_set()});
    let more = more.as_object().expect("an object").clone();
    rule.as_object_mut().expect("an object").extend(more);
    rule
}

/// A request with a token in one place: path and headers.
type Placed = (String, Vec<(&'static str, String)>);

fn at(place: &str, token: &str) -> Placed {
    let (path, header) = match place {
        "authorization" => ("/", ("authorization", format!("Bearer {token}"))),
        "bare authorization" => ("/", ("authorization", token.to_owned())),
        "x-token" => ("/", ("x-token", token.to_owned())),
        "prefixed x-token" => ("/", ("x-token", format!("Token={token}"))),
        "cookie" => ("/", ("cookie", format!("a=b; session={token}; c=d"))),
        "parameter" => return (format!("/?a=b&token={token}&c=d"), Vec::new()),
        "access_token" => return (format!("/?access_token={token}"), Vec::new()),
        other => panic!("{other}"),
    };
    (path.to_owned(), vec![header])
}

/// Both in one request.
fn both((path, headers): Placed, (other, more): Placed) -> Placed {
    let path = if path == "/" { other } else { path };
    (path, [headers, more].concat())
}

async fn get(world: &World, what: &str, status: u16, (path, headers): &Placed) -> Reply {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    world.get(what, status, path, &headers).await
}

const PLACES: [&str; 7] = [
    "authorization",
    "bare authorization",
    "x-token",
    "prefixed x-token",
    "cookie",
    "parameter",
    "access_token",
];

/// Places of a rule, in which of ours a token counts, and in which it is there with something that makes it none.
fn rules() -> [(Value, &'static [&'static str], &'static [&'static str]); 7] {
    let bearer = json!({"name": "Authorization", "prefix": "Bearer "});
    [
        (json!({}), &["authorization", "access_token"], &[]),
        (
            json!({"fromHeaders": [{"name": "X-Token"}]}),
            &["x-token"],
            &["prefixed x-token"],
        ),
        (
            json!({"fromHeaders": [{"name": "x-token", "prefix": "Token="}]}),
            &["prefixed x-token"],
            &[],
        ),
        (
            json!({"fromHeaders": [bearer, {"name": "x-token"}]}),
            &["authorization", "x-token"],
            &["prefixed x-token"],
        ),
        (json!({"fromParams": ["token"]}), &["parameter"], &[]),
        (json!({"fromCookies": ["session"]}), &["cookie"], &[]),
        (
            json!({"fromCookies": ["session"], "fromParams": ["token", "access_token"]}),
            &["cookie", "parameter", "access_token"],
            &[],
        ),
    ]
}

#[tokio::test]
async fn tokens_count_where_the_rule_says() {
    let issuer = Issuer::new(ISSUER);
    let (valid, _) = issuer.sign(&json!({"sub": "alice"}));
    let mut world = World::start(&[]).await;
    for (places, good, bad) in rules() {
        let tokens = authentication(&[rule(&issuer, ISSUER, &places)]);
        world.apply(&[tokens, only_principals(&["*"])]).await;
        for place in PLACES {
            let what = format!("{places}: {place}");
            let status = if good.contains(&place) {
                get(&world, &what, 401, &at(place, "a.b.c")).await;
                200
            } else if bad.contains(&place) {
                401
            } else {
                // Where nobody looks there is no token.
                403
            };
            get(&world, &what, status, &at(place, &valid)).await;
        }
    }
}

/// What the application sees of a token in each place.
fn found(reply: &Reply) -> [Value; 4] {
    let query = seen(reply)["query"].clone();
    ["authorization", "x-token", "cookie"]
        .map(|name| header(reply, name))
        .into_iter()
        .chain([query])
        .collect::<Vec<_>>()
        .try_into()
        .expect("four")
}

#[tokio::test]
async fn the_application_gets_the_token_only_if_the_rule_says_so() {
    let issuer = Issuer::new(ISSUER);
    let (valid, _) = issuer.sign(&json!({"sub": "alice"}));
    let places = |forward: Value| {
        let mut places = json!({
            "fromHeaders": [{"name": "authorization", "prefix": "Bearer "}, {"name": "x-token"}],
            "fromParams": ["token"], "fromCookies": ["session"],
        });
        if !forward.is_null() {
            places["forwardOriginalToken"] = forward;
        }
        authentication(&[rule(&issuer, ISSUER, &places)])
    };
    let mut world = World::start(&[]).await;
    for forward in [json!(null), json!(false), json!(true)] {
        world.apply(&[places(forward.clone())]).await;
        for place in ["authorization", "x-token", "cookie", "parameter"] {
            let what = format!("{place}, forward: {forward}");
            let reply = get(&world, &what, 200, &at(place, &valid)).await;
            let is_seen = found(&reply)
                .iter()
                .any(|it| it.to_string().contains(&valid));
            // Envoy doesn't take tokens out of cookies, which a diagnostic tells.
            let may_see = forward == json!(true) || place == "cookie";
            assert_eq!(is_seen, may_see, "{what}: {:?}", seen(&reply));
        }
        // What stands beside it stays.
        let reply = get(&world, "beside", 200, &at("parameter", &valid)).await;
        let query = seen(&reply)["query"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(query.contains("a=b") && query.contains("c=d"), "{query}");
        let reply = get(&world, "beside", 200, &at("cookie", &valid)).await;
        let cookies = header(&reply, "cookie").to_string();
        assert!(
            cookies.contains("a=b") && cookies.contains("c=d"),
            "{cookies}"
        );
    }
}

#[tokio::test]
async fn a_valid_token_does_not_vouch_for_another() {
    let issuer = Issuer::new(ISSUER);
    let everywhere = json!({
        "fromHeaders": [{"name": "authorization", "prefix": "Bearer "}, {"name": "x-token"}],
        "fromParams": ["token"], "fromCookies": ["session"], "forwardOriginalToken": true,
    });
    let tokens = authentication(&[rule(&issuer, ISSUER, &everywhere)]);
    let world = World::start(&[tokens]).await;
    let (valid, claims) = issuer.sign(&json!({"sub": "alice"}));
    let invalid = Issuer::new(ISSUER).sign(&claims).0;
    let places = ["authorization", "x-token", "parameter", "cookie"];
    for first in places {
        for second in places {
            let what = format!("valid: {first}, invalid: {second}");
            let request = both(at(first, &valid), at(second, &invalid));
            if first != second {
                get(&world, &what, 401, &request).await;
            }
        }
    }
}

#[tokio::test]
async fn an_issuer_does_not_vouch_for_tokens_of_another() {
    let (one, two) = (
        Issuer::new("https://one.example"),
        Issuer::new("https://two.example"),
    );
    let (of_one, claims_of_one) = one.sign(&json!({"sub": "alice"}));
    let (of_two, claims_of_two) = two.sign(&json!({"sub": "alice"}));
    let bad_one = two.sign(&claims_of_one).0;
    let bad_two = one.sign(&claims_of_two).0;
    let there = json!({"fromHeaders": [{"name": "x-token"}]});
    let mut world = World::start(&[]).await;
    // Each looks in places of its own, or both in the same ones.
    for (first, second, places) in [
        (json!({}), there.clone(), ["authorization", "x-token"]),
        (there, json!({}), ["x-token", "authorization"]),
        (json!({}), json!({}), ["authorization", "access_token"]),
    ] {
        let what = format!("{first} {second}");
        let rules = [
            rule(&one, "https://one.example", &first),
            rule(&two, "https://two.example", &second),
        ];
        world.apply(&[authentication(&rules)]).await;
        let request = |one, two| both(at(places[0], one), at(places[1], two));
        get(&world, &what, 200, &at(places[0], &of_one)).await;
        get(&world, &what, 200, &at(places[1], &of_two)).await;
        get(&world, &what, 401, &request(&of_one, &bad_two)).await;
        get(&world, &what, 401, &request(&bad_one, &of_two)).await;
        get(&world, &what, 401, &request(&of_one, "a.b.c")).await;
        get(&world, &what, 401, &request("a.b.c", &of_two)).await;
    }
}

#[tokio::test]
async fn of_two_in_one_place_the_first_must_be_valid() {
    let issuer = Issuer::new(ISSUER);
    let (valid, claims) = issuer.sign(&json!({"sub": "alice"}));
    let (other, _) = issuer.sign(&json!({"sub": "bob"}));
    let invalid = Issuer::new(ISSUER).sign(&claims).0;
    let everywhere = json!({
        "fromHeaders": [{"name": "authorization", "prefix": "Bearer "}, {"name": "x-token"}],
        "fromParams": ["token"], "fromCookies": ["session"],
    });
    let tokens = authentication(&[rule(&issuer, ISSUER, &everywhere)]);
    let world = World::start(&[tokens, only_principals(&[&format!("{ISSUER}/alice")])]).await;
    let parameters = |first: &str, second: &str| {
        let path = format!("/?token={first}&a=b&token={second}");
        (path, Vec::new())
    };
    let cookies = |first: &str, second: &str| {
        let one = format!("session={first}; a=b; session={second}");
        ("/".to_owned(), vec![("cookie", one)])
    };
    for (second, status) in [(&invalid, 401), (&other, 403)] {
        let twice = |place, first, second| both(at(place, first), at(place, second));
        // Envoy joins these two, which makes no token, whatever each of them is.
        for (first, second) in [(&valid, second), (second, &valid)] {
            let request = twice("authorization", first, second);
            get(&world, "authorization", 401, &request).await;
        }
        // Of other headers each must be valid, and the first says who asks.
        let request = twice("x-token", &valid, second);
        let valid_first = if status == 401 { 401 } else { 200 };
        get(&world, "x-token", valid_first, &request).await;
        let request = twice("x-token", second, &valid);
        get(&world, "x-token", status, &request).await;
        // Of parameters and cookies only the first is looked at.
        get(&world, "parameters", status, &parameters(second, &valid)).await;
        get(&world, "cookies", status, &cookies(second, &valid)).await;
        // Of parameters the application gets none.
        let reply = get(&world, "parameters", 200, &parameters(&valid, second)).await;
        assert_eq!(seen(&reply)["query"], json!("a=b"));
        get(&world, "cookies", 200, &cookies(&valid, second)).await;
    }
}
