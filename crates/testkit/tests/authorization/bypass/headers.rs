//! Ways to write a header.

use ferromesh_testkit::oracle::Normalization;
use serde_json::json;

use super::{Trial, check_both, front};
use crate::arena::Arena;
use crate::requests::{Case, Http};

fn with(headers: &[(&str, &str)]) -> Case {
    let add = |http: Http, (name, value): &(&str, &str)| http.with(name, value);
    front(headers.iter().fold(Http::get("/"), add))
}

#[tokio::test]
async fn headers_are_what_is_written() {
    let mut arena = Arena::start(Normalization::Base).await;
    for trial in [
        // Names of headers have no case; `_` is not `-`; of several one is enough.
        Trial {
            rule: json!({"when": [{"key": "request.headers[x-role]", "values": ["admin"]}]}),
            cases: vec![
                (with(&[("x-role", "admin")]), true),
                (with(&[("x-role", "admin")]).by_http2(), true),
                (with(&[("X-Role", "admin")]), true),
                (with(&[("x_role", "admin")]), false),
                (with(&[("x_role", "admin")]).by_http2(), false),
                (with(&[("x-role", "ADMIN")]), false),
                (with(&[("x-role", "user"), ("x-role", "admin")]), true),
                (
                    with(&[("x-role", "user"), ("x-role", "admin")]).by_http2(),
                    true,
                ),
                (with(&[("x-role", "user,admin")]), false),
            ],
        },
        // Empty beside full is there.
        Trial {
            rule: json!({"when": [{"key": "request.headers[x-role]", "values": ["*"]}]}),
            cases: vec![
                (with(&[("x-role", ""), ("x-role", "a")]), true),
                (with(&[("x-role", "a"), ("x-role", "")]).by_http2(), true),
                (with(&[]), false),
            ],
        },
    ] {
        check_both(&mut arena, &trial, &[]).await;
    }
}
