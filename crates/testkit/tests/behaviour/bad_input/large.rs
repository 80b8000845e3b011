//! What is larger than anybody expects.

use std::fmt::Write;
use std::time::{Duration, Instant};

use ferromesh_testkit::client::Request;

use super::{Stage, routing};

/// How long a change of a large object may take, in an unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const ROUTES: usize = 10_000;

#[tokio::test]
async fn a_document_of_50_mb_is_refused_in_passing() {
    let mut stage = Stage::set().await;
    let line = format!("    note: {}\n", "x".repeat(100));
    let mut huge = routing("bad", "huge");
    huge.reserve(50 << 20);
    while huge.len() < 50 << 20 {
        huge += &line;
    }
    let since = Instant::now();
    stage.write("bad.yaml", &huge);
    let finding = stage.finding("too-large", "bad.yaml").await;
    assert!(since.elapsed() < PATIENCE, "it took {:?}", since.elapsed());
    assert_eq!(finding["line"], 1, "{finding}");
    assert!(
        finding["message"]
            .as_str()
            .unwrap_or_default()
            .contains("50 MiB"),
        "{finding}"
    );
    stage.still("first").await;
    // A sound document beside it counts only when the whole file can be told.
    stage.write("bad.yaml", routing("bad", "second") + "---\n" + &huge);
    let finding = stage.finding("too-large", "bad.yaml").await;
    assert_eq!(finding["severity"], "error");
    stage.still("first").await;
    stage.write("bad.yaml", routing("bad", "third"));
    stage.in_force("third").await;
    stage.nothing_is_wrong().await;
    stage.end().await;
}

/// A VirtualService with many rules; the one with number `wrong` has a mistake.
fn many(mark: &str, wrong: Option<usize>) -> String {
    let mut text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: bad, namespace: shop}\n\
                    spec:\n  hosts: [bad]\n  http:\n"
        .to_owned();
    for number in 0..ROUTES {
        let kind = if wrong == Some(number) {
            "exakt"
        } else {
            "exact"
        };
        let rule = format!(
            "  - match: [{{uri: {{{kind}: /{number}}}}}]\n    headers: {{response: {{set: {{x-rule: \"{number} {mark}\"}}}}}}\n    \
             route: [{{destination: {{host: bad}}}}]\n"
        );
        text += &rule;
    }
    let _ = write!(
        text,
        "  - headers: {{response: {{set: {{x-mark: {mark:?}}}}}}}\n    route: [{{destination: {{host: bad}}}}]\n"
    );
    text
}

impl Stage {
    async fn rule(&self, number: usize) -> String {
        let request = Request::get("bad", &format!("/{number}"));
        let answer = request
            .send(self.client.outbound(80))
            .await
            .expect("an answer");
        answer.header("x-rule").to_owned()
    }

    /// The first and the last rule have this mark.
    async fn rules(&self, mark: &str) {
        for number in [0, ROUTES - 1] {
            assert_eq!(self.rule(number).await, format!("{number} {mark}"));
        }
    }
}

#[tokio::test]
async fn ten_thousand_routes_work_and_so_does_the_report_of_a_mistake_in_one() {
    let mut stage = Stage::set().await;
    for mark in ["many", "changed"] {
        let since = Instant::now();
        stage.write("bad.yaml", many(mark, None));
        stage.in_force(mark).await;
        println!("{ROUTES} routes are in force after {:?}", since.elapsed());
        assert!(since.elapsed() < PATIENCE, "it took {:?}", since.elapsed());
        stage.rules(mark).await;
    }

    let wrong = ROUTES / 2;
    let since = Instant::now();
    stage.write("bad.yaml", many("wrong", Some(wrong)));
    let finding = stage.finding("unknown-field", "bad.yaml").await;
    println!("one of {ROUTES} is reported after {:?}", since.elapsed());
    assert!(since.elapsed() < PATIENCE, "it took {:?}", since.elapsed());
    assert_eq!(
        finding["path"],
        format!("spec.http[{wrong}].match[0].uri.exakt"),
        "{finding}"
    );
    assert_eq!(finding["line"], 7 + 3 * wrong, "{finding}");
    assert_eq!(finding["hint"], "did you mean \"exact\"?", "{finding}");
    stage.still("changed").await;
    stage.rules("changed").await;

    stage.write("bad.yaml", routing("bad", "few"));
    stage.in_force("few").await;
    stage.nothing_is_wrong().await;
    stage.end().await;
}
