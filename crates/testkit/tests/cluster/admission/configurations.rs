//! The webhook configurations: what somebody does to them is undone, and nothing is done unasked.

use std::time::Duration;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::check;
use ferromesh_testkit::wait;
use serde_json::Value;

pub const KINDS: [&str; 2] = [
    "mutatingwebhookconfiguration",
    "validatingwebhookconfiguration",
];

/// The name of the configurations of a release in this namespace.
pub fn name(namespace: &str) -> String {
    format!("ferromesh-{namespace}")
}

/// Both, those that are there.
pub fn found(cluster: &Cluster, namespace: &str) -> Vec<Value> {
    let name = name(namespace);
    let get = |kind| {
        let get = ["get", kind, &name, "--ignore-not-found", "--output", "json"];
        let text = check(cluster.kubectl().args(get));
        (!text.is_empty()).then(|| serde_json::from_str(&text).expect("JSON"))
    };
    KINDS.into_iter().filter_map(get).collect()
}

/// What counts of them.
fn essence(configuration: &Value) -> (String, Value, Value) {
    let owner = &configuration["metadata"]["ownerReferences"][0]["uid"];
    (
        configuration["kind"].as_str().expect("a kind").to_owned(),
        owner.clone(),
        configuration["webhooks"].clone(),
    )
}

fn essences(cluster: &Cluster) -> Vec<(String, Value, Value)> {
    found(cluster, NAMESPACE).iter().map(essence).collect()
}

async fn restored(cluster: &Cluster, what: &str, expected: &[(String, Value, Value)]) {
    wait::eventually(what, async || {
        let found = essences(cluster);
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn whatever_becomes_of_them_they_are_put_right() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let kubectl = |arguments: &[&str]| check(cluster.kubectl().args(arguments));
    let name = name(NAMESPACE);
    let sound = essences(&cluster);
    assert_eq!(sound.len(), 2);
    for (what, patch) in [
        (
            "a field",
            r#"[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]"#,
        ),
        (
            "roots",
            r#"[{"op": "replace", "path": "/webhooks/1/clientConfig/caBundle", "value": ""}]"#,
        ),
        (
            "a selector",
            r#"[{"op": "replace", "path": "/webhooks/0/objectSelector", "value": {"matchLabels": {"a": "b"}}}]"#,
        ),
        (
            "an entry less",
            r#"[{"op": "remove", "path": "/webhooks/0"}]"#,
        ),
        (
            "an owner less",
            r#"[{"op": "remove", "path": "/metadata/ownerReferences"}]"#,
        ),
    ] {
        for kind in KINDS {
            // The empty bundle is refused where it makes no sense; then there is nothing to put right.
            let _ = cluster
                .kubectl()
                .args(["patch", kind, &name, "--type=json", "--patch", patch])
                .output();
        }
        restored(&cluster, what, &sound).await;
    }
    let never = r#"[{"op": "add", "path": "/webhooks/0/matchConditions/-", "value": {"name": "never", "expression": "false"}}]"#;
    kubectl(&["patch", KINDS[0], &name, "--type=json", "--patch", never]);
    restored(&cluster, "a condition more", &sound).await;
    for kind in KINDS {
        kubectl(&["delete", kind, &name]);
    }
    restored(&cluster, "both", &sound).await;
}

#[tokio::test]
async fn they_go_with_their_owner_and_come_with_the_next() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let kubectl = |arguments: &[&str]| check(cluster.kubectl().args(arguments));
    let owner = format!("clusterrole/{}-webhooks", name(NAMESPACE));
    let text = kubectl(&["get", &owner, "--output", "json"]);
    let mut object: Value = serde_json::from_str(&text).expect("JSON");
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
    ] {
        object["metadata"]
            .as_object_mut()
            .expect("fields")
            .remove(field);
    }
    let before = essences(&cluster);
    kubectl(&["delete", &owner]);
    wait::eventually("they go", async || {
        let left = found(&cluster, NAMESPACE).len();
        if left == 0 {
            Ok(())
        } else {
            Err(format!("{left} are there"))
        }
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("owner.json");
    std::fs::write(&file, object.to_string()).expect("a file");
    check(cluster.kubectl().arg("create").arg("-f").arg(&file));
    let uid = kubectl(&["get", &owner, "--output", "jsonpath={.metadata.uid}"]);
    let expected: Vec<_> = before
        .into_iter()
        .map(|(kind, _, webhooks)| (kind, Value::from(uid.as_str()), webhooks))
        .collect();
    restored(&cluster, "they come back", &expected).await;
}

/// The holder looks at its Lease each five seconds: that is what there is to see in ten.
#[tokio::test]
async fn nothing_is_written_while_nothing_changes() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let versions = || -> Vec<Value> {
        let found = found(&cluster, NAMESPACE);
        let metadata = |configuration: Value| configuration["metadata"].clone();
        found.into_iter().map(metadata).collect()
    };
    let lease = || {
        let lease = ["get", "lease/ferromesh", "--namespace", NAMESPACE];
        check(
            cluster
                .kubectl()
                .args(lease)
                .args(["--output", "jsonpath={.spec.renewTime}"]),
        )
    };
    let before = versions();
    for _ in 0..2 {
        let renewed = lease();
        wait::within(
            Duration::from_secs(30),
            "the lease is renewed",
            async || {
                if lease() == renewed {
                    Err(renewed.clone())
                } else {
                    Ok(())
                }
            },
        )
        .await;
    }
    assert_eq!(versions(), before);
}
