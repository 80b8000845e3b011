//! A directory read once: which objects there are, where they stand, and what is wrong.

use std::fs;
use std::path::Path;

use ferromesh_kube_source::directory::{Loaded, load};
use ferromesh_kube_source::place::{Home, Within};
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    directory
}

fn read(files: &[(&str, &str)]) -> (TempDir, Loaded) {
    let directory = directory(files);
    let loaded = load(&[directory.path()], "shop");
    (directory, loaded)
}

/// Each object as `key @ file#document`.
fn objects(root: &Path, loaded: &Loaded) -> Vec<String> {
    let shown = loaded.objects.iter().map(|located| {
        let place = &located.place;
        let Home::File { path, document } = &place.home else {
            panic!("no file");
        };
        let file = path.strip_prefix(root).unwrap_or(path).display();
        let within = match &place.within {
            Within::Whole => String::new(),
            Within::Item(path) | Within::Text(path) => format!(" {path}"),
            Within::Spec => " spec".to_owned(),
        };
        format!("{} @ {file}#{document}{within}", located.key())
    });
    shown.collect()
}

/// Each fault as `file:line code path`.
fn faults(root: &Path, loaded: &Loaded) -> Vec<String> {
    let shown = loaded.faults.iter().map(|fault| {
        let file = fault
            .file
            .strip_prefix(root)
            .unwrap_or(&fault.file)
            .display();
        format!("{file}:{} {} {}", fault.line, fault.code, fault.path)
    });
    shown.collect()
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str], expected_faults: &[&str]) {
    let (directory, loaded) = read(files);
    assert_eq!(
        (
            objects(directory.path(), &loaded),
            faults(directory.path(), &loaded)
        ),
        (
            expected.iter().map(|text| (*text).to_owned()).collect(),
            expected_faults
                .iter()
                .map(|text| (*text).to_owned())
                .collect()
        )
    );
}

fn object(name: &str) -> String {
    format!("{{apiVersion: v1, kind: Thing, metadata: {{name: {name}}}}}\n")
}

#[test]
fn everything_below_the_root_is_read_but_what_is_hidden() {
    let text = object("a");
    check(
        &[
            ("b/c/x.yaml", &object("deep")),
            ("a.yml", &text),
            (
                "z.json",
                r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}"#,
            ),
            ("README.md", "no"),
            (".hidden.yaml", &text),
            ("..data/a.yaml", &text),
        ],
        &[
            "Thing shop/a @ a.yml#0",
            "Thing shop/deep @ b/c/x.yaml#0",
            "Node n @ z.json#0",
        ],
        &[],
    );
}

#[test]
fn lists_are_taken_apart() {
    check(
        &[(
            "a.yaml",
            "---\n---\nkind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: q}}\n\
             - kind: List\n  apiVersion: v1\n  items: [{apiVersion: v1, kind: Pod, metadata: {name: r}}]\n\
             ---\n{apiVersion: v1, kind: NodeList, items: [{metadata: {name: n1}}]}\n\
             ---\n{apiVersion: a/v1, kind: AccessList, metadata: {name: l}}\n\
             ---\n{apiVersion: v1, kind: PodList, items: []}\n",
        )],
        &[
            "Pod q/p @ a.yaml#1 items[0]",
            "Pod shop/r @ a.yaml#1 items[1].items[0]",
            "Node n1 @ a.yaml#2 items[0]",
            "AccessList shop/l @ a.yaml#3",
        ],
        &[],
    );
}

#[test]
fn what_is_no_object_is_a_fault_at_its_line() {
    check(
        &[(
            "a.yaml",
            "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n---\napiVersion: v1\nmetadata: {name: b}\n---\n- 1\n---\n\
             apiVersion: v1\nkind: Thing\nmetadata:\n  name: c\n  labels:\n    version: 1\n---\n\
             apiVersion: v1\nkind: Thing\nmetadata:\n  name: d\n  creationTimestamp: yesterday\n",
        )],
        &["Thing shop/a @ a.yaml#0"],
        &[
            "a.yaml:5 missing-field kind",
            "a.yaml:8 wrong-type ",
            "a.yaml:15 wrong-type metadata.labels.version",
            "a.yaml:21 wrong-type metadata.creationTimestamp",
        ],
    );
    check(&[("a.yaml", "a: \u{0}\n")], &[], &["a.yaml:1 yaml-syntax "]);
    let directory = directory(&[]);
    fs::write(directory.path().join("a.yaml"), b"a: b\nc: \xff\n").expect("a file");
    let loaded = load(&[directory.path()], "shop");
    assert_eq!(faults(directory.path(), &loaded), ["a.yaml:2 not-text "]);
}

