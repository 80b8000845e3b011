//! VirtualServices: which backend, what it receives, what the client gets back.

use std::time::Duration;

use ferromesh_testkit::client::{Protocol, Request, many};
use hyper::Method;

use crate::shop::Shop;

const SUBSETS: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: product, namespace: shop}
spec:
  host: product
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
";

/// A VirtualService for `product` with these rules; what matches none of them goes to v1.
fn rules(rules: &str) -> String {
    format!(
        "{SUBSETS}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: product, namespace: shop}}
spec:
  hosts: [product]
  http:{rules}
  - route: [{{destination: {{host: product, subset: v1}}}}]
"
    )
}

fn get(path: &str) -> Request {
    Request::get("product", path)
}

#[tokio::test]
async fn requests_are_told_apart_by_everything_that_a_match_can_say() {
    let shop = Shop::open(&rules(
        "
  - match:
    - uri: {exact: /exact}
    - uri: {prefix: /prefix/}
    - uri: {regex: '/re[0-9]+'}
    - uri: {exact: /CASE}
      ignoreUriCase: true
    - headers: {user-type: {exact: premium}}
    - headers: {cookie: {regex: '^(.*; )?group=b(;.*)?$'}}
    - headers: {x-present: {}}
    - withoutHeaders: {x-ordinary: {}}
      uri: {exact: /without}
    - queryParams: {beta: {exact: 'on'}}
    - method: {exact: DELETE}
    - authority: {prefix: special}
    - uri: {prefix: /labels}
      sourceLabels: {tier: front}
    - uri: {prefix: /namespace}
      sourceNamespace: shop
    - uri: {prefix: /port}
      port: 80
    route: [{destination: {host: product, subset: v2}}]
  - match:
    - uri: {prefix: /labels-of-others}
      sourceLabels: {tier: back}
    - uri: {prefix: /namespace-of-others}
      sourceNamespace: elsewhere
    - uri: {prefix: /port-of-others}
      port: 81
    route: [{destination: {host: other}}]",
    ))
    .await;
    shop.until("the rules", get("/exact"), |a| a.instance() == "product-v2")
        .await;
    let v2 = [
        get("/exact"),
        get("/prefix/below"),
        get("/re42"),
        get("/case"),
        get("/").header("user-type", "premium"),
        get("/").header("cookie", "a=b; group=b"),
        get("/").header("x-present", "anything"),
        get("/without"),
        get("/?beta=on"),
        get("/").method(Method::DELETE),
        get("/labels"),
        get("/namespace"),
        get("/port"),
        get("/labels-of-others"),
        get("/namespace-of-others"),
        get("/port-of-others"),
    ];
    for request in v2 {
        let what = format!("{request:?}");
        assert_eq!(shop.send(request).await.instance(), "product-v2", "{what}");
    }
    let v1 = [
        get("/"),
        get("/exactly"),
        get("/prefix"),
        get("/re"),
        get("/re42/more"),
        get("/").header("user-type", "premium2"),
        get("/").header("cookie", "group=bb"),
        get("/without").header("x-ordinary", "1"),
        get("/?beta=off"),
        get("/").method(Method::PUT),
    ];
    for request in v1 {
        let what = format!("{request:?}");
        assert_eq!(shop.send(request).await.instance(), "product-v1", "{what}");
    }
}

#[tokio::test]
async fn requests_and_responses_are_changed_as_the_rule_says() {
    let shop = Shop::open(&rules(
        "
  - match: [{uri: {prefix: /headers}}]
    headers:
      request: {set: {x-set: new, host: rewritten.example.com}, add: {x-add: more}, remove: [x-remove]}
      response: {set: {x-echo-instance: hidden}, add: {x-out: out}, remove: [x-gone]}
    route: [{destination: {host: product, subset: v2}, headers: {request: {add: {x-backend: v2}}}}]
  - match: [{uri: {prefix: /old/}}]
    rewrite: {uri: /new/, authority: authority.example.com}
    route: [{destination: {host: product, subset: v2}}]
  - match: [{uri: {prefix: /re/}}]
    rewrite: {uriRegexRewrite: {match: '^/re/([^/]+)/(.*)$', rewrite: '/\\2/\\1'}}
    route: [{destination: {host: product, subset: v2}}]
  - match: [{uri: {exact: /moved}}]
    redirect: {uri: /here, authority: new.example.com, scheme: https, redirectCode: 307}
  - match: [{uri: {exact: /teapot}}]
    directResponse: {status: 418, body: {string: short and stout}}",
    ))
    .await;
    shop.until("the rules", get("/teapot"), |a| a.status == 418)
        .await;

    let request = get("/headers")
        .header("x-set", "old")
        .header("x-add", "one")
        .header("x-remove", "1")
        .header("x-echo-response", "x-gone=1");
    let answer = shop.send(request).await;
    assert_eq!(answer.header("x-echo-instance"), "hidden");
    assert_eq!(answer.header("x-out"), "out");
    assert_eq!(answer.header("x-gone"), "");
    let seen = answer.json()["headers"].clone();
    assert_eq!(seen["x-set"], "new");
    assert_eq!(
        seen["x-add"].to_string().matches("one").count(),
        1,
        "{seen}"
    );
    assert_eq!(
        seen["x-add"].to_string().matches("more").count(),
        1,
        "{seen}"
    );
    assert!(seen["x-remove"].is_null(), "{seen}");
    assert_eq!(seen["x-backend"], "v2");
    assert_eq!(seen["host"], "rewritten.example.com");

    let answer = shop.send(get("/old/path?q=1")).await;
    assert_eq!(answer.json()["path"], "/new/path");
    assert_eq!(answer.json()["query"], "q=1");
    assert_eq!(answer.seen_header("host"), "authority.example.com");
    let answer = shop.send(get("/re/a/b")).await;
    assert_eq!(answer.json()["path"], "/b/a");

    let answer = shop.send(get("/moved")).await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), "https://new.example.com/here");
    let answer = shop.send(get("/teapot")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (418, "short and stout")
    );
}

