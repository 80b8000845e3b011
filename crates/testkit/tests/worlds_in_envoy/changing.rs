//! Worlds that change, through the real control plane and real agents, without capture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::generate::{Edit, Key, World, key};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{ControlPlane, Mesh, Settings, Workload};
use ferromesh_testkit::wait::eventually;
use serde_json::Value;

use crate::dump::{Held, refused};
use crate::{complaints, text};

const OBJECTS: usize = 150;
const BATCHES: usize = 30;
/// After so many batches, all that Envoys hold is compared with what they should hold.
const LOOK: usize = 6;
/// Types of resources, as the control plane's page calls them.
const TYPES: [&str; 5] = ["cluster", "listener", "route", "endpoint", "virtual_host"];
/// Files that many objects share; the others have one each.
const SHARED: usize = 6;
/// The name of a workload that never exists.
const UNKNOWN: &str = "unknown";

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

/// Whether a workload gets a certificate: it exists and runs, and has an account.
fn is_somebody(objects: &[Value], namespace: &str, name: &str) -> bool {
    objects.iter().any(|object| {
        let (kind, of, called) = key(object);
        let has_account = match kind.as_str() {
            "Pod" => object["status"]["phase"] == "Running",
            "WorkloadEntry" => object["spec"]["serviceAccount"].is_string(),
            _ => false,
        };
        has_account && of == namespace && called == name
    })
}

struct Stage {
    workloads: Vec<Workload>,
    mesh: Mesh,
    world: World,
    files: Files,
    seed: u64,
}

/// With a certificate of its own, though it is configured in the clear.
fn with_certificate(settings: Settings, mesh: &Mesh) -> Settings {
    let (state, ca) = (mesh.state(), mesh.secured_xds().to_string());
    let token = state.token(&settings.namespace, &settings.name);
    let root = state.root();
    let arguments = [
        ("--token", token.display().to_string()),
        ("--root-cert", root.display().to_string()),
        ("--ca", ca),
    ];
    arguments.iter().fold(settings, |settings, (flag, value)| {
        settings.argument(flag).argument(value)
    })
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
        let mut names = BTreeSet::from([("alpha".to_owned(), UNKNOWN.to_owned())]);
        while names.len() < 4 {
            names.insert(world.workload());
        }
        let mesh = Mesh::start(manifests).await;
        let mut addresses = Addresses::take();
        let mut workloads = Vec::new();
        for (number, (namespace, name)) in names.into_iter().enumerate() {
            let settings = Settings::new(&name, &namespace, &mut addresses);
            let variant = if number == 1 {
                "state-of-the-world"
            } else {
                "delta"
            };
            let settings = settings.argument("--xds-variant").argument(variant);
            let settings = if is_somebody(&objects, &namespace, &name) {
                with_certificate(settings, &mesh)
            } else {
                settings
            };
            // By TLS, the stream of a workload would end with the edit that takes it away.
            let plane = ControlPlane::Plaintext(mesh.xds());
            workloads.push(Workload::start(settings, plane).await);
        }
        Self {
            workloads,
            mesh,
            world,
            files,
            seed,
        }
    }

    /// Waits until a batch is compiled and published.
    async fn published(&self, batch: usize) {
        let sign = format!("add ConfigMap marker/marker-{batch}");
        let operator = self.mesh.operator();
        operator
            .stderr_line(&sign, |line| {
                let after = line.split_once(&sign).map(|(_, after)| after);
                after.is_some_and(|after| after.starts_with([',', ' ']))
            })
            .await;
    }

    /// Waits until every Envoy has accepted all that it was sent.
    async fn acknowledged(&self, batch: usize) {
        let what = format!("seed {}, batch {batch}", self.seed);
        eventually(&what, async || {
            let all = self.mesh.debug_json("/debug/syncz").await;
            let all = all.as_array().cloned().unwrap_or_default();
            assert_eq!(all.len(), self.workloads.len(), "{all:#?}");
            for one in &all {
                for ty in TYPES {
                    let field = |ending: &str| &one[format!("{ty}_{ending}")];
                    assert!(field("error").is_null(), "{what}: {one:#}");
                    if field("sent") != field("acked") {
                        return Err(format!("{one:#}"));
                    }
                }
            }
            Ok(())
        })
        .await;
    }

    /// Waits until every Envoy holds exactly what the control plane says.
    async fn held(&self, batch: usize) {
        for workload in &self.workloads {
            let Settings {
                name, namespace, ..
            } = workload.settings();
            let page = format!("/debug/config_dump?proxy={name}.{namespace}");
            let what = format!("seed {}, batch {batch}, {name}.{namespace}", self.seed);
            eventually(&what, async || {
                let said = Held::of(&self.mesh.debug_json(&page).await);
                let dump = workload.config_dump().await;
                assert_eq!(refused(&dump), Vec::<String>::new(), "{what}");
                let differences = Held::of(&dump).differs(&said);
                if differences.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{differences:#?}"))
                }
            })
            .await;
        }
    }

    async fn nothing_was_refused(&self) {
        for workload in &self.workloads {
            assert_eq!(complaints(workload), Vec::<String>::new());
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
    stage.held(0).await;
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
        stage.published(batch).await;
        stage.acknowledged(batch).await;
        if batch % LOOK == 0 {
            stage.held(batch).await;
        }
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
