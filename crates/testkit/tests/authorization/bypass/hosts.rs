//! Ways to name a host, and to name two.

use ferromesh_testkit::oracle::Normalization;
use serde_json::{Value, json};

use super::{Trial, check_both, front};
use crate::arena::Arena;
use crate::requests::{Case, Http};

fn hosts(hosts: &[&str]) -> Value {
    json!({"to": [{"operation": {"hosts": hosts}}]})
}

fn to(host: &str) -> Case {
    front(Http::get("/").to(host))
}

/// The same by both versions of HTTP.
fn by_both(rule: Value, cases: &[(&str, bool)]) -> Trial {
    let cases = cases
        .iter()
        .flat_map(|(host, is_seen)| [(to(host), *is_seen), (to(host).by_http2(), *is_seen)]);
    Trial {
        rule,
        cases: cases.collect(),
    }
}

#[tokio::test]
async fn hosts_are_what_is_written() {
    let mut arena = Arena::start(Normalization::Base).await;
    for trial in [
        // Case counts for nothing; port and final dot do, which `analyze` tells.
        by_both(
            hosts(&["server.shop"]),
            &[
                ("server.shop", true),
                ("SERVER.Shop", true),
                ("server.shop:80", false),
                ("server.shop:8080", false),
                ("server.shop.", false),
                ("server.shop.:80", false),
                ("other.example", false),
            ],
        ),
        // Istio's way to mean all ports.
        by_both(
            hosts(&["server.shop", "server.shop:*"]),
            &[
                ("server.shop", true),
                ("Server.SHOP:80", true),
                ("server.shop:8080", true),
                ("server.shop.:80", false),
                ("server.shop.evil.example", false),
            ],
        ),
        by_both(
            hosts(&["*.shop"]),
            &[
                ("server.shop", true),
                ("A.SERVER.SHOP", true),
                ("shop", false),
                ("server.shop:80", false),
                ("server.shop.", false),
            ],
        ),
        by_both(
            hosts(&["server.*"]),
            &[
                ("server.shop", true),
                ("server.shop:80", true),
                ("server.shop.", true),
                ("my-server.shop", false),
            ],
        ),
    ] {
        check_both(&mut arena, &trial, &[]).await;
    }
}

/// `:authority` counts; `Host` beside it is nothing, neither for policies nor for the application.
#[tokio::test]
async fn by_http2_the_authority_counts_and_no_host_beside_it() {
    let mut arena = Arena::start(Normalization::Base).await;
    let both = |authority: &str, host: &str| {
        front(Http::get("/").to(authority).with("host", host)).by_http2()
    };
    let trial = Trial {
        rule: hosts(&["server.shop"]),
        cases: vec![
            (both("server.shop", "server.shop"), true),
            (both("server.shop", "other.example"), true),
            (both("other.example", "server.shop"), false),
            (both("server.shop:80", "server.shop"), false),
            (both("other.example", "other.example"), false),
        ],
    };
    check_both(&mut arena, &trial, &[]).await;
}
