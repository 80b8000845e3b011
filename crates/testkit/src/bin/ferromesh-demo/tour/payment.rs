//! y04: a flaky payment is retried, cut at 2 s per try and at 10 s in all.

use std::time::{Duration, Instant};

use ferromesh_testkit::client::Protocol;

use super::judge;
use crate::screen::Screen;
use crate::shop::Shop;

const FILE: &str = "y04-istio-timeout-retry.yaml";
const SERVICE: &str = "payment-service";
const INSTANCE: &str = "payment-1";

pub async fn show(shop: &Shop, screen: &mut Screen) {
    screen.title("a flaky payment", FILE);
    // They take ten seconds together, each with requests of its own.
    let (flaky, hanging, hopeless, endless) =
        tokio::join!(flaky(shop), hanging(shop), hopeless(shop), endless(shop));
    screen.promise(
        "two failures of the service are no failure for the caller",
        &flaky,
    );
    screen.promise("a try that hangs is cut at 2 s and made again", &hanging);
    screen.promise("there are four tries at most", &hopeless);
    screen.promise("everything together is cut at 10 s", &endless);
}

/// The first two tries fail.
async fn flaky(shop: &Shop) -> Result<String, String> {
    let key = "demo-flaky";
    let request = Shop::request(SERVICE, "/")
        .header("x-echo-fail", "503*2")
        .header("x-echo-key", key);
    let answer = shop.ask(request).await?;
    let tries = tries(shop, key);
    judge(
        answer.status == 200 && tries == 3,
        format!("{} at try {tries}", answer.status),
    )
}

/// The first try hangs.
async fn hanging(shop: &Shop) -> Result<String, String> {
    let key = "demo-hanging";
    let request = Shop::request(SERVICE, "/")
        .header("x-echo-delay", "30s*1")
        .header("x-echo-key", key);
    let answer = shop.ask(request).await?;
    let tries = tries(shop, key);
    let in_time = (Duration::from_millis(1900)..Duration::from_secs(4)).contains(&answer.elapsed);
    let evidence = format!(
        "{} at try {tries} after {:.1} s",
        answer.status,
        answer.elapsed.as_secs_f64()
    );
    judge(answer.status == 200 && tries == 2 && in_time, evidence)
}

/// Every try hangs.
async fn hopeless(shop: &Shop) -> Result<String, String> {
    let key = "demo-hopeless";
    let request = Shop::request(SERVICE, "/")
        .header("x-echo-delay", "30s")
        .header("x-echo-key", key);
    let answer = shop.ask(request).await?;
    let tries = tries(shop, key);
    let in_time =
        (Duration::from_millis(7900)..Duration::from_millis(10_500)).contains(&answer.elapsed);
    let evidence = format!(
        "{} after {tries} tries and {:.1} s",
        answer.status,
        answer.elapsed.as_secs_f64()
    );
    judge(answer.status == 504 && tries == 4 && in_time, evidence)
}

/// The answer begins in time and never ends.
async fn endless(shop: &Shop) -> Result<String, String> {
    let begun = Instant::now();
    // Over HTTP/2 the end of a stream is seen at once; over HTTP/1.1 Envoy waits a second to close.
    let outcome = Shop::request(SERVICE, "/")
        .header("x-echo-drip", "500ms")
        .send_by(shop.outbound(), Protocol::Http2)
        .await;
    let took = begun.elapsed();
    let in_time = (Duration::from_millis(9800)..Duration::from_millis(10_900)).contains(&took);
    let what = match &outcome {
        Ok(answer) => format!("an answer of {} bytes", answer.body.len()),
        Err(_) => "an answer without end was broken off".to_owned(),
    };
    judge(
        outcome.is_err() && in_time,
        format!("{what} after {:.1} s", took.as_secs_f64()),
    )
}

fn tries(shop: &Shop, key: &str) -> u64 {
    shop.instance(INSTANCE).echo().requests_of(key)
}
