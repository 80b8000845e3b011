//! Files and directories that come, go, move, and can't be read.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use ferromesh_testkit::client::Request;

use super::{Stage, routing};
use crate::app::steady;

/// Sends everybody who asks for `bad` to `good`, so that the absence of this rule is seen.
fn detour(mark: &str) -> String {
    routing("bad", mark).replace("{host: bad}", "{host: good}")
}

/// A link, in one step.
fn link(target: &str, path: &Path) {
    let draft = path.with_file_name(".draft-link");
    symlink(target, &draft).expect("a link");
    fs::rename(&draft, path).expect("the link in its place");
}

#[tokio::test]
async fn an_object_that_stands_twice_counts_once() {
    let mut stage = Stage::set().await;
    stage.write("later.yaml", routing("bad", "later"));
    let finding = stage.finding("duplicate-object", "later.yaml").await;
    assert_eq!(
        (finding["severity"].as_str(), finding["line"].as_u64()),
        (Some("error"), Some(1)),
        "{finding}"
    );
    assert_eq!(finding["object"]["name"], "bad", "{finding}");
    assert!(
        finding["message"]
            .as_str()
            .unwrap_or_default()
            .contains("bad.yaml"),
        "{finding}"
    );
    assert_eq!(stage.findings().await.len(), 1);
    stage.still("first").await;
    // The first path counts, whichever came first.
    stage.write("a/earlier.yaml", routing("bad", "earlier"));
    stage.in_force("earlier").await;
    stage.finding("duplicate-object", "bad.yaml").await;
    stage.finding("duplicate-object", "later.yaml").await;
    // Twice in one file.
    stage.write(
        "a/earlier.yaml",
        routing("bad", "earlier") + "---\n" + &routing("bad", "same file"),
    );
    let finding = stage.finding("duplicate-object", "a/earlier.yaml").await;
    assert_eq!(finding["line"], 10, "{finding}");
    stage.still("earlier").await;
    // Who is left counts.
    fs::remove_file(stage.file("a/earlier.yaml")).expect("removed");
    stage.in_force("first").await;
    fs::remove_file(stage.file("bad.yaml")).expect("removed");
    stage.in_force("later").await;
    stage.nothing_is_wrong().await;
    stage.end().await;
}

