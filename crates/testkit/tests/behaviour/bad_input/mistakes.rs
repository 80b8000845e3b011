//! Mistakes in the content of a file.

use super::{NEXT_LINE, Stage, routing};

/// A mistake in the manifest of `bad`.
struct Mistake {
    what: &'static str,
    content: Vec<u8>,
    code: &'static str,
    line: u64,
    path: &'static str,
    /// A part of the way out.
    hint: &'static str,
    /// Whether the object can be told.
    is_known: bool,
}

/// The sound manifest with something at its end.
fn with(
    what: &'static str,
    more: &str,
    code: &'static str,
    path: &'static str,
    hint: &'static str,
) -> Mistake {
    Mistake {
        what,
        content: (routing("bad", "wrong") + more).into_bytes(),
        code,
        line: NEXT_LINE,
        path,
        hint,
        is_known: true,
    }
}

fn mistakes() -> Vec<Mistake> {
    let unknown = |mistake| Mistake {
        is_known: false,
        ..mistake
    };
    vec![
        with(
            "no YAML",
            "    match: [\n",
            "yaml-syntax",
            "spec.http[0].match",
            "",
        ),
        with(
            "a key twice",
            "    route: []\n",
            "duplicate-key",
            "spec.http[0].route",
            "keep one of them",
        ),
        with(
            "a number for a duration",
            "    timeout: 5\n",
            "wrong-type",
            "spec.http[0].timeout",
            "in quotes",
        ),
        Mistake {
            what: "a text for a list",
            content: routing("bad", "wrong").replace("[bad]", "bad").into_bytes(),
            code: "wrong-type",
            line: 5,
            path: "spec.hosts",
            hint: "",
            is_known: true,
        },
        with(
            "an unknown field",
            "    timout: 5s\n",
            "unknown-field",
            "spec.http[0].timout",
            "did you mean \"timeout\"?",
        ),
        with(
            "an unknown field at the top",
            "sped: {}\n",
            "unknown-field",
            "sped",
            "did you mean \"spec\"?",
        ),
        with(
            "a regular expression that RE2 refuses",
            "    match: [{uri: {regex: '(?=x)'}}]\n",
            "invalid-regex",
            "spec.http[0].match[0].uri.regex",
            "re2",
        ),
        with(
            "a regular expression that is too much for RE2",
            "    match: [{uri: {regex: '((a{100}){10}){10}'}}]\n",
            "invalid-regex",
            "spec.http[0].match[0].uri.regex",
            "re2",
        ),
        unknown(Mistake {
            content: b"\x7fELF\x02\x01\x01\0\n\xff\xfe\xfd\n".to_vec(),
            line: 2,
            ..with("no text", "", "not-text", "", "")
        }),
        unknown(Mistake {
            content: vec![b'a', b':', 0, b'\n'],
            line: 1,
            ..with("a NUL", "", "yaml-syntax", "", "")
        }),
        unknown(Mistake {
            content: "[".repeat(1 << 20).into_bytes(),
            line: 1,
            ..with("a million brackets", "", "yaml-syntax", "", "")
        }),
        unknown(Mistake {
            content: laughs().into_bytes(),
            line: 6,
            ..with("aliases of aliases", "", "too-large", "a5[6]", "split it")
        }),
        unknown(Mistake {
            content: b"just a text\n".to_vec(),
            line: 1,
            ..with("no object", "", "wrong-type", "", "")
        }),
    ]
}

/// A text that is small until its aliases are followed.
fn laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{}", level - 1);
        let all = vec![below; 10].join(", ");
        text += &format!("a{level}: &a{level} [{all}]\n");
    }
    text
}

#[tokio::test]
async fn mistakes_are_told_where_they_stand() {
    let mut stage = Stage::set().await;
    let mut mark = "first".to_owned();
    for (turn, mistake) in mistakes().into_iter().enumerate() {
        let Mistake {
            what,
            content,
            code,
            line,
            path,
            hint,
            is_known,
        } = mistake;
        println!("{what}");
        stage.write("bad.yaml", content);
        let finding = stage.finding(code, "bad.yaml").await;
        assert_eq!(finding["severity"], "error", "{what}: {finding}");
        assert_eq!(
            (finding["line"].as_u64(), finding["path"].as_str()),
            (Some(line), Some(path)),
            "{what}: {finding}"
        );
        let found = finding["hint"].as_str().unwrap_or_default();
        assert!(found.contains(hint), "{what}: {finding}");
        let name = if is_known {
            "bad".into()
        } else {
            serde_json::Value::Null
        };
        assert_eq!(finding["object"]["name"], name, "{what}: {finding}");
        stage.still(&mark).await;

        mark = format!("mended {turn}");
        stage.write("bad.yaml", routing("bad", &mark));
        stage.in_force(&mark).await;
        stage.nothing_is_wrong().await;
    }
    stage.end().await;
}

#[tokio::test]
async fn a_host_that_no_service_has_is_told_and_only_its_rule_fails() {
    let mut stage = Stage::set().await;
    let nobody = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: bad, namespace: shop}\n\
                  spec:\n  hosts: [bad]\n  http:\n  - match: [{uri: {prefix: /nobody}}]\n    \
                  route:\n    - destination: {host: nobody}\n  - headers: {response: {set: {x-mark: second}}}\n    \
                  route: [{destination: {host: bad}}]\n";
    stage.write("bad.yaml", nobody);
    stage.in_force("second").await;
    let finding = stage.finding("unknown-host", "bad.yaml").await;
    assert_eq!(finding["severity"], "warning", "{finding}");
    assert_eq!(finding["line"], NEXT_LINE, "{finding}");
    assert_eq!(
        finding["path"], "spec.http[0].route[0].destination.host",
        "{finding}"
    );
    assert_eq!(
        stage.findings().await.len(),
        1,
        "{:?}",
        stage.findings().await
    );
    let request = ferromesh_testkit::client::Request::get("bad", "/nobody");
    let answer = request
        .send(stage.client.outbound(80))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 503, "{}", answer.text());
    stage.still("second").await;
    stage.write("bad.yaml", routing("bad", "third"));
    stage.in_force("third").await;
    stage.nothing_is_wrong().await;
    stage.end().await;
}
