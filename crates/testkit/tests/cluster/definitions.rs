//! The resource definitions on a real API server: what they accept and refuse, beside Istio's own, and how they take the
//! place of those and stay. They are of the whole cluster, so these tests have one of their own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ferromesh_api::crd::{definition::Definition, definitions};
use ferromesh_testkit::cluster::own::Own;
use ferromesh_testkit::cluster::room::{Room, check};
use serde_json::{Value, json};

const ACCEPTED: &str = include_str!("../../../api/testdata/crd/accepted.yaml");
const REFUSED: &str = include_str!("../../../api/testdata/crd/refused.yaml");
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/ferromesh-crds");
const PLAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds");

/// What was good before, and is there all the time.
const OBJECT: &str = "
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: kept}
spec: {hosts: [shop], http: [{route: [{destination: {host: shop}}]}]}
";

#[test]
fn they_take_the_place_of_istios_and_stay() {
    let own = Own::start("definitions", &[]);
    let cluster = &*own;
    let room = Room::new(cluster, "definitions", &[]);
    let helm = |arguments: &[&str]| check(cluster.helm().args(arguments));

    let istio = istio_chart();
    helm(&["install", "istio-base", path(istio.path()), "--wait"]);
    established(&room);
    room.apply(OBJECT);
    judge(&room, Whose::Istio);

    let install = ["install", "ferromesh-crds", CHART, "--wait"];
    let refused = cluster
        .helm()
        .args(install)
        .output()
        .expect("helm is there");
    assert!(
        !refused.status.success(),
        "what is not ours is not touched unasked"
    );
    helm(&["uninstall", "ferromesh-crds", "--ignore-not-found"]);
    helm(&[&install[..], &["--take-ownership", "--force-conflicts"]].concat());
    kept(&room);
    judge(&room, Whose::Ours);

    for kept_by in ["istio-base", "ferromesh-crds"] {
        helm(&["uninstall", kept_by, "--wait"]);
        kept(&room);
    }
    helm(&install);
    helm(&["upgrade", "ferromesh-crds", CHART, "--wait"]);
    kept(&room);
    no_drift(&room);
}

#[test]
fn they_can_be_applied_without_helm() {
    let own = Own::start("plain", &[]);
    let room = Room::new(&own, "plain", &[]);
    // On the client's side, too: each fits into the annotation.
    room.kubectl(&["apply", "-f", PLAIN]);
    established(&room);
    room.apply(OBJECT);
    room.kubectl(&["diff", "-f", PLAIN]);
    let columns = room.kubectl(&["get", "vs,dr,gw,se,we,wg,ap,pa,ra,telemetry"]);
    let row: Vec<_> = columns.lines().flat_map(str::split_whitespace).collect();
    assert_eq!(row[..4], ["NAME", "GATEWAYS", "HOSTS", "AGE"], "{columns}");
    let mesh = room.kubectl(&["get", "istio-io", "--output", "name"]);
    assert_eq!(mesh.trim(), "virtualservice.networking.istio.io/kept");
}

/// Whose definitions are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Istio,
}

/// Tries all examples, in every version.
fn judge(room: &Room, whose: Whose) {
    let (accepted, refused) = (examples(ACCEPTED), examples(REFUSED));
    for (name, example, said) in try_all(room, "accepted", &accepted) {
        assert_eq!(said, None, "{name}: {example}");
    }
    for (name, example, said) in try_all(room, "refused", &refused) {
        let said = said.unwrap_or_else(|| panic!("{name} is accepted: {example}"));
        let expected = match whose {
            Whose::Ours => [example["path"].as_str(), example["says"].as_str()],
            // Their texts are theirs, and some of their rules stand elsewhere.
            Whose::Istio => [None, None],
        };
        for text in expected.into_iter().flatten() {
            assert!(said.contains(text), "{name}: {example}: {text:?} in {said}");
        }
    }
}

