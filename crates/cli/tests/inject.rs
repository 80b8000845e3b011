//! `ferromesh inject` on files and streams.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn inject(arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ferromesh"))
        .arg("inject")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("standard input");
    // A program that refuses its arguments reads nothing.
    let _ = input.write_all(stdin.as_bytes());
    drop(input);
    child.wait_with_output().expect("the program ends")
}

/// What is written, if all is well.
#[track_caller]
fn injected(arguments: &[&str], stdin: &str) -> String {
    let output = inject(arguments, stdin);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).expect("text")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/inject")
        .join(name)
}

fn workloads() -> String {
    std::fs::read_to_string(file("workloads.yaml")).expect("the manifests")
}

fn documents(text: &str) -> Vec<Value> {
    let read = ferromesh_yaml::read(text);
    assert_eq!(read.faults, [], "{text}");
    let documents = read.documents.into_iter();
    documents.map(|document| document.content).collect()
}

/// All pods and templates of pods below a value.
fn pods<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            if value["spec"]["containers"].is_array() {
                found.push(value);
            }
            fields.values().for_each(|value| pods(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| pods(item, found)),
        _ => {}
    }
}

const DEPLOYMENT: &str = "\
# A licence.
---
# A comment that is lost with what it stands above.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      annotations:
        sidecar.istio.io/logLevel: LEVEL
    spec:
      containers:
      - {name: app, image: app}
";

#[test]
fn every_kind_that_makes_pods_gets_a_proxy() {
    let path = file("workloads.yaml");
    let text = injected(&["-f", &path.to_string_lossy()], "");
    let documents = documents(&text);
    let mut found = Vec::new();
    documents
        .iter()
        .for_each(|document| pods(document, &mut found));
    assert_eq!(found.len(), 10, "{text}");
    for pod in &found {
        let init = &pod["spec"]["initContainers"];
        let has_proxy = init[0]["name"] == "istio-init" && init[1]["name"] == "istio-proxy";
        let is_ours = pod.to_string()
            != documents
                .last()
                .map(|last| last["spec"]["template"].to_string())
                .unwrap_or_default();
        assert_eq!(has_proxy, is_ours, "{pod}");
    }
    let name = "service.istio.io/canonical-name";
    let cron = &documents[6]["spec"]["jobTemplate"]["spec"]["template"];
    assert_eq!(cron["metadata"]["labels"][name], "cronjob", "{text}");
    assert_eq!(documents[7]["items"][2]["metadata"]["labels"][name], "pod");
}

#[test]
fn what_has_no_pods_stays_as_it_is() {
    let before = workloads();
    let after = injected(&["-f", "-"], &before);
    let first = |text: &str| text.split("---\n").next().map(str::to_owned);
    let last = |text: &str| text.rsplit("---\n").next().map(str::to_owned);
    assert_eq!(first(&after), first(&before));
    assert_eq!(last(&after), last(&before));
    let texts = |text: &str| documents(text)[7]["items"][1].clone();
    assert_eq!(texts(&after), texts(&before));

    let untouched = "# only\na: 1   # this\n---\n\nb: [1,\n  2]";
    assert_eq!(injected(&["-f", "-"], untouched), format!("{untouched}\n"));
}

#[test]
fn twice_is_once() {
    let once = injected(&["-f", "-"], &workloads());
    assert_eq!(injected(&["-f", "-"], &once), once);
}

#[test]
fn fields_keep_their_order_and_comments_above_a_document_stay() {
    let text = injected(&["-f", "-"], &DEPLOYMENT.replace("LEVEL", "debug"));
    assert!(text.starts_with("# A licence.\n---\n# A comment"), "{text}");
    let order = ["apiVersion:", "kind:", "metadata:", "spec:", "containers:"];
    let places: Vec<_> = order.iter().map(|key| text.find(key)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{text}");
    assert!(text.contains("- debug\n"), "{text}");
}

#[test]
fn what_is_json_stays_json() {
    let json = r#"{"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"name": "a"}]}}"#;
    let text = injected(&["-f", "-"], json);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["spec"]["initContainers"][1]["name"], "istio-proxy");
    let yaml = injected(&["-f", "-", "-o", "yaml"], json);
    assert_eq!(documents(&yaml), [value]);
    let again = injected(&["-f", "-", "-o", "json"], &yaml);
    assert_eq!(again, text);
}