#[tokio::test]
async fn an_object_that_moves_between_files_is_never_missing() {
    let mut stage = Stage::set().await;
    stage.write("bad.yaml", detour("detour"));
    stage.in_force("detour").await;
    let (end, load) = steady(stage.client.outbound(80), Request::get("bad", "/"));
    // Renamed.
    for (from, to) in [
        ("bad.yaml", "moved.yaml"),
        ("moved.yaml", "a/moved.yaml"),
        ("a/moved.yaml", "bad.yaml"),
    ] {
        let to = stage.file(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::rename(stage.file(from), to).expect("renamed");
        stage.still("detour").await;
    }
    // Written in one file, then removed from the other; and the other way round.
    stage.write("b.yaml", detour("detour"));
    fs::remove_file(stage.file("bad.yaml")).expect("removed");
    stage.still("detour").await;
    fs::remove_file(stage.file("b.yaml")).expect("removed");
    stage.write("bad.yaml", detour("detour"));
    stage.still("detour").await;
    // With a change on the way.
    fs::remove_file(stage.file("bad.yaml")).expect("removed");
    stage.write("c.yaml", detour("changed"));
    stage.in_force("changed").await;
    stage.nothing_is_wrong().await;
    end.send(()).expect("the load goes on");
    let tally = load.await.expect("the load ends");
    assert_eq!(
        tally.instance("good"),
        tally.total(),
        "{tally:?}\n{}",
        stage.log()
    );
    assert!(
        !stage.log().contains("delete VirtualService"),
        "{}",
        stage.log()
    );
    stage.end().await;
}

#[tokio::test]
async fn files_that_cannot_be_read_keep_what_they_said() {
    let mut stage = Stage::set().await;
    let path = stage.file("bad.yaml");
    // Reading this fails with an error even for root, whom no permission keeps from reading.
    link("/proc/self/mem", &path);
    let finding = stage.finding("unreadable-file", "bad.yaml").await;
    assert_eq!(finding["severity"], "error", "{finding}");
    stage.still("first").await;
    // Its own target.
    link("bad.yaml", &path);
    stage.still("first").await;
    stage
        .finding_that_says("unreadable-file", "bad.yaml", "symbolic link")
        .await;
    // Without permission: for root, as if nothing had happened.
    stage.write(".new", routing("bad", "second"));
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(stage.file(".new"), permissions).expect("permissions");
    fs::rename(stage.file(".new"), &path).expect("in its place");
    if fs::read(&path).is_ok() {
        stage.in_force("second").await;
    } else {
        stage.still("first").await;
        stage.finding("unreadable-file", "bad.yaml").await;
    }
    stage.write("bad.yaml", routing("bad", "third"));
    stage.in_force("third").await;
    // Directories without end.
    fs::create_dir(stage.file("sub")).expect("a directory");
    symlink("..", stage.file("sub/up")).expect("a link");
    symlink(".", stage.file("sub/here")).expect("a link");
    symlink("nowhere", stage.file("sub/nowhere.yaml")).expect("a link");
    stage.finding("missing-file", "nowhere.yaml").await;
    stage.still("third").await;
    fs::remove_file(stage.file("sub/nowhere.yaml")).expect("removed");
    stage.nothing_is_wrong().await;
    // A file that vanishes takes its objects with it.
    fs::remove_file(&path).expect("removed");
    stage.in_force("").await;
    stage.write("bad.yaml", routing("bad", "fourth"));
    stage.in_force("fourth").await;
    // What is no file at all.
    let _socket = UnixListener::bind(stage.file("sub/socket.yaml")).expect("a socket");
    fs::create_dir(stage.file("directory.yaml")).expect("a directory");
    stage.still("fourth").await;
    stage.nothing_is_wrong().await;
    stage.end().await;
}

#[tokio::test]
async fn a_mounted_config_map_is_swapped_at_once() {
    let mut stage = Stage::set().await;
    let folder = stage.file("mounted");
    let version = |name: &str, content: &str| {
        fs::create_dir_all(folder.join(name)).expect("a directory");
        fs::write(folder.join(name).join("bad.yaml"), content).expect("a file");
    };
    version("..1", &detour("one"));
    link("..1", &folder.join("..data"));
    fs::remove_file(stage.file("bad.yaml")).expect("removed");
    symlink("..data/bad.yaml", folder.join("bad.yaml")).expect("a link");
    stage.in_force("one").await;
    let (end, load) = steady(stage.client.outbound(80), Request::get("bad", "/"));
    version("..2", &detour("two"));
    link("..2", &folder.join("..data"));
    fs::remove_dir_all(folder.join("..1")).expect("removed");
    stage.in_force("two").await;
    version("..3", &(detour("three") + "    timout: 5s\n"));
    link("..3", &folder.join("..data"));
    fs::remove_dir_all(folder.join("..2")).expect("removed");
    let finding = stage.finding("unknown-field", "mounted/bad.yaml").await;
    assert_eq!(finding["line"], super::NEXT_LINE, "{finding}");
    stage.still("two").await;
    version("..4", &detour("four"));
    link("..4", &folder.join("..data"));
    fs::remove_dir_all(folder.join("..3")).expect("removed");
    stage.in_force("four").await;
    stage.nothing_is_wrong().await;
    end.send(()).expect("the load goes on");
    let tally = load.await.expect("the load ends");
    assert_eq!(
        tally.instance("good"),
        tally.total(),
        "{tally:?}\n{}",
        stage.log()
    );
    stage.end().await;
}

#[tokio::test]
async fn the_whole_directory_goes_and_comes_back() {
    let stage = Stage::set().await;
    let root = stage.mesh.manifests().path().to_owned();
    stage.write("bad.yaml", detour("detour"));
    stage.in_force("detour").await;
    let (end, load) = steady(stage.client.outbound(80), Request::get("bad", "/"));
    let files: Vec<_> = ["workloads.yaml", "good.yaml"]
        .map(|name| (name, stage.mesh.manifests().read(name)))
        .into();
    for round in 0..2 {
        if round == 0 {
            fs::remove_dir_all(&root).expect("removed");
        } else {
            fs::rename(&root, root.with_extension("aside")).expect("renamed");
        }
        let all = ferromesh_testkit::wait::eventually("the directory is missed", async || {
            let all = stage.findings().await;
            if all.iter().any(|one| one["code"] == "missing-directory") {
                Ok(all)
            } else {
                Err(format!("{all:?}"))
            }
        })
        .await;
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(stage.mark("bad").await.as_deref(), Ok("detour"));
        assert_eq!(
            stage.mesh.debug("/ready").await.expect("an answer").status,
            200
        );
        fs::create_dir(&root).expect("a directory");
        for (name, content) in &files {
            stage.mesh.manifests().write(name, content);
        }
        stage
            .mesh
            .manifests()
            .write("bad.yaml", &detour(&format!("back {round}")));
        stage.in_force(&format!("back {round}")).await;
        stage.mesh.manifests().write("bad.yaml", &detour("detour"));
        stage.in_force("detour").await;
        stage.nothing_is_wrong().await;
    }
    let _ = fs::remove_dir_all(root.with_extension("aside"));
    end.send(()).expect("the load goes on");
    let tally = load.await.expect("the load ends");
    assert_eq!(
        tally.status(200),
        tally.total(),
        "{tally:?}\n{}",
        stage.log()
    );
    stage.end().await;
}
