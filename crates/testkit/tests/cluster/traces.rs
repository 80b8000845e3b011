//! A cluster is in a box: beside others, and gone without a trace.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::own::Own;
use ferromesh_testkit::cluster::place::Place;
use ferromesh_testkit::cluster::program::Program;
use ferromesh_testkit::cluster::record::Record;
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::programs;

use crate::echo;

/// What clusters might leave on their host, without what other clusters have there now.
fn traces(own: &str) -> BTreeSet<String> {
    let mut clusters = Record::all();
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
    let found = [
        mounts.lines().map(str::to_owned).collect(),
        lines("ip", &["-oneline", "route", "show"]),
        lines("nft", &["list", "ruleset"]),
        groups.collect(),
        list("/sys/class/net"),
        list("/run"),
        list("/var/lib"),
        list("/var/log"),
    ]
    .concat();
    // Other tests start and remove clusters meanwhile, and make network namespaces of their own.
    clusters.extend(Record::all());
    let is_foreign = |trace: &String| {
        let of = |record: &Record| record.place.name != own && is_of(trace, &record.place);
        trace.contains("netns") || clusters.iter().any(of)
    };
    found
        .into_iter()
        .filter(|trace| !is_foreign(trace))
        .collect()
}

fn is_of(trace: &str, place: &Place) -> bool {
    let network = format!("10.77.{}.", place.number);
    trace.split([' ', '/', ',', '@', ':']).any(|word| {
        word == place.interface() || word == place.control_group() || word.starts_with(&network)
    })
}

#[test]
fn a_second_cluster_serves_beside_the_first_and_leaves_no_trace() {
    let first = Cluster::of_tests();
    let name = format!("second-{}", std::process::id());
    let before = traces(&name);
    let second = Own::start("second", &[programs::image("echo")]);
    let place = second.place().clone();
    assert_eq!(place.name, name);
    assert_ne!(first.place().node(), second.place().node());
    {
        let room = Room::new(&second, "beside", &[]);
        echo::deploy(&room, 1);
        let answers = room.ask("deployment/echo", &["http://echo/"]);
        assert_eq!(answers[0]["status"], 200, "{answers:?}");
    }
    assert_ne!(traces(&name), before, "nothing that could stay is seen");
    drop(second);
    let after = traces(&name);
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!place.folder.exists());
    assert!(first.runs(Program::ApiServer));
}
