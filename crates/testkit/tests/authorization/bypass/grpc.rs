//! Calls by gRPC are requests with the path `/PACKAGE.SERVICE/METHOD`, whose case counts.

use ferromesh_testkit::oracle::Normalization;
use serde_json::{Value, json};

use super::{Trial, check_both, front};
use crate::arena::Arena;
use crate::requests::{Case, Http};

fn call(path: &str) -> Case {
    let http = Http {
        method: "POST".to_owned(),
        ..Http::get(path)
    };
    front(
        http.with("content-type", "application/grpc")
            .with("te", "trailers"),
    )
    .by_http2()
}

fn trial(operation: &Value, cases: &[(&str, bool)]) -> Trial {
    Trial {
        rule: json!({"to": [{"operation": operation}]}),
        cases: cases
            .iter()
            .map(|(path, is_seen)| (call(path), *is_seen))
            .collect(),
    }
}

#[tokio::test]
async fn calls_by_grpc_are_paths() {
    let mut arena = Arena::start(Normalization::MergeSlashes).await;
    for trial in [
        trial(
            &json!({"paths": ["/shop.v1.Orders/Create"]}),
            &[
                ("/shop.v1.Orders/Create", true),
                ("//shop.v1.Orders/Create", true),
                ("/shop.v1.Orders/x/../Create", true),
                ("/shop.v1.Orders/%43reate", true),
                ("/shop.v1.Orders/create", false),
                ("/shop.v1.orders/Create", false),
                ("/shop.v1.Orders/Create/", false),
                ("/shop.v1.Orders/CreateAll", false),
                ("/shop.v1.Orders%2fCreate", false),
                ("/shop.v2.Orders/Create", false),
            ],
        ),
        // A whole service.
        trial(
            &json!({"paths": ["/shop.v1.Orders/*"]}),
            &[
                ("/shop.v1.Orders/Create", true),
                ("/shop.v1.Orders/", true),
                ("/shop.v1.OrdersOfOthers/Create", false),
                ("/shop.v1.Orders", false),
            ],
        ),
        trial(
            &json!({"paths": ["/shop.v1.Orders/{*}"]}),
            &[
                ("/shop.v1.Orders/Create", true),
                ("/shop.v1.Orders/Create/x", false),
                ("/shop.v1.Orders/", false),
                ("/shop.v1.Items/Create", false),
            ],
        ),
        // A method of any service.
        trial(
            &json!({"paths": ["/{*}/Delete"]}),
            &[
                ("/shop.v1.Orders/Delete", true),
                ("/shop.v1.Items/Delete", true),
                ("/shop.v1.Items/delete", false),
                ("/a/b/Delete", false),
            ],
        ),
        trial(
            &json!({"paths": ["*/Delete"], "methods": ["POST"]}),
            &[
                ("/shop.v1.Items/Delete", true),
                ("/shop.v1.Items/DELETE", false),
            ],
        ),
        // All of it is posted.
        trial(
            &json!({"methods": ["GET"]}),
            &[("/shop.v1.Items/Delete", false)],
        ),
    ] {
        check_both(&mut arena, &trial, &[]).await;
    }
}
