//! y05 and y06: every connection has an identity, and who may do what depends on it.

use std::time::{Duration, Instant};

use ferromesh_testkit::raw::{Handshake, Raw};
use http::Method;
use serde_json::Value;

use super::judge;
use crate::screen::Screen;
use crate::shop::Shop;

const STRICT: &str = "y05-istio-peerauthentication-strict.yaml";
const POLICY: &str = "y06-istio-authorizationpolicy.yaml";
const SERVICE: &str = "product-service";
const INSTANCE: &str = "product-v1-1";
/// Whom no policy mentions.
const STRANGER: &str = "order-1";
const REFUSAL: &str = "RBAC: access denied";

/// How long a renewal may take to be seen: certificates of the demo live 30 s.
const PATIENCE: Duration = Duration::from_secs(40);

pub async fn show_mutual_tls(shop: &Shop, screen: &mut Screen) {
    screen.title("mutual TLS between all", STRICT);
    let answer = shop.ask(Shop::request(SERVICE, "/")).await;
    let client = answer
        .map(|answer| answer.seen_header("x-forwarded-client-cert"))
        .unwrap_or_default();
    let caller = client.split(';').find(|part| part.starts_with("URI="));
    let expected = "URI=spiffe://cluster.local/ns/ecommerce/sa/frontend";
    screen.promise(
        "the service knows who calls, by certificate",
        &judge(
            caller == Some(expected),
            caller.unwrap_or("nobody").to_owned(),
        ),
    );
    let to = shop.instance(INSTANCE).inbound(crate::shop::APP_PORT);
    let plaintext = async {
        let mut raw = Raw::open(to, &Handshake::Plaintext).await?;
        raw.send(b"GET / HTTP/1.1\r\nhost: product-service\r\n\r\n")
            .await
    };
    let observed = match plaintext.await {
        Ok(reply) => Err(format!("it got {}", reply.status)),
        Err(error) => Ok(format!("{:?}", error.kind())),
    };
    screen.promise("who calls in plaintext is reset", &observed);
}

pub async fn show_policy(shop: &Shop, screen: &mut Screen) {
    screen.title("only the frontend may GET", POLICY);
    let get = || Shop::request(SERVICE, "/");
    let asked = shop
        .ask(get())
        .await
        .map(|answer| answer.status.to_string());
    screen.promise(
        "GET by the frontend is served",
        &judge(
            asked.as_deref() == Ok("200 OK"),
            asked.unwrap_or_else(|error| error),
        ),
    );
    let post = shop.ask(get().method(Method::POST)).await;
    let stranger = get()
        .send(shop.instance(STRANGER).outbound(crate::shop::SERVICE_PORT))
        .await;
    for (promise, answer) in [("POST is not", post), ("nor is anybody else", stranger)] {
        let observed = match answer {
            Ok(answer) => judge(
                answer.status == 403 && answer.text() == REFUSAL,
                format!("{}: {}", answer.status, answer.text()),
            ),
            Err(error) => Err(error),
        };
        screen.promise(promise, &observed);
    }
}

/// Asks all the time until the frontend has another certificate.
pub async fn renewal(shop: &Shop) -> Result<String, String> {
    let begin = Instant::now();
    let first = serial(shop).await;
    let (mut requests, mut failed) = (0, 0);
    loop {
        let answer = shop.ask(Shop::request(SERVICE, "/")).await;
        requests += 1;
        failed += usize::from(answer.is_err() || answer.is_ok_and(|answer| answer.status != 200));
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = serial(shop).await;
        if now != first || begin.elapsed() > PATIENCE {
            let evidence =
                format!("serial {first} became {now}, {failed} of {requests} requests failed");
            return judge(now != first && failed == 0, evidence);
        }
    }
}

async fn serial(shop: &Shop) -> String {
    let text = shop.frontend().ask_admin("/certs").await;
    let certificates: Value = serde_json::from_str(&text).unwrap_or_default();
    let all = certificates["certificates"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.iter()
        .find_map(|it| it["cert_chain"][0]["serial_number"].as_str())
        .unwrap_or("none")
        .chars()
        .take(8)
        .collect()
}
