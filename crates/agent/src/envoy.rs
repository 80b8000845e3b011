//! The Envoy process: finding it, starting it on a leash, relaying its logs, ending it.

mod relay;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ferromesh_chassis::{Failure, leash};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::sds::guest::Guest;
use crate::settings::Settings;
use relay::Relay;

/// How long Envoy may take to end after SIGTERM. It needs some 10 ms.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long listeners that the control plane removes or replaces keep their connections, in seconds. As in Istio.
const DRAIN_SECONDS: &str = "45";

/// The Envoy to run: the given one, or that of `PATH`.
///
/// # Errors
/// When it isn't there or can't be run.
pub fn find(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let Some(path) = given else {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&paths).map(|folder| folder.join("envoy"));
        return places
            .find(|place| executable(place).is_ok())
            .ok_or_else(|| Failure::new("there is no envoy in PATH; name one by --envoy PATH"));
    };
    match executable(&path) {
        Ok(()) => Ok(path),
        Err(why) => Err(Failure::new(format!("--envoy {}: {why}", path.display()))),
    }
}

fn executable(path: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err("not an executable file".to_owned());
    }
    Ok(())
}

/// A running Envoy. Dropping it kills it.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    relay: Relay,
    admin: SocketAddr,
}

impl Envoy {
    /// Starts Envoy as the guest of the secrets, and waits until its admin interface listens.
    ///
    /// # Errors
    /// When it ends before that, with what it said.
    pub async fn start(
        settings: &Settings,
        bootstrap: String,
        guest: &Guest,
    ) -> Result<Self, Failure> {
        let program = settings.envoy.display();
        let fault =
            |error: std::io::Error| Failure::new(format!("cannot start {program}: {error}"));
        // Envoy tells its admin address by a file. That file is the pipe which is its standard input, so none is left behind.
        let (reader, writer) = std::io::pipe().map_err(fault)?;
        let mut told = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(fault)?;
        let mut command = leash::command("/proc/self/exe", &settings.envoy);
        command
            .args(arguments(settings, &bootstrap))
            .stdin(writer)
            .stdout(Stdio::inherit())
            .stderr(Stdio::piped());
        let mut command = Command::from(command);
        // Its own group: Ctrl-C in a terminal must reach the agent only, which drains first.
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(fault)?;
        // The leash becomes Envoy: its number stays.
        child.id().into_iter().for_each(|id| guest.expect(id));
        // The command holds our copy of the pipe's other end, without which the end of Envoy would go unnoticed.
        drop(command);
        let mut relay = Relay::start(child.stderr.take());

        let mut text = [0; 64];
        let length = told.read(&mut text).await.map_err(fault)?;
        let admin = text
            .get(..length)
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.parse().ok());
        match admin {
            Some(admin) => Ok(Self {
                child,
                relay,
                admin,
            }),
            None => {
                let _ = child.start_kill();
                let status = child.wait().await.map_err(fault)?;
                let said = relay.finish().await.unwrap_or_else(|| status.to_string());
                Err(Failure::new(format!("{program} did not start: {said}")))
            }
        }
    }

    /// Where its admin interface listens.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Waits until Envoy ends by itself, and says how.
    pub async fn ended(&mut self) -> String {
        let status = describe(self.child.wait().await);
        match self.relay.finish().await {
            Some(said) => format!("{status}: {said}"),
            None => status,
        }
    }

    /// Ends Envoy: by SIGTERM, and by SIGKILL if that doesn't help.
    pub async fn stop(mut self) {
        if let Some(pid) = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
        {
            // It may have ended in this moment, which is what we want.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .is_err()
        {
            tracing::warn!("envoy does not end, it is killed");
            let _ = self.child.kill().await;
        }
        self.relay.finish().await;
    }
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

fn arguments(settings: &Settings, bootstrap: &str) -> Vec<OsString> {
    let concurrency = settings.concurrency.to_string();
    let words = [
        "--config-yaml",
        bootstrap,
        "--admin-address-path",
        "/proc/self/fd/0",
        "--concurrency",
        &concurrency,
        // Without it, two Envoys would meet in shared memory, which a killed one leaves behind.
        "--disable-hot-restart",
        "--drain-time-s",
        DRAIN_SECONDS,
        "--drain-strategy",
        "immediate",
        "--log-level",
        &settings.envoy_log_level,
        // Istio's value: who looks at an access log doesn't want to wait for Envoy's 10 s.
        "--file-flush-interval-msec",
        "1000",
        // Says for every route that a field will go some day, which Istio sets, too.
        "--component-log-level",
        "misc:error",
        "--log-format",
        relay::FORMAT,
        "--log-format-escaped",
        "--log-stacktrace-single-entry",
    ];
    words.map(OsString::from).into()
}
