//! A cluster is in a box: beside others, and gone without a trace.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use ferromesh_testkit::cluster::program::Program;
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::cluster::{Cluster, place};
use ferromesh_testkit::programs;

use crate::echo;

/// What a cluster might leave on its host.
fn traces() -> BTreeSet<String> {
    let lines = |program: &str, arguments: &[&str]| -> Vec<String> {
        let said = check(Command::new(program).args(arguments));
        said.lines().map(str::to_owned).collect()
    };
    let list = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path().display().to_string())
            .collect()
    };
    let groups = list("/sys/fs/cgroup")
        .into_iter()
        .flat_map(|hierarchy| list(&hierarchy));
    let mounts = fs::read_to_string("/proc/self/mounts").expect("the kernel's list");
    [
        mounts.lines().map(str::to_owned).collect(),
        lines("ip", &["-oneline", "route", "show"]),
        lines("nft", &["list", "ruleset"]),
        groups.collect(),
        list("/run"),
        list("/var/lib"),
        list("/var/log"),
        list(&place::clusters().display().to_string()),
    ]
    .concat()
    .into_iter()
    // Other tests make namespaces of their own.
    .filter(|trace| !trace.contains("netns"))
    .collect()
}

#[test]
fn a_second_cluster_serves_beside_the_first_and_leaves_no_trace() {
    let first = Cluster::of_tests();
    let name = format!("second-{}", std::process::id());
    let before = traces();
    let image = programs::image("echo");
    let second = Cluster::start(&name, &first.place().programs, &[image])
        .unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(first.place().node(), second.place().node());
    {
        let room = Room::new(&second, "beside", &[]);
        echo::deploy(&room, 1);
        let answers = room.ask("deployment/echo", &["http://echo/"]);
        assert_eq!(answers[0]["status"], 200, "{answers:?}");
    }
    assert_ne!(traces(), before, "nothing that could stay is seen");
    Cluster::remove(&name).unwrap_or_else(|error| panic!("{error}"));
    assert!(!second.runs(Program::ApiServer));
    let after = traces();
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(first.runs(Program::ApiServer));
}
