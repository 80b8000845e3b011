//! Charts.

use std::fs;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::room::{Room, check};

#[test]
fn helm_installs_upgrades_and_removes_a_chart() {
    let room = Room::new(&Cluster::of_tests(), "chart", &[]);
    let chart = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = chart.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write(
        "Chart.yaml",
        "{apiVersion: v2, name: tiny, version: 0.1.0, kubeVersion: '>=1.30.0'}\n",
    );
    write("values.yaml", "word: hello\n");
    write(
        "templates/settings.yaml",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .Release.Name }}'}, data: {word: '{{ .Values.word }}'}}\n",
    );
    let helm = |arguments: &[&str]| {
        let mut command = room.cluster().helm();
        command.args(["--namespace", room.name()]).args(arguments);
        check(&mut command)
    };
    let word = || {
        room.kubectl(&[
            "get",
            "configmap",
            "first",
            "--output",
            "jsonpath={.data.word}",
        ])
    };
    let folder = chart.path().to_str().expect("a path in UTF-8");
    helm(&["install", "first", folder, "--wait"]);
    assert_eq!(word(), "hello");
    helm(&["upgrade", "first", folder, "--wait", "--set", "word=again"]);
    assert_eq!(word(), "again");
    helm(&["uninstall", "first", "--wait"]);
    let left = room.kubectl(&["get", "configmap", "first", "--ignore-not-found"]);
    assert_eq!(left, "");
}