#[test]
fn the_first_of_two_counts() {
    let (directory, loaded) = read(&[
        ("a.yaml", &format!("{}---\n{}", object("x"), object("x"))),
        ("b.yaml", &object("x")),
        (
            "c.yaml",
            "{apiVersion: v2, kind: Thing, metadata: {name: x, namespace: shop}}",
        ),
        (
            "d.yaml",
            "{apiVersion: example.com/v1, kind: Thing, metadata: {name: x}}",
        ),
    ]);
    let root = directory.path();
    assert_eq!(
        objects(root, &loaded),
        ["Thing shop/x @ a.yaml#0", "Thing shop/x @ d.yaml#0"]
    );
    assert_eq!(
        faults(root, &loaded),
        [
            "a.yaml:3 duplicate-object ",
            "b.yaml:1 duplicate-object ",
            "c.yaml:1 duplicate-object "
        ]
    );
    assert!(loaded.faults.iter().all(|fault| fault.object.is_some()));
}

#[test]
fn mesh_configuration_stands_at_the_root() {
    let bare = "rootNamespace: mesh\naccessLogFile: /dev/stdout\n";
    check(
        &[("mesh.yaml", bare), ("x/mesh.yaml", bare)],
        &["MeshConfig mesh @ mesh.yaml#0 spec"],
        &["x/mesh.yaml:1 missing-field apiVersion"],
    );
    check(
        &[(
            "mesh.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    rootNamespace: mesh\n    a: [\n",
        )],
        &[],
        &["mesh.yaml:7 yaml-syntax a"],
    );
    let (_directory, loaded) = read(&[(
        "mesh.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    rootNamespace: mesh\n",
    )]);
    let [located] = &loaded.objects[..] else {
        panic!("{loaded:?}")
    };
    assert_eq!(located.object.api_version, "mesh.istio.io/v1alpha1");
    assert_eq!(
        located.object.spec(),
        &serde_json::json!({"rootNamespace": "mesh"})
    );
    assert_eq!(located.place.find_line("spec.rootNamespace"), Some(6));
}

#[test]
fn the_age_is_in_one_form() {
    let (_directory, loaded) = read(&[(
        "a.yaml",
        "{apiVersion: v1, kind: T, metadata: {name: a, creationTimestamp: 2026-01-01T01:00:00+01:00}}",
    )]);
    let [located] = &loaded.objects[..] else {
        panic!("{loaded:?}")
    };
    assert_eq!(
        located.object.metadata.creation_timestamp,
        "2026-01-01T00:00:00Z"
    );
}

#[test]
fn files_are_read_as_such() {
    let directory = directory(&[("a.txt", &object("a")), ("mesh.yaml", "rootNamespace: x\n")]);
    let root = directory.path();
    let loaded = load(
        &[
            root.join("a.txt"),
            root.join("mesh.yaml"),
            root.join("nowhere.yaml"),
        ],
        "shop",
    );
    assert_eq!(
        objects(root, &loaded),
        [
            "Thing shop/a @ a.txt#0",
            "MeshConfig mesh @ mesh.yaml#0 spec"
        ]
    );
    assert_eq!(faults(root, &loaded), ["nowhere.yaml:0 missing-file "]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_round_in_circles() {
    use std::os::unix::fs::symlink;
    let directory = directory(&[("real/a.yaml", &object("a"))]);
    let root = directory.path();
    symlink("..", root.join("real/up")).expect("a link");
    symlink("nowhere.yaml", root.join("dangling.yaml")).expect("a link");
    let loaded = load(&[root], "shop");
    assert_eq!(objects(root, &loaded), ["Thing shop/a @ real/a.yaml#0"]);
    assert_eq!(faults(root, &loaded), ["dangling.yaml:0 missing-file "]);
}

#[test]
fn an_object_that_cannot_be_read_is_named_by_what_stands_before_the_fault() {
    for (file, text, expected) in [
        (
            "a.yaml",
            "apiVersion: a/v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  b: 1\n  b: 2\n",
            Some("Thing shop/a"),
        ),
        (
            "a.yaml",
            "kind: Node\napiVersion: v1\nmetadata: {name: m}\nspec:\n  podCIDRs: [\n",
            Some("Node m"),
        ),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Thing\nmetadata: {name: [\n",
            None,
        ),
        (
            "a.yaml",
            "apiVersion: v1\nkind: List\nitems: [{a: 1, a: 1}]\n",
            None,
        ),
        ("a.yaml", "- [\n", None),
        (
            "mesh.yaml",
            "accessLogFile: x\naccessLogFile: y\n",
            Some("MeshConfig mesh"),
        ),
    ] {
        let (_directory, loaded) = read(&[(file, text)]);
        let found: Vec<_> = loaded
            .faults
            .iter()
            .map(|fault| fault.object.as_ref().map(ToString::to_string))
            .collect();
        assert_eq!(found, [expected.map(str::to_owned)], "{text}");
    }
}
