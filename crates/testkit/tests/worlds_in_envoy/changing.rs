//! Worlds that change, through the real control plane and real agents, without capture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::generate::{Edit, Key, World, key};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;
use serde_json::Value;

use crate::dump::{Held, refused};
use crate::text;

const OBJECTS: usize = 150;
const BATCHES: usize = 25;
/// Files that many objects share; the others have one each.
const SHARED: usize = 6;

/// Which object stands in which file.
#[derive(Default)]
struct Files {
    homes: BTreeMap<Key, String>,
    contents: BTreeMap<String, BTreeMap<Key, String>>,
    dirty: BTreeSet<String>,
}

impl Files {
    fn put(&mut self, world: &mut World, object: &Value) {
        let key = key(object);
        let dice = world.dice();
        // Sometimes an object moves.
        if dice.percent(5) {
            self.take(&key);
        }
        let home = self.homes.entry(key.clone()).or_insert_with(|| {
            if dice.percent(50) {
                format!("shared/{}.yaml", dice.below(SHARED))
            } else {
                let (kind, namespace, name) = &key;
                format!("{namespace}/{kind}-{name}-{}.yaml", dice.below(2))
            }
        });
        self.dirty.insert(home.clone());
        self.contents
            .entry(home.clone())
            .or_default()
            .insert(key, text(object));
    }

    fn take(&mut self, key: &Key) {
        if let Some(home) = self.homes.remove(key) {
            if let Some(content) = self.contents.get_mut(&home) {
                content.remove(key);
            }
            self.dirty.insert(home);
        }
    }

    fn edit(&mut self, world: &mut World) {
        match world.edit() {
            Edit::Apply(object) => self.put(world, &object),
            Edit::Delete(object) => self.take(&key(&object)),
        }
    }

    /// Writes what has changed.
    fn write(&mut self, manifests: &Manifests) {
        for file in std::mem::take(&mut self.dirty) {
            let content = self
                .contents
                .get(&file)
                .filter(|content| !content.is_empty());
            match content {
                Some(content) => {
                    let documents: Vec<_> = content.values().map(String::as_str).collect();
                    manifests.write(&file, &documents.join("\n---\n"));
                }
                // It may never have been written.
                None => drop(fs::remove_file(manifests.path().join(&file))),
            }
        }
    }
}

/// An object without any effect, which tells how far the control plane has read.
fn marker(number: usize) -> String {
    format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: marker-{number}, namespace: marker}}}}\n"
    )
}

/// First among the places of a change, and written last.
const MARKER: &str = "0-marker.yaml";

struct Stage {
    workloads: Vec<(Workload, bool)>,
    mesh: Mesh,
    world: World,
    files: Files,
    seed: u64,
}

impl Stage {
    async fn set(seed: u64) -> Self {
        let mut world = World::new(seed, OBJECTS);
        let mut files = Files::default();
        let objects: Vec<_> = world.objects().cloned().collect();
        for object in &objects {
            files.put(&mut world, object);
        }
        let manifests = Manifests::new();
        files.write(&manifests);
        manifests.write(MARKER, &marker(0));
        let mut names = BTreeSet::from([("alpha".to_owned(), "unknown".to_owned())]);
        while names.len() < 4 {
            names.insert(world.workload());
        }
        let mesh = Mesh::start(manifests).await;
        let mut addresses = Addresses::take();
        let mut workloads = Vec::new();
        for (number, (namespace, name)) in names.into_iter().enumerate() {
            let settings = Settings::new(&name, &namespace, &mut addresses);
            let is_delta = number != 1;
            let variant = if is_delta {
                "delta"
            } else {
                "state-of-the-world"
            };
            let settings = settings.argument("--xds-variant").argument(variant);
            workloads.push((mesh.workload(settings).await, is_delta));
        }
        Self {
            workloads,
            mesh,
            world,
            files,
            seed,
        }
    }

