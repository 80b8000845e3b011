//! The tour: every promise of the samples, observed with live traffic.

pub mod canary;
pub mod identity;
pub mod mistake;
mod order;
mod payment;

use crate::screen::Screen;
use crate::shop::Shop;

/// Shows everything. Whether every promise was kept.
pub async fn run(shop: &mut Shop, screen: &mut Screen) -> bool {
    for service in ["product-service", "order-service", "payment-service"] {
        shop.first_answer(service).await;
    }
    screen.say("first answers from product-service, order-service and payment-service");
    identity::show_mutual_tls(shop, screen).await;
    identity::show_policy(shop, screen).await;
    canary::show(shop, screen).await;
    payment::show(shop, screen).await;
    order::show_overload(shop, screen).await;
    let ejected = order::show_ejection(shop, screen).await;
    canary::show_edit(shop, screen).await;
    mistake::show(shop, screen).await;
    // It takes its time, which is not lost.
    let (renewed, ()) = tokio::join!(
        identity::renewal(shop),
        order::show_return(shop, screen, ejected)
    );
    screen.promise(
        "meanwhile certificates were renewed under traffic",
        &renewed,
    );
    println!();
    match screen.broken() {
        0 => screen.say("the tour is over: every promise was kept"),
        broken => screen.say(&format!(
            "the tour is over: {broken} promise(s) were BROKEN"
        )),
    }
    screen.broken() == 0
}

/// `Ok` with the evidence if the condition holds, else `Err` with it.
fn judge(holds: bool, evidence: String) -> Result<String, String> {
    if holds { Ok(evidence) } else { Err(evidence) }
}
