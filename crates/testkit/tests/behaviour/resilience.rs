//! Retries, timeouts, circuit breakers, ejection: what a client sees when backends fail.

use std::net::SocketAddr;
use std::time::Duration;

use ferromesh_testkit::client::{Protocol, Request, many};
use ferromesh_testkit::echo::control::Fault;
use ferromesh_testkit::echo::order::Failing;
use ferromesh_testkit::wait::eventually;
use hyper::{Method, StatusCode};

use crate::shop::Shop;

fn get(path: &str) -> Request {
    Request::get("product", path)
}

/// The cluster of the client for all instances.
const CLUSTER: &str = "outbound|80||product.shop.svc.cluster.local";

#[tokio::test]
async fn retries_and_timeouts_hold_as_y04_says() {
    // The fixture, for the service of this mesh.
    let fixture = include_str!("../../../../samples/shop/y04-istio-timeout-retry.yaml")
        .replace("payment-service", "product");
    let manifest = fixture.replace("  name: product\n", "  name: product\n  namespace: shop\n");
    let shop = Shop::open(&manifest).await;
    let echoes = [shop.v1.echo(), shop.v2.echo()];
    let tries = |key: &str| echoes.iter().map(|echo| echo.requests_of(key)).sum::<u64>();

    // Fails always: one try and three retries.
    let answer = shop
        .send(
            get("/")
                .header("x-echo-fail", "503")
                .header("x-echo-key", "always"),
        )
        .await;
    assert_eq!(answer.status, 503);
    eventually("the rule is in force", async || {
        let key = format!("always-{}", fastrand::u64(..));
        let request = get("/")
            .header("x-echo-fail", "503")
            .header("x-echo-key", &key);
        request.send(shop.client.outbound(80)).await?;
        match tries(&key) {
            4 => Ok(()),
            count => Err(format!("{count} tries")),
        }
    })
    .await;

    // Fails on every instance once: the client sees success.
    let request = get("/")
        .header("x-echo-fail", "503*1")
        .header("x-echo-key", "flaky");
    assert_eq!(shop.send(request).await.status, 200);
    assert!(
        (2..=3).contains(&tries("flaky")),
        "{} tries",
        tries("flaky")
    );

    // A broken connection is tried again as well.
    let request = get("/")
        .header("x-echo-fail", "reset*1")
        .header("x-echo-key", "reset");
    assert_eq!(shop.send(request).await.status, 200);

    // Each try is cut at 2 s, and four of them fit into 10 s.
    let request = get("/")
        .header("x-echo-delay", "30s")
        .header("x-echo-key", "slow");
    let answer = shop.send(request).await;
    assert_eq!(answer.status, 504);
    assert_eq!(tries("slow"), 4);
    let elapsed = answer.elapsed.as_secs_f64();
    assert!(
        (8.0..9.9).contains(&elapsed),
        "{elapsed} s for four tries of 2 s"
    );

    // A 4xx is no reason to try again.
    let request = get("/")
        .header("x-echo-fail", "404")
        .header("x-echo-key", "absent");
    assert_eq!(shop.send(request).await.status, 404);
    assert_eq!(tries("absent"), 1);
}

#[tokio::test]
async fn a_timeout_answers_504_and_the_default_retry_is_istios() {
    let mut shop = Shop::open(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: product, namespace: shop}
spec:
  hosts: [product]
  http:
  - match: [{uri: {prefix: /limited}}]
    timeout: 1s
    retries: {attempts: 0}
    route: [{destination: {host: product}}]
  - route: [{destination: {host: product}}]
",
    )
    .await;
    let limited = get("/limited").header("x-echo-delay", "20s");
    let answer = shop
        .until("the timeout", limited, |a| a.status == 504)
        .await;
    let elapsed = answer.elapsed.as_secs_f64();
    assert!(
        (0.9..3.0).contains(&elapsed),
        "{elapsed} s for a timeout of 1 s"
    );

    let tries =
        |shop: &Shop, key: &str| shop.v1.echo().requests_of(key) + shop.v2.echo().requests_of(key);
    // Nobody knows what a backend has done before it said 503 or 500: by default neither is tried
    // again.
    for status in ["503", "500"] {
        let request = get("/")
            .header("x-echo-fail", status)
            .header("x-echo-key", status);
        assert_eq!(shop.send(request).await.status.as_str(), status);
        assert_eq!(tries(&shop, status), 1);
    }
    // An application that accepts nothing has done nothing, whatever it was asked for: the other one is tried.
    let outbound = shop.client.outbound(80);
    shop.v1.stop_echo();
    only_v2(outbound).await;
    // Nor has an instance that has died.
    shop.v1.agent_mut().kill();
    only_v2(outbound).await;
}

