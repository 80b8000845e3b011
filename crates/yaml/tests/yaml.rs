//! YAML as kubectl reads it. The expected readings were taken from kubectl 1.32
//! (`kubectl patch --local`), except where this reader is deliberately stricter.

use ferromesh_yaml::{MAX_DOCUMENT_BYTES, locate, read, read_json};
use serde_json::{Value, json};

#[track_caller]
fn check(text: &str, expected: &[Value]) {
    let documents = read(text);
    assert_eq!(documents.faults, [], "{text}");
    let contents: Vec<_> = documents.documents.into_iter().map(|d| d.content).collect();
    assert_eq!(contents, expected, "{text}");
}

/// Code, line and path of each fault, and the numbers of the documents that are readable.
#[track_caller]
fn check_faults(text: &str, faults: &[(&str, usize, &str)], readable: &[usize]) {
    let documents = read(text);
    let found: Vec<_> = documents
        .faults
        .iter()
        .map(|fault| (fault.code, fault.line, fault.path.as_str()))
        .collect();
    assert_eq!(found, faults, "{text}");
    let indices: Vec<_> = documents.documents.iter().map(|d| d.index).collect();
    assert_eq!(indices, readable, "{text}");
}

#[test]
fn values_read_as_kubectl_reads_them() {
    check(
        "a: yes\nb: 'yes'\nc: \"1\"\nd: 1\n",
        &[json!({"a": true, "b": "yes", "c": "1", "d": 1})],
    );
    check(
        "12: a\nyes: b\n1.5: c\nn: d\n",
        &[json!({"12": "a", "true": "b", "1.5": "c", "false": "d"})],
    );
    check(
        "a: !!str 12\nb: !!int \"12\"\nc: !!float 1\nd: !custom 1\ne: ! 1\n",
        &[json!({"a": "12", "b": 12, "c": 1, "d": "1", "e": "1"})],
    );
    check(
        "a: &x {q: 1, r: 2}\nb:\n  <<: *x\n  r: 3\n",
        &[json!({"a": {"q": 1, "r": 2}, "b": {"r": 3, "q": 1}})],
    );
    check(
        "a: &x {q: 1}\nb: &y {q: 2, s: 4}\nc:\n  <<: [*x, *y]\n",
        &[json!({"a": {"q": 1}, "b": {"q": 2, "s": 4}, "c": {"q": 1, "s": 4}})],
    );
    check(
        "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
        &[json!({"a": "x\ny\n", "b": "x y"})],
    );
    check(
        "a:\nb: ~\nc: []\nd: {}\n",
        &[json!({"a": null, "b": null, "c": [], "d": {}})],
    );
    check("- a\n- [b, {c: d}]\n", &[json!(["a", ["b", {"c": "d"}]])]);
    check("\u{feff}a: 1\r\nb: 2\r\n", &[json!({"a": 1, "b": 2})]);
    check(
        "{\"a\": \"\\u00e4\\n\", \"b\": [1,\n\t2]}",
        &[json!({"a": "ä\n", "b": [1, 2]})],
    );
}

#[test]
fn documents_are_told_apart_and_empty_ones_skipped() {
    check("", &[]);
    check("# nothing\n", &[]);
    check("---\n---\n# c\n---\na: 1\n---\n", &[json!({"a": 1})]);
    check(
        "a: 1\n...\n---\nb: 2\n",
        &[json!({"a": 1}), json!({"b": 2})],
    );
    check(
        "--- {a: 1}\n--- # c\nb: |\n  ---\n",
        &[json!({"a": 1}), json!({"b": "---\n"})],
    );
    check("%YAML 1.2\n---\na: 1\n", &[json!({"a": 1})]);
    check_faults("---\n---\na: 1\n---\nb: 1\n", &[], &[1, 2]);
}

