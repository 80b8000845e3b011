//! `ferromesh analyze` on real files. A file says itself what is to be found: each line that
//! deserves a finding ends with `#! severity[code]` (several are separated by spaces).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn analyze(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ferromesh"))
        .arg("analyze")
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analyze")
}

/// Lines and findings that a file asks for.
fn expected(path: &Path) -> BTreeSet<(u64, String)> {
    let text = std::fs::read_to_string(path).expect("a case");
    let marks = text
        .lines()
        .zip(1..)
        .filter_map(|(line, number)| Some((line.split_once("#! ")?.1, number)));
    marks
        .flat_map(|(marks, number)| marks.split(' ').map(move |mark| (number, mark.to_owned())))
        .collect()
}

fn found(json: &Value) -> BTreeSet<(u64, String)> {
    let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
    let records = json.as_array().expect("an array");
    records
        .iter()
        .map(|record| {
            let finding = format!("{}[{}]", text(record, "severity"), text(record, "code"));
            (record["line"].as_u64().unwrap_or(0), finding)
        })
        .collect()
}

/// Whether a file gives the findings that it asks for, and the exit status that goes with them.
fn check(path: &Path) {
    let name = path.display();
    let output = analyze(&[&path.to_string_lossy(), "-o", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = expected(path);
    assert_eq!(found(&json), expected, "{name}: {json:#}");
    let has_errors = expected
        .iter()
        .any(|(_, finding)| finding.starts_with("error"));
    assert_eq!(output.status.code(), Some(i32::from(has_errors)), "{name}");
    let records = json.as_array().expect("an array");
    for record in records {
        assert_eq!(record["file"].as_str(), path.to_str(), "{record}");
        let keys: Vec<_> = record
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            keys,
            [
                "object", "file", "line", "path", "severity", "code", "message", "hint"
            ]
        );
    }
    let remarks: BTreeSet<_> = records
        .iter()
        .map(|record| format!("{} {} {}", record["object"], record["path"], record["code"]))
        .collect();
    assert_eq!(remarks.len(), records.len(), "{name}: said twice: {json:#}");
    let lines: Vec<_> = records
        .iter()
        .map(|record| record["line"].as_u64())
        .collect();
    assert!(lines.is_sorted(), "{name}: {lines:?}");
}

#[test]
fn every_case_is_judged_as_it_says() {
    let mut cases: Vec<_> = std::fs::read_dir(folder())
        .expect("the cases")
        .map(|entry| entry.expect("a case").path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 10, "only {} cases", cases.len());
    cases.iter().for_each(|path| check(path));
}

#[test]
fn text_has_a_line_for_each_finding() {
    let path = folder().join("unknown-field.yaml");
    let output = analyze(&[&path.to_string_lossy()]);
    let text = String::from_utf8(output.stdout).expect("text");
    let file = path.display();
    assert!(
        text.starts_with(&format!(
            "{file}:12: error[unknown-field] VirtualService default/web: spec.http[0].route[0].wieght: unknown field (did you mean \"weight\"?)\n"
        )),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn standard_input_is_a_file_called_dash() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ferromesh"))
        .args(["analyze", "-", "-o", "json", "--default-namespace", "shop"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let text = std::fs::read(folder().join("unknown-field.yaml")).expect("a case");
    child
        .stdin
        .take()
        .expect("standard input")
        .write_all(&text)
        .expect("read by the program");
    let output = child.wait_with_output().expect("the program ends");
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (json[0]["file"].as_str(), json[0]["line"].as_u64()),
        (Some("-"), Some(12))
    );
    assert_eq!(json[0]["object"]["namespace"], "shop");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    for arguments in [
        &[][..],
        &["--bogus", "x"],
        &["/no/such/file"],
        &[".", "-o", "xml"],
        &[".", "--default-namespace", "A_B"],
    ] {
        let output = analyze(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    }
}

#[test]
fn the_summary_says_how_much_was_looked_at() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sound = root.join("../../samples/shop/frontend.yaml");
    for (path, expected) in [
        (
            root.join("src"),
            "no manifests found (*.yaml, *.yml, *.json)",
        ),
        (sound, "nothing is wrong in "),
    ] {
        let output = analyze(&[&path.to_string_lossy()]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.starts_with(expected), "{}: {text}", path.display());
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn the_sample_shop_has_one_warning() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/shop");
    let output = analyze(&[
        &samples.to_string_lossy(),
        "--default-namespace",
        "ecommerce",
        "-o",
        "json",
    ]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found: Vec<_> = found(&json)
        .into_iter()
        .map(|(_, finding)| finding)
        .filter(|finding| finding != "info[no-effect]")
        .collect();
    assert_eq!(found, ["warning[deprecated-field]"], "{json:#}");
    assert_eq!(output.status.code(), Some(0));
}
