//! A mistake in a file: it is reported with its place and a way out, while the last good configuration stays.

use ferromesh_testkit::wait::eventually;
use serde_json::Value;

use super::canary::{self, FILE};
use super::judge;
use crate::screen::Screen;
use crate::shop::Shop;

pub async fn show(shop: &Shop, screen: &mut Screen) {
    screen.title("a mistake: wieght instead of weight", FILE);
    let manifests = shop.copy.manifests();
    let before = manifests.read(FILE);
    let line = before
        .lines()
        .position(|line| line.contains("weight: 90"))
        .map_or(0, |at| at + 1);
    manifests.write(FILE, &before.replace("weight: 90", "wieght: 90"));
    let found = eventually("the mistake is reported", async || {
        let all = shop.diagnostics().await;
        all.into_iter()
            .find(is_ours)
            .ok_or_else(|| "nothing is reported yet".to_owned())
    })
    .await;
    let holds = found["line"] == line
        && !found["hint"].is_null()
        && found["path"] == "spec.http[1].route[0].wieght";
    screen.promise(
        "it is reported with file, line, field and a way out",
        &judge(holds, describe(&found)),
    );
    if let Some(logged) = shop.log().iter().rev().find(|line| line.contains("wieght")) {
        screen.detail(&format!("the control plane's log: {logged}"));
    }
    let traffic = canary::ordinary(shop, 2000).await;
    screen.promise(
        "traffic goes on with the last good configuration",
        &canary::ninety_ten(&traffic),
    );
    manifests.write(FILE, &before);
    eventually("the report is withdrawn", async || {
        let stays = shop.diagnostics().await.iter().any(is_ours);
        if stays {
            Err("it is still reported".to_owned())
        } else {
            Ok(())
        }
    })
    .await;
    screen.promise(
        "the report goes away with the mistake",
        &Ok("nothing is reported about it".to_owned()),
    );
}

fn is_ours(record: &Value) -> bool {
    record["severity"] == "error"
        && record["file"]
            .as_str()
            .is_some_and(|file| file.ends_with(FILE))
}

/// A record in one line.
pub fn describe(record: &Value) -> String {
    let text = |key: &str| record[key].as_str().unwrap_or_default();
    let hint = record["hint"]
        .as_str()
        .map(|hint| format!(" ({hint})"))
        .unwrap_or_default();
    let line = record["line"]
        .as_u64()
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    format!(
        "{}{line}: {}: {}: {}{hint}",
        text("file"),
        text("severity"),
        text("path"),
        text("message")
    )
}