#[test]
fn a_fault_names_its_line_and_spoils_its_document_only() {
    check_faults(
        "a: 1\n---\nb: [1\n---\nc: 3\n",
        &[("yaml-syntax", 3, "b")],
        &[0, 2],
    );
    check_faults(
        "spec:\n  http:\n  - timeout: 1s\n    timeout: 2s\n",
        &[("duplicate-key", 4, "spec.http[0].timeout")],
        &[],
    );
    check_faults(
        "a: 1\n---\nlabels:\n  a.b/c: x\n  \"a.b/c\": y\n",
        &[("duplicate-key", 5, "labels[\"a.b/c\"]")],
        &[0],
    );
    check_faults("on: 1\nyes: 2\n", &[("duplicate-key", 2, "true")], &[]);
    check_faults(
        "spec:\n- port: 080\n",
        &[("ambiguous-number", 2, "spec[0].port")],
        &[],
    );
    check_faults("a: .inf\n", &[("bad-scalar", 1, "a")], &[]);
    check_faults("a: !!int x\n", &[("bad-scalar", 1, "a")], &[]);
    check_faults("? [a]\n: b\n", &[("yaml-syntax", 1, "")], &[]);
    check_faults("a: *nowhere\n", &[("yaml-syntax", 1, "")], &[]);
    check_faults("a: &x [*x]\n", &[("yaml-syntax", 1, "a[0]")], &[]);
    check_faults("a:\n\t- b\n", &[("yaml-syntax", 2, "")], &[]);
    check_faults("a: b: c\n", &[("yaml-syntax", 1, "")], &[]);
}

#[test]
fn what_would_eat_the_machine_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        let list = vec![previous; 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{list}]\n");
    }
    assert_eq!(
        read(&bomb).faults.first().map(|fault| fault.code),
        Some("too-large")
    );

    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        vec!["*a"; 100].join(", ")
    );
    assert_eq!(
        read(&long).faults.first().map(|fault| fault.code),
        Some("too-large")
    );

    let huge = format!("ok: 1\n---\na: {}\n---\nalso: ok\n", "x".repeat(50 << 20));
    let documents = read(&huge);
    let faults: Vec<_> = documents
        .faults
        .iter()
        .map(|fault| (fault.code, fault.line))
        .collect();
    assert_eq!(faults, [("too-large", 2)]);
    assert_eq!(documents.documents.len(), 2);

    let many = format!("[{}1]", "1,".repeat(MAX_DOCUMENT_BYTES / 4));
    assert_eq!(
        read(&many).faults.first().map(|fault| fault.code),
        Some("too-large")
    );
    assert_eq!(
        read_json(&many).faults.first().map(|fault| fault.code),
        Some("too-large")
    );

    for deep in [
        "[".repeat(100_000),
        "a: {".repeat(100_000),
        "- ".repeat(100_000),
    ] {
        assert_eq!(read(&deep).documents, []);
    }
    assert_eq!(read_json(&"[".repeat(100_000)).documents, []);
}

#[test]
fn json_is_read_as_strictly() {
    let documents = read_json("{\"a\": \"\\ud83d\\ude00\", \"b\": 1.5}\n[1]\nnull\n");
    assert_eq!(documents.faults, []);
    let contents: Vec<_> = documents.documents.into_iter().map(|d| d.content).collect();
    assert_eq!(contents, [json!({"a": "😀", "b": 1.5}), json!([1])]);
    for (text, code, line) in [
        ("{\n\"a\": 1,\n\"a\": 2}", "duplicate-key", 3),
        ("{\n\"a\": 1,\n}", "json-syntax", 3),
        ("{\"a\": 017}", "json-syntax", 1),
        ("{\"a\": 1} x", "json-syntax", 1),
    ] {
        let faults = read_json(text).faults;
        let found: Vec<_> = faults
            .iter()
            .map(|fault| (fault.code, fault.line))
            .collect();
        assert_eq!(found, [(code, line)], "{text}");
    }
}

#[test]
fn a_field_is_located_or_what_is_above_it() {
    let text = "\
# head
apiVersion: v1
metadata:
  labels:
    a.b/c: x
spec:
  http:
  - match:
    - uri: {exact: /}
    route: &r
    - destination: {host: a}

  - route: *r
---
- x
-
  y: 1
";
    for (document, path, line) in [
        (0, "", Some(2)),
        (0, "metadata.labels[\"a.b/c\"]", Some(5)),
        (0, "spec.http", Some(7)),
        (0, "spec.http[0]", Some(8)),
        (0, "spec.http[0].match[0].uri.exact", Some(9)),
        (0, "spec.http[0].route[0].destination.port.number", Some(11)),
        (0, "spec.http[1].route[0]", Some(13)),
        (0, "spec.http[7].route", Some(7)),
        (0, "nothing.here", Some(2)),
        (1, "[1].y", Some(17)),
        (2, "x", None),
    ] {
        assert_eq!(locate(text, document, path), line, "{document} {path}");
    }
    // What is readable before a fault is known.
    assert_eq!(locate("a:\n  b: 1\n  c: [\n", 0, "a.b"), Some(2));
    assert_eq!(locate("---\n---\na: 1\n---\nb: 1\n", 2, "b"), Some(5));
    assert_eq!(locate("{\n \"a\": {\n  \"b\": 1}}", 0, "a.b"), Some(3));
}