#[test]
fn several_files_are_one_stream() {
    let path = file("workloads.yaml");
    let path = path.to_string_lossy();
    let text = injected(&["-f", &path, "-f", "-", "-f", &path], "a: 1");
    assert_eq!(
        documents(&text).len(),
        2 * documents(&workloads()).len() + 1
    );
}

#[test]
fn who_opted_out_is_left_and_named() {
    let text = workloads().replace(
        "{labels: {app: a}}",
        "{labels: {sidecar.istio.io/inject: \"false\"}}",
    );
    let output = inject(&["-f", "-", "-n", "shop"], &text);
    let said = said(&output);
    assert_eq!(
        said.trim_end(),
        "-:7: Deployment shop/deployment is left as it is: it opted out (sidecar.istio.io/inject: \"false\")"
    );
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.contains("spec: {template: &template {metadata:"),
        "{text}"
    );
}

#[test]
fn a_refusal_names_line_and_field_and_writes_nothing() {
    for (level, expected) in [
        (
            "loud",
            "error: -:12: Deployment default/web: spec.template.metadata.annotations[\"sidecar.istio.io/logLevel\"]: \"loud\" is no level (write trace",
        ),
        (
            "5",
            "error: -:11: Deployment default/web: spec.template.metadata.annotations.sidecar.istio.io/logLevel: expected a text, not the number 5",
        ),
        ("[", "error: -:14: "),
    ] {
        let output = inject(&["-f", "-"], &DEPLOYMENT.replace("LEVEL", level));
        assert!(output.stdout.is_empty());
        assert_eq!(output.status.code(), Some(1));
        let said = said(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn warnings_name_their_object() {
    let text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}\n---\n{}",
        DEPLOYMENT.replace("LEVEL", "info")
    );
    let output = inject(&["-f", "-", "-n", "shop"], &text);
    let said = said(&output);
    assert!(
        said.contains("warning: Deployment shop/web: namespace shop enforces the Pod Security Standard \"restricted\""),
        "{said}"
    );
    assert!(output.status.success());
}

#[test]
fn settings_come_from_a_file_or_its_config_map() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let bare = write(
        "bare.yaml",
        "image: r.test/proxy:7\nnativeSidecars: false\n",
    );
    let map = write(
        "map.yaml",
        "kind: ConfigMap\nmetadata: {name: ferromesh-injector}\ndata:\n  config: |\n    image: r.test/proxy:7\n    nativeSidecars: false\n",
    );
    let manifest = DEPLOYMENT.replace("LEVEL", "info");
    let text = injected(&["-f", "-", "--settings", &bare], &manifest);
    assert!(text.contains("image: r.test/proxy:7"), "{text}");
    assert!(!text.contains("restartPolicy: Always"), "{text}");
    assert_eq!(injected(&["-f", "-", "--settings", &map], &manifest), text);

    let wrong = write("wrong.yaml", "imagee: x\n");
    let output = inject(&["-f", "-", "--settings", &wrong], &manifest);
    assert!(
        said(&output).contains("wrong.yaml: imagee: unknown field"),
        "{}",
        said(&output)
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    for arguments in [
        &[][..],
        &["-f"],
        &["-f", "/no/such/file"],
        &["-f", "-", "-o", "xml"],
        &["-f", "-", "-n", "A_B"],
        &["-f", "-", "--settings", "/no/such/file"],
    ] {
        let output = inject(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(said(&output).lines().count(), 1, "{arguments:?}");
    }
}