/// What the API server says to each, in each version.
fn try_all<'a>(
    room: &Room,
    word: &str,
    examples: &'a [Value],
) -> Vec<(String, &'a Value, Option<String>)> {
    let mut named = Vec::new();
    let mut objects = Vec::new();
    for (index, example) in examples.iter().enumerate() {
        let definition = definition(example["kind"].as_str().expect("a kind"));
        for version in definition.versions.served {
            let name = format!("{word}-{index}-{version}");
            let mut object = json!({
                "apiVersion": format!("{}/{version}", definition.group),
                "kind": definition.kind,
                "metadata": {"name": name},
            });
            if let Some(spec) = example.get("spec") {
                object["spec"] = spec.clone();
            }
            objects.push(object.to_string());
            named.push((name, example));
        }
    }
    let said = try_create(room, &objects.join("\n---\n"));
    // One paragraph for each object that is refused.
    let refusals: Vec<_> = said.split("Error from server").skip(1).collect();
    named
        .into_iter()
        .map(|(name, example)| {
            let quoted = format!("{name}\"");
            let refusal = refusals.iter().find(|text| text.contains(&quoted));
            (name, example, refusal.map(|text| (*text).to_owned()))
        })
        .collect()
}

fn try_create(room: &Room, objects: &str) -> String {
    let mut command = room.command();
    command.args(["create", "--dry-run=server", "-f", "-"]);
    let piped = command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped
        .stdout(Stdio::null())
        .spawn()
        .expect("kubectl is there");
    let mut input = child.stdin.take().expect("stdin is piped");
    input.write_all(objects.as_bytes()).expect("kubectl reads");
    drop(input);
    let output = child.wait_with_output().expect("kubectl ends");
    String::from_utf8(output.stderr).expect("text")
}

fn examples(text: &str) -> Vec<Value> {
    let documents = ferromesh_yaml::read(text).documents;
    let list = documents[0].content.as_array().expect("a list");
    assert!(list.len() > 10, "the table is there");
    list.clone()
}

fn definition(kind: &str) -> Definition {
    let mut all = definitions().into_iter();
    all.find(|one| one.kind == kind).expect("one of ours")
}

/// The definitions are there, and so is the object, in each version.
fn kept(room: &Room) {
    established(room);
    for version in definition("VirtualService").versions.served {
        let kind = format!("virtualservices.{version}.networking.istio.io");
        let host = "jsonpath={.spec.hosts[0]}";
        assert_eq!(
            room.kubectl(&["get", &kind, "kept", "--output", host]),
            "shop"
        );
    }
}

fn established(room: &Room) {
    let names: Vec<_> = definitions()
        .iter()
        .map(|one| format!("customresourcedefinition/{}", one.name()))
        .collect();
    let mut arguments = vec!["wait", "--for=condition=Established", "--timeout=60s"];
    arguments.extend(names.iter().map(String::as_str));
    room.kubectl(&arguments);
}

/// Whoever compares what the chart says with what is there finds no difference.
fn no_drift(room: &Room) {
    let text = check(room.cluster().helm().args(["template", "x", CHART]));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.yaml");
    fs::write(&file, text).expect("a file");
    room.kubectl(&["diff", "-f", path(&file)]);
}

/// A chart like Istio's `base`: its definitions, as they are.
fn istio_chart() -> tempfile::TempDir {
    let chart = tempfile::tempdir().expect("a folder");
    let templates = chart.path().join("templates");
    fs::create_dir(&templates).expect("a folder");
    let about = "{apiVersion: v2, name: base, version: 1.31.4}\n";
    fs::write(chart.path().join("Chart.yaml"), about).expect("a file");
    let definitions = istio_module().join("kubernetes/customresourcedefinitions.gen.yaml");
    fs::copy(definitions, templates.join("crds.yaml")).expect("a file");
    chart
}

/// Where Go keeps the module of Istio's definitions, which it fetches if it has to.
fn istio_module() -> PathBuf {
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", "istio.io/api"]);
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/istio");
    let said: Value = serde_json::from_str(&check(go.current_dir(module))).expect("JSON");
    PathBuf::from(said["Dir"].as_str().expect("a folder"))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
