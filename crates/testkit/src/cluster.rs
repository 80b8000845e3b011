//! A real Kubernetes cluster of one node, in namespaces of its own, from programs that are built from source.
//!
//! Everything ends with the first process in there, so that removing a cluster takes one signal, and the host has nothing
//! of it but a cable, control groups and a folder. It needs Linux and root. `make cluster` starts one for a person, and
//! `make e2e` one for the tests in `crates/testkit/tests/cluster/`, which [join](Cluster::of_tests) it.
//!
//! Reading order: [`place`], [`program`], `configuration`, `identities`; `host` and `inner.sh`; `start`; [`room`] and [`own`], which tests are
//! made of.

mod claim;
mod configuration;
mod host;
mod identities;
pub mod installation;
pub mod own;
pub mod place;
pub mod processes;
pub mod program;
pub mod record;
pub mod room;
mod start;

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ferromesh_chassis::Failure;
use rustix::process::Signal;

use place::Place;
use program::Program;
use record::Record;

/// Environment variable: the name of the cluster that tests use.
pub const NAME: &str = "FERROMESH_CLUSTER";

/// Where programs of the cluster find programs.
const PATH: &str =
    "/run/cluster/programs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A cluster that runs. Dropping it leaves it running: it belongs to whoever started it.
#[derive(Clone, Debug)]
pub struct Cluster {
    record: Record,
}

impl Cluster {
    /// Returns the cluster with this name, started from these programs if it doesn't run, ready for pods of these images.
    ///
    /// # Errors
    /// When something is missing or doesn't come up; then what is there of it stays, for its logs.
    pub fn start(name: &str, programs: &Path, images: &[PathBuf]) -> Result<Self, Failure> {
        start::start(name, programs, images)
    }

    /// The cluster with this name, which runs already.
    ///
    /// # Errors
    /// When it doesn't.
    pub fn join(name: &str) -> Result<Self, Failure> {
        match Record::read(name)? {
            Some(record) if record.leader.is_alive() => Ok(Self { record }),
            Some(_) | None => Err(Failure::new(format!(
                "the cluster {name:?} doesn't run; start it by `make cluster NAME={name}`"
            ))),
        }
    }