/// Waits until what was open to the other one is noticed; then all requests come here.
async fn only_v2(outbound: SocketAddr) {
    let post = |_| get("/").method(Method::POST);
    eventually("what was open to the other one is noticed", async || {
        let tally = many(outbound, Protocol::Http1, 4, 20, post).await;
        if tally.instance("product-v2") == 20 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    let tally = many(outbound, Protocol::Http1, 4, 100, post).await;
    assert_eq!(tally.instance("product-v2"), 100, "{tally:?}");
}

#[tokio::test]
async fn an_overloaded_service_answers_at_once_as_y03_says() {
    let fixture = include_str!("../../../../samples/shop/y03-istio-circuit-breaker.yaml")
        .replace("order-service", "product")
        .replace("maxConnections: 100", "maxConnections: 2")
        .replace("http1MaxPendingRequests: 50", "http1MaxPendingRequests: 3");
    let manifest = fixture.replace("  name: product\n", "  name: product\n  namespace: shop\n");
    let shop = Shop::open(&manifest).await;
    let outbound = shop.client.outbound(80);
    let burst = async || {
        many(outbound, Protocol::Http1, 40, 40, |_| {
            get("/").header("x-echo-delay", "1s")
        })
        .await
    };
    let tally = eventually("the limits are in force", async || {
        let tally = burst().await;
        if tally.status(503) > 0 {
            Ok(tally)
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    // Two connections and three that wait, for each of Envoy's two instances at most.
    assert!(tally.status(200) <= 10, "{tally:?}");
    assert_eq!(tally.status(200) + tally.status(503), 40, "{tally:?}");
    let overflows = shop
        .client
        .cluster_stat(CLUSTER, "upstream_rq_pending_overflow")
        .await;
    assert!(overflows > 0);
    eventually("the overflow is in the access log", async || {
        let log = shop.client.access_log();
        if log.iter().any(|line| line.contains(" 503 UO ")) {
            Ok(())
        } else {
            Err(log.join("\n"))
        }
    })
    .await;
    let most = shop.v1.echo().counters().most_active + shop.v2.echo().counters().most_active;
    assert!(most <= 4, "{most} requests at once reached the backends");

    // Two requests per connection: the application's proxy sees a new connection for every two.
    let opened = shop.client.cluster_stat(CLUSTER, "upstream_cx_total").await;
    let tally = many(outbound, Protocol::Http1, 1, 20, |_| get("/")).await;
    assert_eq!(tally.status(200), 20, "{tally:?}");
    let opened = shop.client.cluster_stat(CLUSTER, "upstream_cx_total").await - opened;
    assert!(
        opened >= 9,
        "{opened} connections for 20 requests, two each"
    );
}

#[tokio::test]
async fn a_failing_instance_is_ejected_and_comes_back() {
    let shop = Shop::open(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: product, namespace: shop}
spec:
  host: product
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 5, interval: 1s, baseEjectionTime: 3s, maxEjectionPercent: 50}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: product, namespace: shop}
spec:
  hosts: [product]
  http: [{route: [{destination: {host: product}}], retries: {attempts: 0}}]
",
    )
    .await;
    let outbound = shop.client.outbound(80);
    eventually("both instances serve", async || {
        let tally = many(outbound, Protocol::Http1, 2, 40, |_| get("/")).await;
        let both = tally.instance("product-v1") > 0 && tally.instance("product-v2") > 0;
        if both {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    shop.v1.echo().set_fault(Some(Fault {
        fail: Some(Failing::Status(StatusCode::INTERNAL_SERVER_ERROR)),
        delay: Duration::ZERO,
    }));
    eventually("v1 is ejected", async || {
        let tally = many(outbound, Protocol::Http1, 2, 40, |_| get("/")).await;
        if tally.status(200) == 40 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
    assert!(
        shop.client
            .cluster_stat(CLUSTER, "outlier_detection.ejections_enforced_total")
            .await
            > 0
    );
    shop.v1.echo().set_fault(None);
    eventually("v1 comes back", async || {
        let tally = many(outbound, Protocol::Http1, 2, 40, |_| get("/")).await;
        if tally.instance("product-v1") > 0 {
            Ok(())
        } else {
            Err(format!("{tally:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_retry_budget_caps_retries() {
    let shop = Shop::open(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: product, namespace: shop}
spec:
  host: product
  trafficPolicy: {retryBudget: {percent: 20, minRetryConcurrency: 1}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: product, namespace: shop}
spec:
  hosts: [product]
  http: [{route: [{destination: {host: product}}], retries: {attempts: 5, retryOn: 5xx}}]
",
    )
    .await;
    let outbound = shop.client.outbound(80);
    eventually("the budget is exceeded", async || {
        let load = many(outbound, Protocol::Http1, 32, 200, |_| {
            get("/")
                .header("x-echo-fail", "503")
                .header("x-echo-delay", "50ms")
        });
        load.await;
        let dropped = shop
            .client
            .cluster_stat(CLUSTER, "upstream_rq_retry_overflow")
            .await;
        if dropped > 0 {
            Ok(())
        } else {
            Err("no retry was dropped".into())
        }
    })
    .await;
    let before = shop.client.cluster_stat(CLUSTER, "upstream_rq_retry").await;
    many(outbound, Protocol::Http1, 32, 400, |_| {
        get("/")
            .header("x-echo-fail", "503")
            .header("x-echo-delay", "50ms")
    })
    .await;
    let retries = shop.client.cluster_stat(CLUSTER, "upstream_rq_retry").await - before;
    // Without a budget there would be 2 000.
    assert!(retries < 800, "{retries} retries of 400 requests");
}