    /// Waits until every Envoy holds exactly what the control plane says.
    async fn settled(&self, batch: usize) {
        let seed = self.seed;
        self.mesh
            .operator()
            .stderr_line(&format!("marker {batch}"), |line| {
                batch == 0
                    || line.contains(&format!("add ConfigMap marker/marker-{batch},"))
                    || line.contains(&format!("add ConfigMap marker/marker-{batch} "))
            })
            .await;
        eventually(
            &format!("seed {seed}, batch {batch}: all acknowledge"),
            async || {
                let all = self.mesh.debug_json("/debug/syncz").await;
                let all = all.as_array().cloned().unwrap_or_default();
                assert_eq!(all.len(), self.workloads.len(), "{all:#?}");
                for one in &all {
                    for kind in ["cluster", "listener", "route", "endpoint", "virtual_host"] {
                        let error = &one[format!("{kind}_error")];
                        assert!(error.is_null(), "seed {seed}, batch {batch}: {one:#}");
                        let (sent, acknowledged) =
                            (&one[format!("{kind}_sent")], &one[format!("{kind}_acked")]);
                        if sent != acknowledged {
                            return Err(format!("{one:#}"));
                        }
                    }
                }
                Ok(())
            },
        )
        .await;
        for (workload, is_delta) in &self.workloads {
            let Settings {
                name, namespace, ..
            } = workload.settings();
            let page = format!("/debug/config_dump?proxy={name}.{namespace}");
            eventually(
                &format!("seed {seed}, batch {batch}: {name}.{namespace} holds everything"),
                async || {
                    let said = Held::of(&self.mesh.debug_json(&page).await);
                    let dump = workload.config_dump().await;
                    assert_eq!(
                        refused(&dump),
                        Vec::<String>::new(),
                        "seed {seed}, batch {batch}"
                    );
                    let lacks = Held::of(&dump).lacks(&said, *is_delta);
                    if lacks.is_empty() {
                        Ok(())
                    } else {
                        Err(format!("{lacks:#?}"))
                    }
                },
            )
            .await;
        }
    }

    async fn nothing_was_refused(&self) {
        for (workload, _) in &self.workloads {
            let stats = workload.stats().await;
            for (name, value) in &stats {
                let is_bad = name.ends_with("update_rejected")
                    || name.ends_with("update_failure") && !name.contains("dns")
                    || name == "cluster_manager.warming_clusters"
                    || name == "listener_manager.total_listeners_warming"
                    || name.starts_with("listener_manager.listener_create_failure");
                assert!(
                    !is_bad || *value == 0,
                    "{}: {name} is {value}",
                    workload.settings().name
                );
            }
            for needed in [
                "cluster_manager.cds.update_rejected",
                "listener_manager.lds.update_rejected",
                "cluster_manager.warming_clusters",
            ] {
                assert!(stats.contains_key(needed), "{needed} is not counted");
            }
        }
        let metrics = self.mesh.debug("/metrics").await.expect("metrics").text();
        let rejects: Vec<_> = metrics
            .lines()
            .filter(|line| line.contains("reject") && !line.starts_with('#'))
            .collect();
        assert!(rejects.len() >= 5, "{rejects:?}");
        assert!(
            rejects.iter().all(|line| line.ends_with(" 0")),
            "{rejects:#?}"
        );
        assert!(
            !self.mesh.operator().log().contains("panicked"),
            "{}",
            self.mesh.operator().log()
        );
    }
}

async fn check(seed: u64) {
    let mut stage = Stage::set(seed).await;
    stage.settled(0).await;
    let mut edits = 0;
    for batch in 1..=BATCHES {
        for _ in 0..=stage.world.dice().below(10) {
            let Stage { world, files, .. } = &mut stage;
            files.edit(world);
            edits += 1;
        }
        let manifests = stage.mesh.manifests();
        stage.files.write(manifests);
        manifests.write(MARKER, &marker(batch));
        stage.settled(batch).await;
    }
    stage.nothing_was_refused().await;
    let pushes = stage.mesh.debug("/metrics").await.expect("metrics").text();
    let pushes: Vec<_> = pushes
        .lines()
        .filter(|line| line.starts_with("ferromesh_xds_sent_resources{"))
        .collect();
    println!("seed {seed}: {edits} edits, {pushes:?}");
}

#[tokio::test]
async fn one_world_changes_without_a_refusal() {
    check(1).await;
}

#[tokio::test]
async fn another_world_changes_without_a_refusal() {
    check(2).await;
}

#[tokio::test]
async fn a_third_world_changes_without_a_refusal() {
    check(3).await;
}
