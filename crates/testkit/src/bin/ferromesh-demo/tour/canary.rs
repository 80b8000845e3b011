//! y01: premium customers reach v2, everybody else 90/10; and an edit of the weights.

use std::time::{Duration, Instant};

use ferromesh_testkit::client::{Protocol, Tally, many};

use super::judge;
use crate::screen::Screen;
use crate::shop::Shop;

/// The manifest, in the samples.
pub const FILE: &str = "y01-istio-canary-virtualservice-destinationrule.yaml";
const SERVICE: &str = "product-service";
const V1: [&str; 2] = ["product-v1-1", "product-v1-2"];
const V2: &str = "product-v2-1";

pub async fn show(shop: &Shop, screen: &mut Screen) {
    screen.title("a canary", FILE);
    let premium = many(shop.outbound(), Protocol::Http1, 4, 300, |_| {
        Shop::request(SERVICE, "/").header("user-type", "premium")
    })
    .await;
    let holds = premium.instance(V2) == 300 && premium.status(200) == 300;
    screen.promise(
        "user-type: premium always reaches v2",
        &judge(holds, split(&premium)),
    );
    let others = ordinary(shop, 2000).await;
    screen.promise("everybody else 90/10", &ninety_ten(&others));
}

/// Requests of ordinary customers.
pub async fn ordinary(shop: &Shop, count: usize) -> Tally {
    many(shop.outbound(), Protocol::Http1, 8, count, |_| {
        Shop::request(SERVICE, "/")
    })
    .await
}

/// Whether the split is 90/10 within five standard deviations, and no request failed.
pub fn ninety_ten(tally: &Tally) -> Result<String, String> {
    let total = tally.total() as f64;
    let deviation = (total * 0.1 * 0.9).sqrt();
    let v2 = tally.instance(V2) as f64;
    let all_ok = tally.status(200) == tally.total();
    let both = V1.iter().all(|name| tally.instance(name) > 0);
    judge(
        all_ok && both && (v2 - total * 0.1).abs() <= 5.0 * deviation,
        split(tally),
    )
}

/// An edit of the weights, in the file, under traffic.
pub async fn show_edit(shop: &Shop, screen: &mut Screen) {
    screen.title("an edit: the whole traffic moves to v2", FILE);
    let manifests = shop.copy.manifests();
    let before = manifests.read(FILE);
    let after = before
        .replace("weight: 90", "weight: 0")
        .replace("weight: 10", "weight: 100");
    let observed = moves(shop, &after, |tally| tally.instance(V2) == tally.total()).await;
    screen.promise(
        "an edited weight is in force within a second, and no request fails",
        &observed,
    );
    let observed = moves(shop, &before, |tally| {
        V1.iter().any(|name| tally.instance(name) > 0)
    })
    .await;
    screen.promise("and so is the way back", &observed);
}

/// Writes the manifest and sends small bursts of requests until they go where they should.
async fn moves(
    shop: &Shop,
    content: &str,
    arrived: impl Fn(&Tally) -> bool,
) -> Result<String, String> {
    let edited = Instant::now();
    shop.copy.manifests().write(FILE, content);
    let mut requests = 0;
    loop {
        // Of fifty at 90/10, none to v1 happens once in 10^50 times.
        let burst = ordinary(shop, 50).await;
        let took = edited.elapsed();
        requests += burst.total();
        if burst.status(200) != burst.total() {
            return Err(format!(
                "requests failed: {:?} {:?}",
                burst.statuses, burst.errors
            ));
        }
        let late = took > Duration::from_secs(1);
        if arrived(&burst) {
            return judge(
                !late,
                format!(
                    "after {} ms, {requests} requests answered by 200",
                    took.as_millis()
                ),
            );
        }
        if took > Duration::from_secs(10) {
            return Err("not within ten seconds".to_owned());
        }
    }
}

/// Who answered how often.
pub fn split(tally: &Tally) -> String {
    let total = tally.total();
    let mut text = format!("{total} requests");
    for (name, count) in &tally.instances {
        text += &format!(", {name} {:.1} %", *count as f64 * 100.0 / total as f64);
    }
    for (status, count) in tally.statuses.iter().filter(|(status, _)| **status != 200) {
        text += &format!(", {count} × status {status}");
    }
    for (error, count) in &tally.errors {
        text += &format!(", {count} × {error}");
    }
    text
}
