//! Objects of the mesh.

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation;
use ferromesh_testkit::cluster::room::Room;

/// What the definitions' own rules let through, and no proxy could have.
fn broken(metadata: &str) -> String {
    format!(
        r#"
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {metadata}
spec:
  hosts: [shop]
  http:
  - match: [{{uri: {{regex: "("}}}}]
    route: [{{destination: {{host: shop}}}}]
"#
    )
}

const DENIED: &str = r#"denied the request: spec.http[0].match[0].uri.regex: "#;

#[test]
fn errors_deny_with_the_path_of_the_field() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = Room::new(&cluster, "validation", &[]);
    for metadata in ["{name: a}", "{name: b, labels: {istio.io/rev: default}}"] {
        let (accepted, said) = room.try_apply(&broken(metadata));
        assert!(!accepted && said.contains(DENIED), "{metadata}: {said}");
    }
    // Nothing else is there to see, also after an update.
    room.apply(&broken("{name: a}").replace('(', "/a.*"));
    let (accepted, said) = room.try_apply(&broken("{name: a}"));
    assert!(!accepted && said.contains(DENIED), "{said}");
    let found = room.kubectl(&["get", "virtualservice", "--output", "name"]);
    assert_eq!(found.trim(), "virtualservice.networking.istio.io/a");
}

#[test]
fn what_is_odd_is_stored_with_a_warning() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = Room::new(&cluster, "warning", &[]);
    let (accepted, said) = room.try_apply(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [shop]
  http:
  - route: [{destination: {host: shop}}]
  - match: [{uri: {prefix: /never}}]
    route: [{destination: {host: shop}}]
",
    );
    assert!(accepted, "{said}");
    assert!(said.contains("Warning: spec.http[1]: "), "{said}");
}

#[test]
fn an_object_of_another_revision_is_not_judged() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = Room::new(&cluster, "revision", &[]);
    room.apply(&broken("{name: a, labels: {istio.io/rev: other}}"));
    // It is ours now, and as wrong as before; but nobody has to mend a spec to say whose it is.
    room.kubectl(&["label", "virtualservice", "a", "istio.io/rev-"]);
    // Whoever can't touch it can't remove it either.
    room.kubectl(&["annotate", "virtualservice", "a", "a=b"]);
    room.kubectl(&["delete", "virtualservice", "a"]);
}
