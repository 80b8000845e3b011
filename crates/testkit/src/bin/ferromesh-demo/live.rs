//! After the tour: traffic goes on, and a person edits the manifests.

use std::collections::BTreeSet;
use std::time::Duration;

use ferromesh_testkit::client::{Protocol, Tally, many};

use crate::screen::Screen;
use crate::shop::Shop;
use crate::tour::{canary, mistake};

/// The split is that of so many requests …
const COUNT: usize = 100;
/// … in each window of this length.
const WINDOW: Duration = Duration::from_millis(300);
/// How often samples are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Shows the split of product-service whenever it changes, and every mistake, until somebody ends the demo.
pub async fn run(shop: &mut Shop, screen: &mut Screen) {
    println!();
    screen.say("now it is yours; Ctrl-C ends everything");
    screen.detail(&format!(
        "edit {}/{}",
        shop.copy.samples().display(),
        canary::FILE
    ));
    screen.detail("and see the split of product-service move within a second; make a mistake and see it reported");
    let frontend = shop.frontend();
    screen.detail(&format!(
        "or ask yourself: curl -s -x {} http://product-service:8000/",
        frontend.http_proxy()
    ));
    let mut reported = BTreeSet::new();
    let mut last: Option<Vec<usize>> = None;
    loop {
        let tally = window(shop, screen).await;
        let shares = shares(&tally);
        if last.as_ref().is_none_or(|last| differ(last, &shares)) {
            screen.say(&format!("product-service: {}", canary::split(&tally)));
            last = Some(shares);
        }
        let now: BTreeSet<_> = shop
            .diagnostics()
            .await
            .iter()
            .map(mistake::describe)
            .collect();
        for record in now.difference(&reported) {
            screen.say(record);
        }
        for record in reported.difference(&now) {
            screen.say(&format!("gone: {record}"));
        }
        reported = now;
    }
}

/// The traffic of one window; edits of the samples are carried over meanwhile.
async fn window(shop: &mut Shop, screen: &Screen) -> Tally {
    let end = tokio::time::Instant::now() + WINDOW;
    let traffic = many(shop.outbound(), Protocol::Http1, 2, COUNT, |_| {
        Shop::request("product-service", "/")
    });
    let looking = async {
        while tokio::time::Instant::now() < end {
            for name in shop.copy.refresh() {
                screen.say(&format!("{name} was edited"));
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::join!(traffic, looking).0
}

/// Per cent by instance, in the order of their names, and of failures.
fn shares(tally: &Tally) -> Vec<usize> {
    let total = tally.total().max(1);
    let names = ["product-v1-1", "product-v1-2", "product-v2-1"];
    let mut shares: Vec<_> = names
        .iter()
        .map(|name| tally.instance(name) * 100 / total)
        .collect();
    shares.push((total - tally.status(200)) * 100 / total);
    shares
}

/// Whether more than chance moved them.
fn differ(before: &[usize], now: &[usize]) -> bool {
    before
        .iter()
        .zip(now)
        .any(|(before, now)| before.abs_diff(*now) > 20)
}
