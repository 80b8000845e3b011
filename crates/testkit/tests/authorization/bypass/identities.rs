//! Names that nobody has proven.

use ferromesh_testkit::oracle::Normalization;
use serde_json::{Value, json};

use super::{BACK, FRONT, Trial, check, check_both, policy};
use crate::arena::{Arena, Outcome};
use crate::requests::{Case, Client, Http};

fn from(field: &str, values: &[&str]) -> Value {
    let mut source = json!({});
    source[field] = json!(values);
    json!({"from": [{"source": source}]})
}

fn get(client: Client) -> Case {
    Case::of(client, Http::get("/"))
}

#[tokio::test]
async fn nobody_is_somebody_without_proof() {
    let mut arena = Arena::start(Normalization::Base).await;
    let forged = "By=spiffe://cluster.local/ns/shop/sa/server;Hash=00;URI=spiffe://cluster.local/ns/shop/sa/front";
    let posing = |client| {
        Case::of(
            client,
            Http::get("/").with("x-forwarded-client-cert", forged),
        )
    };
    for trial in [
        // A header says nothing of who it is.
        Trial {
            rule: from("principals", &["cluster.local/ns/shop/sa/front"]),
            cases: vec![
                (get(FRONT), true),
                (get(FRONT).by_http2(), true),
                (posing(BACK), false),
                (posing(BACK).by_http2(), false),
                (posing(Client::Plaintext), false),
            ],
        },
        // Anybody with an identity is not just anybody.
        Trial {
            rule: from("principals", &["*"]),
            cases: vec![
                (get(Client::Mesh(3)), true),
                (get(Client::Plaintext), false),
                (get(Client::Plaintext).by_http2(), false),
            ],
        },
        // The connection's own address can't be forged; that of the request is what the last proxy says.
        Trial {
            rule: from("ipBlocks", &["10.9.9.9"]),
            cases: vec![(
                Case::of(FRONT, Http::get("/").with("x-forwarded-for", "10.9.9.9")),
                false,
            )],
        },
    ] {
        check_both(&mut arena, &trial, &[]).await;
    }
}

#[tokio::test]
async fn tls_without_a_certificate_is_no_identity() {
    let mut arena = Arena::start(Normalization::Base).await;
    let objects = [policy("ALLOW", &from("principals", &["*"]))];
    arena.apply(&objects).await;
    for client in [Client::Anonymous, Client::Pretender] {
        let what = ("no certificate", Outcome::Reset);
        check(&mut arena, &objects, &get(client), what).await;
    }
}

#[tokio::test]
async fn trust_domains_stand_for_each_other_only_if_they_are_aliases() {
    let mut arena = Arena::federated(Normalization::Base).await;
    let [alias, other] = [Client::Friend(0), Client::Friend(1)];
    for trial in [
        Trial {
            rule: from("principals", &["cluster.local/ns/shop/sa/front"]),
            cases: vec![(get(FRONT), true), (get(alias), true), (get(BACK), false)],
        },
        Trial {
            rule: from("principals", &["td.example/ns/shop/sa/*"]),
            cases: vec![
                (get(FRONT), true),
                (get(BACK), true),
                (get(alias), true),
                (get(Client::Mesh(2)), false),
            ],
        },
        // This is about the name alone.
        Trial {
            rule: from("trustDomains", &["cluster.local"]),
            cases: vec![(get(FRONT), true), (get(alias), false)],
        },
    ] {
        check_both(&mut arena, &trial, &[]).await;
    }
    // Who is certified for a trust domain that is no alias is not even heard, whatever policies say.
    let objects = [policy("ALLOW", &from("principals", &["far.example/*"]))];
    arena.apply(&objects).await;
    let what = ("no alias", Outcome::Reset);
    check(&mut arena, &objects, &get(other), what).await;
}
