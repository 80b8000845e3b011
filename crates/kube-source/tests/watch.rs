//! A directory that is watched: each change of files is one batch of changes of objects.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_api::{Key, Object};
use ferromesh_kube_source::batch::{Batch, Coverage};
use ferromesh_kube_source::directory::{Watch, load};
use proptest::prelude::*;
use tempfile::TempDir;

struct World {
    parent: TempDir,
    watch: Watch,
    sentinels: usize,
}

impl World {
    /// Watches a directory with these files, and takes the first batch.
    async fn new(files: &[(&str, String)]) -> (Self, Batch) {
        let parent = TempDir::new().expect("a directory");
        let root = parent.path().join("root");
        fs::create_dir(&root).expect("a directory");
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        Self::watch(parent).await
    }

    async fn watch(parent: TempDir) -> (Self, Batch) {
        let watch = Watch::open(&parent.path().join("root"), "shop").expect("a watch");
        let mut world = Self {
            parent,
            watch,
            sentinels: 0,
        };
        let first = world.next().await;
        (world, first)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.parent.path().join("root").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    /// As careful editors write.
    fn replace(&self, name: &str, text: &str) {
        let temporary = self.path(&format!(".{name}.tmp"));
        fs::write(&temporary, text).expect("a file");
        fs::rename(temporary, self.path(name)).expect("a rename");
    }

    async fn next(&mut self) -> Batch {
        tokio::time::timeout(Duration::from_secs(20), self.watch.next())
            .await
            .expect("a batch in time")
            .expect("a living watch")
    }

    /// Nothing has happened since the last batch: the next one knows only what is done now.
    #[track_caller]
    fn quiet(&mut self) -> impl Future<Output = ()> {
        self.sentinels += 1;
        let name = format!("sentinel-{}", self.sentinels);
        self.replace(&format!("{name}.yaml"), &object(&name, 0));
        async move {
            let batch = self.next().await;
            assert_eq!(shown(&batch), [format!("+{name}")]);
        }
    }
}

fn object(name: &str, value: u32) -> String {
    format!("{{apiVersion: v1, kind: Thing, metadata: {{name: {name}}}, spec: {value}}}\n")
}

/// `+` changed, `~` moved, `-` removed, `!` fault; in this order.
fn shown(batch: &Batch) -> Vec<String> {
    let Batch {
        changed,
        moved,
        removed,
        faults,
        coverage,
    } = batch;
    assert_eq!(*coverage, Coverage::Complete);
    let changed = changed
        .iter()
        .map(|located| format!("+{}", located.object.metadata.name));
    let moved = moved
        .iter()
        .map(|located| format!("~{}", located.object.metadata.name));
    let removed = removed.iter().map(|key| format!("-{}", key.name));
    let faults = faults.iter().map(|fault| format!("!{}", fault.code));
    changed.chain(moved).chain(removed).chain(faults).collect()
}

#[tokio::test]
async fn a_missing_directory_is_an_error_at_the_start() {
    let parent = TempDir::new().expect("a directory");
    let error = Watch::open(&parent.path().join("nowhere"), "shop").expect_err("no watch");
    assert!(
        error.to_string().contains("nowhere: No such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_written_file_changes_what_it_changes() {
    let (mut world, first) =
        World::new(&[("a.yaml", object("a", 1) + "---\n" + &object("b", 1))]).await;
    assert_eq!(shown(&first), ["+a", "+b"]);
    // Truncated first: an empty file must not be seen.
    world.write("a.yaml", &(object("a", 1) + "---\n" + &object("b", 2)));
    assert_eq!(shown(&world.next().await), ["+b"]);
    world.replace(
        "a.yaml",
        &("---\n---\n".to_owned() + &object("a", 1) + "---\n" + &object("c", 1)),
    );
    assert_eq!(shown(&world.next().await), ["+c", "~a", "-b"]);
    world.replace(
        "a.yaml",
        &("# only a comment\n---\n---\n".to_owned() + &object("a", 1) + "---\n" + &object("c", 1)),
    );
    world.quiet().await;
    fs::remove_file(world.path("a.yaml")).expect("removed");
    assert_eq!(shown(&world.next().await), ["-a", "-c"]);
    fs::hard_link(world.path("sentinel-1.yaml"), world.path("a.txt")).expect("a link");
    world.quiet().await;
}

#[tokio::test]
async fn an_object_moves_between_files_in_one_batch() {
    let (mut world, _) =
        World::new(&[("a.yaml", object("a", 1)), ("b.yaml", object("b", 1))]).await;
    let there = world.path("b.yaml");
    fs::write(
        world.path(".new"),
        object("b", 1) + "---\n" + &object("a", 1),
    )
    .expect("a file");
    fs::rename(world.path(".new"), &there).expect("renamed");
    fs::remove_file(world.path("a.yaml")).expect("removed");
    assert_eq!(shown(&world.next().await), ["~a"]);
    fs::rename(&there, world.path("c.yaml")).expect("renamed");
    assert_eq!(shown(&world.next().await), ["~b", "~a"]);
    world.quiet().await;
}

#[tokio::test]
async fn a_broken_file_keeps_what_it_said() {
    let (mut world, _) = World::new(&[
        ("a.yaml", object("a", 1) + "---\n" + &object("b", 1)),
        ("c.yaml", object("c", 1)),
    ])
    .await;
    world.write("a.yaml", &(object("a", 2) + "---\n[\n"));
    assert_eq!(shown(&world.next().await), ["!yaml-syntax"]);
    world.write("c.yaml", &object("c", 2));
    assert_eq!(shown(&world.next().await), ["+c", "!yaml-syntax"]);
    world.write("a.yaml", &object("a", 3));
    assert_eq!(shown(&world.next().await), ["+a", "-b"]);
    // An object that can be told is broken alone.
    world.write(
        "a.yaml",
        &(object("d", 1) + "---\n{apiVersion: v1, kind: Thing, metadata: {name: a, labels: 1}}\n"),
    );
    assert_eq!(shown(&world.next().await), ["+d", "!wrong-type"]);
    // What was never readable says what is readable of it.
    world.write("e.yaml", &(object("e", 1) + "---\n[\n"));
    assert_eq!(
        shown(&world.next().await),
        ["+e", "!wrong-type", "!yaml-syntax"]
    );
    fs::remove_file(world.path("e.yaml")).expect("removed");
    assert_eq!(shown(&world.next().await), ["-e", "!wrong-type"]);
}

#[tokio::test]
async fn of_two_files_with_one_key_the_first_counts() {
    let (mut world, first) =
        World::new(&[("b.yaml", object("a", 1)), ("c.yaml", object("a", 2))]).await;
    assert_eq!(shown(&first), ["+a", "!duplicate-object"]);
    assert_eq!(first.changed[0].object.spec(), 1);
    assert!(first.faults[0].file.ends_with("c.yaml"), "{first:?}");
    world.write("a.yaml", &object("a", 3));
    assert_eq!(
        shown(&world.next().await),
        ["+a", "!duplicate-object", "!duplicate-object"]
    );
    fs::remove_file(world.path("a.yaml")).expect("removed");
    fs::remove_file(world.path("b.yaml")).expect("removed");
    let batch = world.next().await;
    assert_eq!(shown(&batch), ["+a"]);
    assert_eq!(batch.changed[0].object.spec(), 2);
}

#[tokio::test]
async fn a_mounted_config_map_changes_at_once() {
    let parent = TempDir::new().expect("a directory");
    let root = parent.path().join("root");
    let version = |number: u32, names: &[&str]| {
        let directory = root.join(format!("..{number}"));
        fs::create_dir_all(&directory).expect("a directory");
        for name in names {
            fs::write(directory.join(format!("{name}.yaml")), object(name, number))
                .expect("a file");
        }
    };
    version(1, &["a", "b"]);
    symlink("..1", root.join("..data")).expect("a link");
    symlink("..data/a.yaml", root.join("a.yaml")).expect("a link");
    symlink("..data/b.yaml", root.join("b.yaml")).expect("a link");
    let (mut world, first) = World::watch(parent).await;
    assert_eq!(shown(&first), ["+a", "+b"]);
    // As the kubelet does it.
    version(2, &["a", "b", "c"]);
    symlink("..2", world.path("..data_tmp")).expect("a link");
    fs::rename(world.path("..data_tmp"), world.path("..data")).expect("renamed");
    symlink("..data/c.yaml", world.path("c.yaml")).expect("a link");
    fs::remove_dir_all(world.path("..1")).expect("removed");
    assert_eq!(shown(&world.next().await), ["+a", "+b", "+c"]);
    world.quiet().await;
}

#[tokio::test]
async fn a_link_to_nowhere_is_a_fault_until_it_leads_somewhere_or_is_gone() {
    let (mut world, _) = World::new(&[("a.txt", object("a", 1))]).await;
    let (target, link) = (world.path("b.txt"), world.path("b.yaml"));
    symlink("a.txt", world.path("a.yaml")).expect("a link");
    assert_eq!(shown(&world.next().await), ["+a"]);
    symlink("b.txt", &link).expect("a link");
    assert_eq!(shown(&world.next().await), ["!missing-file"]);
    fs::write(target, object("b", 1)).expect("a file");
    assert_eq!(shown(&world.next().await), ["+b"]);
    fs::remove_file(world.path("a.txt")).expect("removed");
    assert_eq!(shown(&world.next().await), ["-a", "!missing-file"]);
    fs::remove_file(world.path("a.yaml")).expect("removed");
    assert_eq!(shown(&world.next().await), [] as [&str; 0]);
    world.quiet().await;
}

#[tokio::test]
async fn the_directory_may_be_a_link_that_is_swapped() {
    let parent = TempDir::new().expect("a directory");
    for release in ["1", "2"] {
        let directory = parent.path().join("releases").join(release);
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(
            directory.join("a.yaml"),
            object("a", release.parse().expect("a number")),
        )
        .expect("a file");
    }
    symlink("releases/1", parent.path().join("root")).expect("a link");
    let (mut world, _) = World::watch(parent).await;
    let parent = world.parent.path().to_owned();
    symlink("releases/2", parent.join("new")).expect("a link");
    fs::rename(parent.join("new"), parent.join("root")).expect("renamed");
    assert_eq!(shown(&world.next().await), ["+a"]);
    world.write("a.yaml", &object("a", 3));
    assert_eq!(shown(&world.next().await), ["+a"]);
    fs::write(parent.join("releases/1/a.yaml"), object("a", 4)).expect("a file");
    world.quiet().await;
}

#[tokio::test]
async fn a_directory_that_is_gone_keeps_its_last_state() {
    let (mut world, _) =
        World::new(&[("a.yaml", object("a", 1)), ("d/b.yaml", object("b", 1))]).await;
    let root = world.path("");
    fs::remove_dir_all(&root).expect("removed");
    assert_eq!(shown(&world.next().await), ["!missing-directory"]);
    fs::create_dir_all(world.path("d")).expect("a directory");
    fs::write(world.path("d/b.yaml"), object("b", 2)).expect("a file");
    // What is there now counts again, when it has been seen.
    let mut seen = Vec::new();
    while !(seen.contains(&"-a".to_owned()) && seen.contains(&"+b".to_owned())) {
        let batch = world.next().await;
        assert_eq!(batch.faults, []);
        seen.extend(shown(&batch));
    }
    world.quiet().await;
}

#[tokio::test]
async fn directories_come_and_go() {
    let (mut world, first) = World::new(&[]).await;
    assert_eq!(shown(&first), [] as [&str; 0]);
    fs::create_dir_all(world.path("x/y")).expect("a directory");
    fs::write(world.path("x/y/a.yaml"), object("a", 1)).expect("a file");
    assert_eq!(shown(&world.next().await), ["+a"]);
    fs::write(world.path("x/y/a.yaml"), object("a", 2)).expect("a file");
    assert_eq!(shown(&world.next().await), ["+a"]);
    fs::rename(world.path("x"), world.path("z")).expect("renamed");
    assert_eq!(shown(&world.next().await), ["~a"]);
    fs::write(world.path("z/y/a.yaml"), object("a", 3)).expect("a file");
    assert_eq!(shown(&world.next().await), ["+a"]);
    fs::remove_dir_all(world.path("z")).expect("removed");
    assert_eq!(shown(&world.next().await), ["-a"]);
}

#[derive(Clone, Debug)]
enum Edit {
    /// Writes these objects into a file, in place or by rename.
    Write {
        file: usize,
        objects: Vec<(u8, u32)>,
        by_rename: bool,
    },
    Remove {
        file: usize,
    },
    Rename {
        from: usize,
        to: usize,
    },
    Link {
        from: usize,
        to: usize,
    },
    RemoveDirectory,
}

const FILES: [&str; 6] = [
    "a.yaml",
    "b.yaml",
    "c.yml",
    "d/a.yaml",
    "d/b.yaml",
    "e/f/a.yaml",
];

fn edit() -> impl Strategy<Value = Edit> {
    let file = || 0..FILES.len();
    let objects = prop::collection::vec((0..6u8, 0..3u32), 0..4);
    prop_oneof![
        6 => (file(), objects, any::<bool>()).prop_map(|(file, objects, by_rename)| Edit::Write { file, objects, by_rename }),
        2 => file().prop_map(|file| Edit::Remove { file }),
        2 => (file(), file()).prop_map(|(from, to)| Edit::Rename { from, to }),
        1 => (file(), file()).prop_map(|(from, to)| Edit::Link { from, to }),
        1 => Just(Edit::RemoveDirectory),
    ]
}

/// Does it; whatever can't be done is not done.
fn apply(root: &Path, edit: &Edit) {
    let path = |file: &usize| root.join(FILES[*file]);
    let ready = |file: &usize| {
        fs::create_dir_all(path(file).parent().expect("a parent")).expect("a directory")
    };
    match edit {
        Edit::Write {
            file,
            objects,
            by_rename,
        } => {
            ready(file);
            let text: String = objects
                .iter()
                .map(|(name, value)| object(&format!("o{name}"), *value) + "---\n")
                .collect();
            if *by_rename {
                fs::write(root.join("new.tmp"), text).expect("a file");
                fs::rename(root.join("new.tmp"), path(file)).expect("renamed");
            } else {
                let _ = fs::write(path(file), text);
            }
        }
        Edit::Remove { file } => drop(fs::remove_file(path(file))),
        Edit::Rename { from, to } => {
            ready(to);
            drop(fs::rename(path(from), path(to)));
        }
        Edit::Link { from, to } => {
            ready(to);
            drop(symlink(path(from), path(to)));
        }
        Edit::RemoveDirectory => drop(fs::remove_dir_all(root.join("d"))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn batches_add_up_to_what_is_there(edits in prop::collection::vec((edit(), any::<bool>()), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (mut world, first) = World::new(&[]).await;
            let root = world.path("");
            let mut state: BTreeMap<Key, Arc<Object>> = BTreeMap::new();
            let mut take = |batch: Batch| {
                for key in &batch.removed {
                    assert!(state.remove(key).is_some(), "{key} was not there");
                }
                let mut has_end = false;
                for located in batch.changed {
                    has_end |= &*located.key().name == "end";
                    let before = state.insert(located.key(), located.object.clone());
                    assert_ne!(before.as_ref(), Some(&located.object), "nothing changed");
                }
                for located in batch.moved {
                    assert_eq!(state.get(&located.key()), Some(&located.object));
                }
                has_end.then(|| (state.clone(), batch.faults))
            };
            assert!(take(first).is_none());
            for (edit, wait) in &edits {
                apply(&root, edit);
                if *wait {
                    tokio::task::yield_now().await;
                }
            }
            // Events come in order: who has seen this one has seen all.
            world.replace("end.yaml", &object("end", 0));
            let (state, faults) = loop {
                if let Some(end) = take(world.next().await) {
                    break end;
                }
            };
            let loaded = load(&[root], "shop");
            // What stood in a file that has become unreadable (a loop of links) stays in force,
            // as far as it was seen before.
            if loaded.faults.iter().any(|fault| fault.code == "unreadable-file") {
                return;
            }
            let expected: BTreeMap<_, _> = loaded.objects.iter().map(|l| (l.key(), l.object.clone())).collect();
            assert_eq!(state, expected);
            assert_eq!(faults, loaded.faults);
        });
    }
}