#[tokio::test]
async fn faults_are_injected_for_the_share_that_the_rule_says() {
    let shop = Shop::open(&rules(
        "
  - match: [{uri: {prefix: /abort}}]
    fault: {abort: {httpStatus: 418, percentage: {value: 50}}}
    route: [{destination: {host: product, subset: v2}}]
  - match: [{uri: {prefix: /always}, headers: {x-break: {exact: me}}}]
    fault: {abort: {httpStatus: 555, percentage: {value: 100}}}
    route: [{destination: {host: product, subset: v2}}]
  - match: [{uri: {prefix: /grpc}}]
    fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}
    route: [{destination: {host: product, subset: v2}}]
  - match: [{uri: {prefix: /slow}}]
    fault: {delay: {fixedDelay: 2s, percentage: {value: 100}}}
    route: [{destination: {host: product, subset: v2}}]",
    ))
    .await;
    let break_me = get("/always").header("x-break", "me");
    shop.until("the rules", break_me, |a| a.status == 555).await;
    assert_eq!(shop.send(get("/always")).await.status, 200);

    let tally = many(shop.client.outbound(80), Protocol::Http1, 4, 400, |_| {
        get("/abort")
    })
    .await;
    // 5 σ of 400 throws at 1/2 is 50.
    assert!((150..=250).contains(&tally.status(418)), "{tally:?}");
    assert_eq!(tally.status(418) + tally.status(200), 400, "{tally:?}");

    let answer = shop.send(get("/grpc").grpc(b"x")).await;
    assert_eq!(answer.header("grpc-status"), "14");

    let answer = shop.send(get("/slow")).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.elapsed >= Duration::from_millis(1900),
        "{:?}",
        answer.elapsed
    );
}

#[tokio::test]
async fn copies_go_to_mirrors_and_the_client_sees_only_the_primary() {
    let shop = Shop::open(&rules(
        "
  - match: [{uri: {prefix: /copied}}]
    mirrors:
    - {destination: {host: other}, percentage: {value: 100}}
    - {destination: {host: product, subset: v1}, percentage: {value: 50}}
    route: [{destination: {host: product, subset: v2}}]",
    ))
    .await;
    shop.until("the rules", get("/copied"), |a| {
        a.instance() == "product-v2"
    })
    .await;
    shop.other.echo().forget();
    shop.v1.echo().forget();
    let tally = many(shop.client.outbound(80), Protocol::Http1, 4, 400, |_| {
        get("/copied")
    })
    .await;
    assert_eq!(
        (tally.instance("product-v2"), tally.status(200)),
        (400, 400),
        "{tally:?}"
    );
    ferromesh_testkit::wait::eventually("all copies", async || {
        match shop.other.echo().counters().requests {
            400 => Ok(()),
            count => Err(format!("{count} copies")),
        }
    })
    .await;
    let half = shop.v1.echo().counters().requests;
    assert!(
        (150..=250).contains(&half),
        "{half} copies of about half of 400"
    );
}

