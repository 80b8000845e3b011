//! Policies about connections: whoever is refused finds his connection closed.

use std::net::{IpAddr, Ipv4Addr};

use ferromesh_testkit::wait::DEADLINE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::scene::{BANNER, Scene, policy};

/// Where clients connect from.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 9, 1));

/// Rules, and whom they match: those of the account `front`, of the account `back`, those of another namespace, those
/// without a certificate, and `front` from another address.
fn rules() -> [(Value, [bool; 5]); 9] {
    let from = |source: Value| json!([{"from": [{"source": source}]}]);
    let to = |operation: Value| json!([{"to": [{"operation": operation}]}]);
    let front = "cluster.local/ns/shop/sa/front";
    [
        (
            from(json!({"principals": [front]})),
            [true, false, false, false, true],
        ),
        (
            from(json!({"principals": ["*"]})),
            [true, true, true, false, true],
        ),
        (
            from(json!({"notPrincipals": [front]})),
            [false, true, true, true, false],
        ),
        (
            from(json!({"namespaces": ["shop"]})),
            [true, true, false, false, true],
        ),
        (
            from(json!({"serviceAccounts": ["other/front"]})),
            [false, false, true, false, false],
        ),
        (
            from(json!({"ipBlocks": ["127.0.9.0/24"]})),
            [false, false, false, false, true],
        ),
        (
            from(json!({"notIpBlocks": ["127.0.9.1"]})),
            [true, true, true, true, false],
        ),
        (to(json!({"ports": ["9090"]})), [true; 5]),
        (to(json!({"ports": ["8080"]})), [false; 5]),
    ]
}

#[tokio::test]
async fn connections_are_allowed_and_denied_by_who_where_from_and_where_to() {
    let mut scene = Scene::open(&json!({})).await;
    let askers = [
        ("front", HERE),
        ("back", HERE),
        ("alien", HERE),
        ("nobody", HERE),
        ("front", THERE),
    ];
    for (rules, matched) in rules() {
        for action in ["ALLOW", "DENY"] {
            let spec = json!({"action": action, "rules": rules});
            scene.apply(&[policy("shop", "connections", &spec)]).await;
            for ((who, from), is_matched) in askers.iter().zip(matched) {
                let may = is_matched == (action == "ALLOW");
                let outcome = scene.exchange_from(*from, who).await;
                assert_eq!(
                    outcome.is_ok(),
                    may,
                    "{who} from {from}: {action} {rules}: {outcome:?}"
                );
            }
        }
    }
}

/// Envoy judges a connection with its first byte, so that whoever says nothing hears what the server says first. It is all
/// that he gets, and the server hears nothing from him.
#[tokio::test]
async fn who_is_refused_gets_no_further_than_the_greeting_of_a_server_that_speaks_first() {
    let mut scene = Scene::open(&json!({})).await;
    let front = json!([{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/front"]}}]}]);
    scene
        .apply(&[policy("shop", "front", &json!({"rules": front}))])
        .await;
    let greeting = b"instance server-1\n";
    let expected = [&greeting[..], b"hello\n"].concat();
    let mut allowed = scene.open_at(BANNER, "front").await.into_stream();
    allowed.write_all(b"hello\n").await.unwrap();
    let mut heard = vec![0; expected.len()];
    allowed.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, expected);

    let mut refused = scene.open_at(BANNER, "back").await.into_stream();
    refused.write_all(b"hello\n").await.unwrap();
    let mut heard = Vec::new();
    // How the connection ends is all the same, but it does.
    let ended = tokio::time::timeout(DEADLINE, refused.read_to_end(&mut heard)).await;
    assert!(ended.is_ok());
    assert!(heard.is_empty() || heard == greeting, "{heard:?}");
}
