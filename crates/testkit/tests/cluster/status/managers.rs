//! Several write to one object, and nobody fights.

use std::fs;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation;
use ferromesh_testkit::cluster::room::Room;
use ferromesh_testkit::wait;
use serde_json::{Value, json};

use super::quiet::marked;
use super::{message, object, route, until};

/// Waits until all is said, whether there are proxies (of other tests) or not.
async fn settled(room: &Room) -> Value {
    let wanted = ["--for=condition=Programmed", "virtualservice/route"];
    room.kubectl(&[&["wait", "--timeout=30s"][..], &wanted].concat());
    let object = object(room, "virtualservice", "route");
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let programmed = conditions.find(|it| it["type"] == "Programmed");
    let reason = programmed.and_then(|it| it["reason"].as_str());
    let said = [
        ["Accepted", "True", "Accepted"],
        ["ResolvedRefs", "False", "HostNotFound"],
        ["Programmed", "True", reason.unwrap_or_default()],
    ];
    until(room, "virtualservice", "route", &said).await
}

/// The fields of an object that a manager has.
fn managed(object: &Value, manager: &str) -> String {
    let all = object["metadata"]["managedFields"].as_array();
    let of = all
        .into_iter()
        .flatten()
        .filter(|entry| entry["manager"] == manager);
    of.map(|entry| entry["fieldsV1"].to_string()).collect()
}

#[tokio::test]
async fn a_manifest_that_is_applied_again_shows_no_drift() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = Room::new(&cluster, "drift", &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = folder.path().join("route.yaml");
    fs::write(&manifest, route("nowhere")).expect("a file");
    let manifest = manifest.to_str().expect("a path");

    for how in [&["--server-side", "--field-manager=gitops"][..], &[]] {
        let with = |verb: &str| {
            let all = [&[verb, "--filename", manifest], how].concat();
            room.kubectl(&all)
        };
        with("apply");
        let first = settled(&room).await;
        // It fails if there is a difference.
        assert_eq!(with("diff"), "");
        with("apply");
        let second = object(&room, "virtualservice", "route");
        assert_eq!(first, second);
        let ours = managed(&first, "ferromesh-status");
        assert!(
            ours.contains("f:status") && !ours.contains("f:spec"),
            "{ours}"
        );
        assert!(!ours.contains("f:metadata"), "{ours}");
        room.kubectl(&["delete", "virtualservice", "route"]);
    }
}

#[tokio::test]
async fn what_others_write_into_a_status_stays() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let room = Room::new(&cluster, "managers", &[]);
    room.apply(&route("nowhere"));
    let ours = settled(&room).await;
    let put = |conditions: &[Value], more: &Value| {
        let patch = json!({"status": {"conditions": conditions, "validationMessages": more}});
        let patch = patch.to_string();
        let who = [
            "--subresource=status",
            "--field-manager=another",
            "--type=merge",
        ];
        let patch = ["patch", "virtualservice", "route", "--patch", &patch];
        room.kubectl(&[&patch[..], &who].concat());
    };
    let theirs = json!({"type": "Reconciled", "status": "True", "reason": "Theirs"});
    let more = json!([{"level": "INFO", "type": {"code": "X1"}}]);
    let own = ours["status"]["conditions"].as_array().cloned();
    put(
        &[vec![theirs.clone()], own.unwrap_or_default()].concat(),
        &more,
    );
    room.apply(&route("elsewhere"));
    let found = wait::eventually("ours is about the new version", async || {
        let object = object(&room, "virtualservice", "route");
        if message(&object, "ResolvedRefs").contains("elsewhere") {
            Ok(object)
        } else {
            Err(object["status"].to_string())
        }
    })
    .await;
    assert_eq!(found["status"]["conditions"][0], theirs);
    assert_eq!(
        found["status"]["conditions"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(found["status"]["validationMessages"], more);

    // Whoever takes ours away has the last word, until there is something new to say.
    put(std::slice::from_ref(&theirs), &more);
    let before = object(&room, "virtualservice", "route");
    marked(&room, "later").await;
    assert_eq!(object(&room, "virtualservice", "route"), before);
}