#[tokio::test]
async fn origins_are_allowed_as_the_policy_says() {
    let shop = Shop::open(&rules(
        "
  - corsPolicy:
      allowOrigins: [{exact: 'https://a.example'}, {regex: 'https://[a-z]+[.]b[.]example'}]
      allowMethods: [GET, PUT]
      allowHeaders: [x-id]
      exposeHeaders: [x-out]
      maxAge: 10m
      allowCredentials: true
    route: [{destination: {host: product, subset: v2}}]",
    ))
    .await;
    let preflight = |origin: &str| {
        get("/")
            .method(Method::OPTIONS)
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
    };
    let allowed = shop
        .until("the policy", preflight("https://a.example"), |a| {
            a.header("access-control-allow-origin") == "https://a.example"
        })
        .await;
    assert_eq!(allowed.instance(), "", "the proxy answers itself");
    assert_eq!(allowed.header("access-control-allow-methods"), "GET,PUT");
    assert_eq!(allowed.header("access-control-allow-headers"), "x-id");
    assert_eq!(allowed.header("access-control-max-age"), "600");
    assert_eq!(allowed.header("access-control-allow-credentials"), "true");
    let by_expression = shop.send(preflight("https://x.b.example")).await;
    assert_eq!(
        by_expression.header("access-control-allow-origin"),
        "https://x.b.example"
    );
    let stranger = shop.send(preflight("https://evil.example")).await;
    assert_eq!(stranger.header("access-control-allow-origin"), "");
    let actual = shop
        .send(get("/").header("origin", "https://a.example"))
        .await;
    assert_eq!(actual.instance(), "product-v2");
    assert_eq!(
        actual.header("access-control-allow-origin"),
        "https://a.example"
    );
    assert_eq!(actual.header("access-control-expose-headers"), "x-out");
}

#[tokio::test]
async fn a_canary_moves_step_by_step_and_no_request_fails() {
    let split = |v1: u32, v2: u32| {
        format!(
            "{SUBSETS}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: product, namespace: shop}}
spec:
  hosts: [product]
  http:
  - route:
    - {{destination: {{host: product, subset: v1}}, weight: {v1}}}
    - {{destination: {{host: product, subset: v2}}, weight: {v2}}}
"
        )
    };
    let shop = Shop::open(&split(100, 0)).await;
    let outbound = shop.client.outbound(80);
    shop.until("the first step", get("/"), |a| a.instance() == "product-v1")
        .await;
    let load = tokio::spawn(many(outbound, Protocol::Http1, 4, 6000, |_| get("/")));
    for v2 in [10, 50, 90] {
        shop.apply(&split(100 - v2, v2));
        shop.until("a step", get("/"), |a| a.instance() == "product-v2")
            .await;
    }
    shop.apply(&split(0, 100));
    let tally = load.await.expect("the load");
    assert_eq!(tally.status(200), 6000, "{tally:?}");
    ferromesh_testkit::wait::eventually("all to v2", async || {
        let tally = many(outbound, Protocol::Http1, 4, 100, |_| get("/")).await;
        if tally.instance("product-v2") == 100 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    // And back at once.
    shop.apply(&split(100, 0));
    ferromesh_testkit::wait::eventually("all back to v1", async || {
        let tally = many(outbound, Protocol::Http1, 4, 100, |_| get("/")).await;
        if tally.instance("product-v1") == 100 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn weights_split_and_a_missing_subset_keeps_its_share() {
    let shop = Shop::open(&rules(
        "
  - match: [{uri: {prefix: /split}}]
    route:
    - {destination: {host: product, subset: v1}, weight: 90}
    - {destination: {host: product, subset: v2}, weight: 10}
  - match: [{uri: {prefix: /dangling}}]
    route:
    - {destination: {host: product, subset: v1}, weight: 50}
    - {destination: {host: product, subset: nobody}, weight: 50}
  - match: [{uri: {prefix: /nowhere}}]
    route: [{destination: {host: nobody.example.com}}]",
    ))
    .await;
    let outbound = shop.client.outbound(80);
    shop.until("the rules", get("/nowhere"), |a| a.status == 503)
        .await;
    let tally = many(outbound, Protocol::Http1, 4, 1000, |_| get("/split")).await;
    // 5 σ of 1000 throws at 1/10 is 47.
    assert!(
        (53..=147).contains(&tally.instance("product-v2")),
        "{tally:?}"
    );
    assert_eq!(tally.status(200), 1000, "{tally:?}");
    let tally = many(outbound, Protocol::Http1, 4, 400, |_| get("/dangling")).await;
    assert!((150..=250).contains(&tally.status(503)), "{tally:?}");
    assert_eq!(
        tally.instance("product-v1") + tally.status(503),
        400,
        "{tally:?}"
    );
    let diagnostics = shop.mesh.debug_json("/debug/diagnostics").await.to_string();
    for word in [
        "nobody.example.com",
        "spec.http[1].route[1].destination.subset",
    ] {
        assert!(diagnostics.contains(word), "{word} is not in {diagnostics}");
    }
}
