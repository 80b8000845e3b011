//! How a cluster comes up: what waits for what.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ferromesh_chassis::Failure;

use super::claim::Claim;
use super::place::{self, Place};
use super::processes::Process;
use super::program::Program;
use super::record::Record;
use super::{Cluster, at, configuration, host, identities, until};

/// How long each step may take. It normally takes seconds; machines are slow at times.
const STEP: Duration = Duration::from_secs(90);

/// Returns the cluster with this name, started if it doesn't run, ready for pods.
///
/// # Errors
/// When something is missing or doesn't come up.
pub fn start(name: &str, programs: &Path, images: &[PathBuf]) -> Result<Cluster, Failure> {
    host::check()?;
    let folder = place::folder(name)?;
    let claim = Claim::take(&folder)?;
    if let Some(record) = Record::read(name)? {
        if record.leader.is_alive() && complete(&record.place).exists() {
            let cluster = Cluster { record };
            cluster.resume()?;
            images.iter().try_for_each(|image| cluster.import(image))?;
            return Ok(cluster);
        }
        // Its start was interrupted, or it is over. The folder goes, too, so the claim holds nothing.
        super::clear(&record)?;
        drop(claim);
        return start(name, programs, images);
    }
    host::check_watchers()?;
    let place = settle(name, folder, programs)?;
    match begin(place.clone(), images) {
        Ok(cluster) => Ok(cluster),
        Err(error) => Err(Failure::new(format!(
            "{error} (what there is of the cluster stays for a look at {}, until it is removed)",
            place.log().display()
        ))),
    }
}

/// Chooses a number and writes it down, before anything that needs to be removed is made.
fn settle(name: &str, folder: PathBuf, programs: &Path) -> Result<Place, Failure> {
    let programs = fs::canonicalize(programs).map_err(at(programs))?;
    let _all = Claim::take(&place::clusters())?;
    let taken: Vec<u8> = Record::all()
        .iter()
        .map(|record| record.place.number)
        .collect();
    let place = Place {
        name: name.to_owned(),
        number: place::free_number(&taken)?,
        folder,
        programs,
    };
    Record {
        place: place.clone(),
        leader: Process::NOBODY,
    }
    .write()?;
    Ok(place)
}

fn begin(place: Place, images: &[PathBuf]) -> Result<Cluster, Failure> {
    for folder in [place.log(), place.lib(), place.identities()] {
        fs::create_dir_all(&folder).map_err(at(&folder))?;
    }
    configuration::write(&place)?;
    identities::write(&place)?;
    host::make_control_groups(&place)?;
    let leader = host::unshare(&place)?;
    let record = Record { place, leader };
    record.write()?;
    let cluster = Cluster { record };
    for program in [Program::Containerd, Program::Etcd, Program::ApiServer] {
        cluster.run(program)?;
    }
    std::thread::scope(|scope| {
        // The first pod waits for a minute if the kubelet runs before the image of `pause` is there.
        let own = scope.spawn(|| cluster.import_own());
        cluster.wait_for_api()?;
        joined(own)?;
        let rest = scope.spawn(|| images.iter().try_for_each(|image| cluster.import(image)));
        for program in Program::ALL {
            if !cluster.runs(program) {
                cluster.run(program)?;
            }
        }
        cluster.wait_for_node()?;
        joined(rest)
    })?;
    let complete = complete(cluster.place());
    fs::write(&complete, "").map_err(at(&complete))?;
    Ok(cluster)
}

/// A file that is there since a cluster was ready for the first time.
fn complete(place: &Place) -> PathBuf {
    place.folder.join("complete")
}

fn joined(thread: std::thread::ScopedJoinHandle<'_, Result<(), Failure>>) -> Result<(), Failure> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Cluster {
    /// Runs again what has ended, if something has.
    fn resume(&self) -> Result<(), Failure> {
        let ended = |program: &Program| !self.runs(*program);
        let ended: Vec<_> = Program::ALL.into_iter().filter(ended).collect();
        if ended.is_empty() {
            return Ok(());
        }
        ended
            .into_iter()
            .try_for_each(|program| self.run(program))?;
        self.wait_for_api()?;
        self.wait_for_node()
    }

    /// The images without which no pod runs.
    fn import_own(&self) -> Result<(), Failure> {
        until(STEP, "containerd answers", || {
            self.watch_over(&[Program::Containerd])?;
            host::run(self.inside("ctr").args(["version"])).map_err(|error| error.to_string())
        })?;
        ["pause", "coredns"].into_iter().try_for_each(|image| {
            self.import(&self.place().program("images").join(format!("{image}.tar")))
        })
    }

    /// Waits until the API server has all that it needs, the built-in roles among it.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub fn wait_for_api(&self) -> Result<(), Failure> {
        until(STEP, "the API server is ready", || {
            self.watch_over(&[Program::Etcd, Program::ApiServer])?;
            host::run(self.kubectl().args(["get", "--raw", "/readyz"]))
                .map_err(|error| error.to_string())
        })
        .map(|_| ())
    }

    /// Waits until the node is ready and names are answered.
    fn wait_for_node(&self) -> Result<(), Failure> {
        let dns = self.place().configuration().join("coredns.yaml");
        host::run(
            self.kubectl()
                .args(["apply", "--server-side", "-f"])
                .arg(dns),
        )?;
        until(STEP, "the node is ready", || {
            self.watch_over(&Program::ALL)?;
            let node = ["get", "node", "node1", "--output"];
            let ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
            match host::run(self.kubectl().args(node).arg(ready)) {
                Ok(status) if status == "True" => Ok(()),
                Ok(status) => Err(format!("Ready is {status:?}")),
                Err(error) => Err(error.to_string()),
            }
        })?;
        let rollout = ["rollout", "status", "deployment/coredns", "--timeout=90s"];
        host::run(
            self.kubectl()
                .args(["--namespace", "kube-system"])
                .args(rollout),
        )
        .map(|_| ())
    }

    /// Says which of these programs has ended.
    fn watch_over(&self, programs: &[Program]) -> Result<(), String> {
        for program in programs {
            if !self.runs(*program) {
                return Err(format!(
                    "{} has ended; {}",
                    program.name(),
                    host::last_lines(&self.log(*program))
                ));
            }
        }
        Ok(())
    }
}
