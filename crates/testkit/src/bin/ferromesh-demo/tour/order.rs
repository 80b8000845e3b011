//! y03: an overloaded service answers at once, a failing instance is ejected and comes back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ferromesh_testkit::client::{Protocol, many};
use ferromesh_testkit::echo::control::Fault;
use ferromesh_testkit::echo::order::Failing;
use ferromesh_testkit::wait::{eventually, within};

use super::judge;
use crate::screen::Screen;
use crate::shop::Shop;

const FILE: &str = "y03-istio-circuit-breaker.yaml";
const SERVICE: &str = "order-service";
const SOUND: &str = "order-1";
const SICK: &str = "order-2";
/// Requests at the same time: more than 100 connections and 50 waiting requests.
const CROWD: usize = 400;
/// So many may wait. How many of the 100 connections are there in time for others depends on the machine.
const PENDING: usize = 50;

pub async fn show_overload(shop: &Shop, screen: &mut Screen) {
    screen.title("an overloaded order-service", FILE);
    let tasks: Vec<_> = (0..CROWD)
        .map(|_| {
            let to = shop.outbound();
            tokio::spawn(
                Shop::request(SERVICE, "/")
                    .header("x-echo-delay", "2s")
                    .send(to),
            )
        })
        .collect();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    let (mut slowest, mut unmarked) = (Duration::ZERO, 0);
    for task in tasks {
        let Ok(Ok(answer)) = task.await else {
            *statuses.entry(0).or_default() += 1;
            continue;
        };
        *statuses.entry(answer.status.as_u16()).or_default() += 1;
        if answer.status == 503 {
            slowest = slowest.max(answer.elapsed);
            unmarked += usize::from(answer.header("x-envoy-overloaded") != "true");
        }
    }
    let count = |status: u16| statuses.get(&status).copied().unwrap_or(0);
    let (served, refused) = (count(200), count(503));
    let holds = served + refused == CROWD && served >= PENDING && refused >= 100 && unmarked == 0;
    let evidence = format!(
        "{CROWD} requests at once: {served} × 200, {refused} × 503 within {} ms",
        slowest.as_millis()
    );
    screen.promise(
        "what does not fit is refused instead of queueing",
        &judge(holds && slowest < Duration::from_secs(2), evidence),
    );
    let logged = eventually("the proxy has written its access log", async || {
        let lines = shop.frontend().access_log();
        let flagged = lines
            .iter()
            .filter(|line| line.contains(" 503 UO "))
            .count();
        if flagged >= refused {
            Ok(flagged)
        } else {
            Err(format!("{flagged} lines with flag UO"))
        }
    })
    .await;
    screen.promise(
        "the access log has the flag UO",
        &judge(logged == refused, format!("{logged} lines")),
    );
}

/// An instance begins to fail. Returns when it was ejected.
pub async fn show_ejection(shop: &Shop, screen: &mut Screen) -> Instant {
    screen.title("a failing instance", FILE);
    let sick = shop.instance(SICK);
    sick.echo().set_fault(Some(Fault {
        fail: Some(Failing::Status(hyper::StatusCode::INTERNAL_SERVER_ERROR)),
        delay: Duration::ZERO,
    }));
    let failed = many(shop.outbound(), Protocol::Http1, 1, 40, |_| {
        Shop::request(SERVICE, "/")
    })
    .await
    .status(500);
    let ejected = Instant::now();
    sick.echo().set_fault(None);
    let after = many(shop.outbound(), Protocol::Http1, 1, 100, |_| {
        Shop::request(SERVICE, "/")
    })
    .await;
    let holds = (5..20).contains(&failed) && after.instance(SOUND) == 100;
    let evidence = format!(
        "{failed} failures, then {} of 100 requests at {SOUND}",
        after.instance(SOUND)
    );
    screen.promise("it is ejected after five failures", &judge(holds, evidence));
    ejected
}

/// The instance comes back.
pub async fn show_return(shop: &Shop, screen: &mut Screen, ejected: Instant) {
    screen.title("the instance that had failed", FILE);
    // 30 s, and up to another 30 s until Envoy looks again.
    let back = within(
        Duration::from_secs(75),
        "the ejected instance gets requests again",
        async || {
            let answer = shop.ask(Shop::request(SERVICE, "/")).await?;
            if answer.instance() == SICK {
                Ok(ejected.elapsed())
            } else {
                Err("only the other one answers".to_owned())
            }
        },
    )
    .await;
    let holds = back >= Duration::from_secs(25);
    screen.promise(
        "it comes back after its 30 s",
        &judge(holds, format!("after {:.0} s", back.as_secs_f64())),
    );
}