    /// The cluster that `make e2e` has started for its tests, by [`NAME`].
    ///
    /// # Panics
    /// When there is none.
    pub fn of_tests() -> Self {
        let name = std::env::var(NAME)
            .unwrap_or_else(|_| panic!("{NAME} doesn't say which cluster to use; run `make e2e`"));
        Self::join(&name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Says what this machine lacks.
    ///
    /// # Errors
    /// When it isn't Linux, this isn't root, or a program is missing.
    pub fn check() -> Result<(), Failure> {
        host::check()
    }

    /// Copies what a cluster has said, whether it runs or not, to a new folder.
    ///
    /// # Errors
    /// When it can't be copied.
    pub fn keep_logs(name: &str, to: &Path) -> Result<(), Failure> {
        let Some(Record { place, leader: _ }) = Record::read(name)? else {
            return Ok(());
        };
        host::run(Command::new("cp").arg("-r").arg(place.log()).arg(to)).map(|_| ())
    }

    /// Removes the cluster with this name and every trace of it, whether it runs or not.
    ///
    /// # Errors
    /// When it resists.
    pub fn remove(name: &str) -> Result<(), Failure> {
        host::check()?;
        let folder = place::folder(name)?;
        if !folder.exists() {
            return Ok(());
        }
        let _claim = claim::Claim::take(&folder)?;
        match Record::read(name)? {
            Some(record) => clear(&record)?,
            None => fs::remove_dir_all(&folder).map_err(at(&folder))?,
        }
        // The folder of all clusters goes with the last one.
        let _ = fs::remove_dir(place::clusters());
        Ok(())
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.record.place
    }

    /// The first process in its namespaces, for `nsenter --target`.
    pub fn leader(&self) -> u32 {
        self.record.leader.id
    }

    /// The configuration of clients which may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.place().kubeconfig()
    }

    /// A command that runs one of the cluster's programs, or one of the host's, inside of it.
    pub fn inside(&self, program: &str) -> Command {
        let own = self.place().program(program);
        let mut command = self.enter(&["--mount", "--net", "--pid", "--uts", "--ipc"]);
        if own.exists() {
            command.arg(Path::new("/run/cluster/programs").join(program));
        } else {
            command.arg(program);
        }
        // Nothing of the host's environment, proxies for example, gets in.
        command.env_clear().env("PATH", PATH).env("HOME", "/root");
        command
    }

    /// A command that runs one of the host's programs in the network of the cluster: it reaches pods and virtual addresses.
    pub fn on_network(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.enter(&["--net"]);
        command.arg(program);
        command
    }

    fn enter(&self, namespaces: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.leader()))
            .args(namespaces)
            .arg("--");
        command
    }

    /// `kubectl`, with all rights.
    pub fn kubectl(&self) -> Command {
        self.client("kubectl")
    }

    /// `helm`, with all rights. What it remembers stays with the cluster.
    pub fn helm(&self) -> Command {
        self.client("helm")
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.place().program(program));
        command
            .env("KUBECONFIG", self.kubeconfig())
            // What they keep between calls goes with the cluster.
            .env("HOME", self.place().folder.join("home"))
            .env("KUBECACHEDIR", self.place().folder.join("home"))
            .stdin(Stdio::null());
        for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
            command
                .env_remove(proxy)
                .env_remove(proxy.to_ascii_uppercase());
        }
        command
    }

    /// Loads an archive of images.
    ///
    /// # Errors
    /// When it can't be read or is none.
    pub fn import(&self, archive: &Path) -> Result<(), Failure> {
        let file = File::open(archive).map_err(at(archive))?;
        let arguments = ["--namespace", "k8s.io", "images", "import", "-"];
        host::run(self.inside("ctr").args(arguments).stdin(file))
            .map(|_| ())
            .map_err(|error| Failure::new(format!("{}: {error}", archive.display())))
    }

    /// Whether a program runs.
    pub fn runs(&self, program: Program) -> bool {
        !self.processes(program).is_empty()
    }

    /// The processes of a program: one or none.
    pub fn processes(&self, program: Program) -> Vec<processes::Process> {
        self.record.leader.companions(program.name())
    }

    /// Starts a program that doesn't run.
    ///
    /// # Errors
    /// When it can't be started. Whether it stays is another matter.
    pub fn run(&self, program: Program) -> Result<(), Failure> {
        let log = self.log(program);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(at(&log))?;
        let mut command = self.inside("setsid");
        // The first process of the namespaces adopts it.
        command
            .arg("--fork")
            .arg(Path::new("/run/cluster/programs").join(program.name()))
            .args(program.arguments(self.place()))
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(at(&log))?)
            .stderr(file);
        host::run(&mut command)?;
        until(Duration::from_secs(5), program.name(), || {
            if self.runs(program) {
                Ok(())
            } else {
                Err(format!("it doesn't run; {}", host::last_lines(&log)))
            }
        })
    }

    /// Ends a program, by force, and waits for its end.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn kill(&self, program: Program) -> Result<(), Failure> {
        // One that is ending has no command line any more by which it is found, and its ports still.
        let ending = self.processes(program);
        self.signal(program, Signal::KILL);
        until(Duration::from_secs(10), program.name(), || {
            if self.runs(program) || ending.iter().any(|process| process.is_alive()) {
                Err("it still runs".to_owned())
            } else {
                Ok(())
            }
        })
    }

    /// Sends a signal to a program.
    pub fn signal(&self, program: Program, signal: Signal) {
        for process in self.processes(program) {
            process.signal(signal);
        }
    }

    /// What a program says is written there.
    pub fn log(&self, program: Program) -> PathBuf {
        self.place().log().join(format!("{}.log", program.name()))
    }
}

/// Removes whatever there is of a cluster.
fn clear(record: &Record) -> Result<(), Failure> {
    let Record { place, leader } = record;
    host::clear(*leader, &place.interface(), &place.control_group())?;
    fs::remove_dir_all(&place.folder).map_err(at(&place.folder))
}

/// Looks again and again until there is a value; the error says what is still missing.
fn until<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, Failure> {
    let end = Instant::now() + deadline;
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= end => {
                return Err(Failure::new(format!(
                    "{what}: not within {deadline:?}: {error}"
                )));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}

fn fault<E: Display>(what: &str) -> impl Fn(E) -> Failure + '_ {
    move |error| Failure::new(format!("{what}: {error}"))
}
