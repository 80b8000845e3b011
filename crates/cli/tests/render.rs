//! `ferromesh render` on the sample shop.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn render(more: &[&str]) -> Output {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/shop");
    Command::new(env!("CARGO_BIN_EXE_ferromesh"))
        .args(["render", "--source", &format!("dir:{}", samples.display())])
        .args(["--default-namespace", "ecommerce"])
        .args(more)
        .output()
        .expect("the program runs")
}

fn resources(more: &[&str]) -> Vec<Value> {
    let output = render(more);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("a JSON array")
}

fn names<'a>(resources: &'a [Value], ty: &str) -> Vec<&'a str> {
    let is_meant = |resource: &&Value| {
        resource["type_url"]
            .as_str()
            .is_some_and(|url| url.ends_with(ty))
    };
    resources
        .iter()
        .filter(is_meant)
        .filter_map(|resource| resource["name"].as_str())
        .collect()
}

#[test]
fn everything_is_there_sorted_and_versioned() {
    let all = resources(&["--proxy", "frontend-1.ecommerce"]);
    let keys: Vec<_> = all
        .iter()
        .map(|one| (one["type_url"].as_str(), one["name"].as_str()))
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    for one in &all {
        let keys: Vec<_> = one
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["type_url", "name", "version", "resource"]);
        assert_eq!(one["version"].as_str().map(str::len), Some(22), "{one}");
    }
    let product = "product-service.ecommerce.svc.cluster.local";
    let clusters = names(&all, ".Cluster");
    for name in [
        format!("outbound|8000||{product}"),
        format!("outbound|8000|v1|{product}"),
        format!("outbound|8000|v2|{product}"),
        "inbound|8080||".to_owned(),
        "PassthroughCluster".to_owned(),
        "BlackHoleCluster".to_owned(),
    ] {
        assert!(clusters.contains(&name.as_str()), "{name}: {clusters:?}");
    }
    let host = format!("8000/{product}:8000");
    let weights = all
        .iter()
        .find(|one| one["name"] == host.as_str())
        .map(|host| host["resource"].to_string());
    let weights = weights.unwrap_or_default();
    assert!(
        weights.contains("premium") && weights.contains("90"),
        "{weights}"
    );
    assert_eq!(
        all,
        resources(&["--proxy", "frontend-1.ecommerce"]),
        "two processes differ"
    );
}

#[test]
fn the_mode_decides_what_is_bound() {
    let bound = resources(&[
        "--proxy",
        "frontend-1.ecommerce",
        "--outbound-address",
        "127.0.0.9",
    ]);
    let listeners = names(&bound, ".Listener");
    assert!(
        listeners.contains(&"127.10.0.1_8080") && listeners.contains(&"127.0.0.9_8000"),
        "{listeners:?}"
    );
    let captured = resources(&[
        "--proxy",
        "frontend-1.ecommerce",
        "--interception-mode",
        "redirect",
    ]);
    let listeners = names(&captured, ".Listener");
    assert!(
        listeners.contains(&"virtualInbound") && listeners.contains(&"virtualOutbound"),
        "{listeners:?}"
    );
}

#[test]
fn yaml_says_the_same() {
    let proxy = ["--proxy", "frontend-1.ecommerce"];
    let output = render(&[&proxy[..], &["-o", "yaml"]].concat());
    let text = String::from_utf8(output.stdout).expect("text");
    let read = ferromesh_kube_source::yaml::read(&text);
    let content = read.documents.first().map(|document| &document.content);
    assert_eq!(
        content,
        Some(&Value::from(resources(&proxy))),
        "{:?}",
        read.faults
    );
}

#[test]
fn an_unknown_workload_gets_outbound_configuration_and_a_note() {
    let output = render(&["--proxy", "stranger.ecommerce"]);
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a JSON array");
    assert!(
        names(&all, ".Cluster")
            .iter()
            .any(|name| name.starts_with("outbound|8000|"))
    );
    assert!(
        !names(&all, ".Cluster")
            .iter()
            .any(|name| name.starts_with("inbound|8080|"))
    );
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("no Pod or WorkloadEntry ecommerce/stranger")
    );
}

#[test]
fn errors_in_the_manifests_are_mentioned() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analyze");
    let output = Command::new(env!("CARGO_BIN_EXE_ferromesh"))
        .args(["render", "--proxy", "web.default", "--source"])
        .arg(format!("dir:{}", source.display()))
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let end = format!(
        " errors in the manifests; what they say is left out (ferromesh analyze {} says what)",
        source.display()
    );
    assert!(text.lines().any(|line| line.ends_with(&end)), "{text}");
    assert!(output.status.success(), "{text}");
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    for arguments in [
        &[][..],
        &["--proxy", "nodot"],
        &["--proxy", "a.b", "--source", "dir:/no/such"],
        &["--proxy", "a.b", "--source", "dir:Cargo.toml"],
        &[
            "--proxy",
            "a.b",
            "--source",
            "dir:.",
            "--default-namespace",
            "A_B",
        ],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_ferromesh"))
            .arg("render")
            .args(arguments)
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr).lines().count(),
            1,
            "{arguments:?}"
        );
    }
}
