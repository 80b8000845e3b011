//! Programs as child processes: started, listened to, ended, and never left behind.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use ferromesh_chassis::leash;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;

use crate::programs;
use crate::wait::DEADLINE;

/// How many lines of an output are remembered.
const MOST_LINES: usize = 40_000;

/// What a program has said on one of its outputs.
#[derive(Clone, Debug, Default)]
struct Output {
    lines: Vec<String>,
    closed: bool,
}

impl Output {
    /// The demo runs for days: what is old is forgotten.
    fn push(&mut self, line: String) {
        if self.lines.len() >= MOST_LINES {
            self.lines.drain(..MOST_LINES / 2);
        }
        self.lines.push(line);
    }
}

/// A child process. Dropping it kills it with all of its group; when a test fails, its output is printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    stdout: watch::Receiver<Output>,
    stderr: watch::Receiver<Output>,
}

/// The command that runs one of our programs on a leash: it dies with the thread that starts it, even of SIGKILL.
pub fn command(name: &str) -> Command {
    leashed(&programs::program(name))
}

/// The command that runs any program on a leash.
pub fn leashed(program: &Path) -> Command {
    leash::command(programs::program("ferromesh-agent"), program)
}

impl Process {
    /// Starts a command; the name is for messages.
    ///
    /// Call it from the test's own thread, or from one that lives as long as the process shall.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn start(name: &str, mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let stdout = listen(child.stdout.take().expect("stdout is piped"));
        let stderr = listen(child.stderr.take().expect("stderr is piped"));
        Self {
            name: name.to_owned(),
            child,
            status: None,
            stdout,
            stderr,
        }
    }

    /// Starts one of our programs with these arguments.
    ///
    /// # Panics
    /// When it hasn't been built or can't be started.
    pub fn run<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = command(name);
        command.args(arguments);
        Self::start(name, command)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The addresses that the program has announced on standard output, by name.
    ///
    /// # Panics
    /// When it ends before, or takes too long.
    pub async fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        let line = self
            .stdout_line("its addresses", |line| {
                line.starts_with('{') && line.contains("\"addresses\"")
            })
            .await;
        let announced: serde_json::Value =
            serde_json::from_str(&line).expect("the announcement is JSON");
        let addresses = announced["addresses"]
            .as_object()
            .expect("the announcement has addresses");
        let parse = |text: &serde_json::Value| {
            text.as_str()
                .and_then(|text| text.parse().ok())
                .expect("an address")
        };
        addresses
            .iter()
            .map(|(name, address)| (name.clone(), parse(address)))
            .collect()
    }

    /// Waits for a line on standard output.
    ///
    /// # Panics
    /// When the program ends before, or takes too long.
    pub async fn stdout_line(&self, what: &str, accept: impl Fn(&str) -> bool) -> String {
        self.line(&self.stdout, what, accept).await
    }

    /// Waits for a line on standard error, where our programs log.
    ///
    /// # Panics
    /// When the program ends before, or takes too long.
    pub async fn stderr_line(&self, what: &str, accept: impl Fn(&str) -> bool) -> String {
        self.line(&self.stderr, what, accept).await
    }

    async fn line(
        &self,
        output: &watch::Receiver<Output>,
        what: &str,
        accept: impl Fn(&str) -> bool,
    ) -> String {
        let mut output = output.clone();
        let find = |output: &Output| output.lines.iter().find(|line| accept(line)).cloned();
        let waited = output.wait_for(|output| output.closed || find(output).is_some());
        let found = match tokio::time::timeout(DEADLINE, waited).await {
            Ok(Ok(output)) => find(&output),
            Ok(Err(_)) | Err(_) => None,
        };
        found.unwrap_or_else(|| {
            panic!(
                "{} did not say {what} within {DEADLINE:?}, or ended\n{}",
                self.name,
                self.log()
            )
        })
    }

    /// What it has said on standard output until now.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.borrow().lines.clone()
    }

    /// What it has said on standard error until now.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.borrow().lines.clone()
    }

    /// All that it has said, for messages.
    pub fn log(&self) -> String {
        let name = &self.name;
        let part = |output: &str, lines: &[String]| {
            lines
                .iter()
                .map(|line| format!("{name} {output}: {line}\n"))
                .collect::<String>()
        };
        part("out", &self.stdout()) + &part("err", &self.stderr())
    }

    /// Sends a signal to the process itself.
    pub fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            // It may have ended in this moment.
            let _ = kill_process(self.pid(), signal);
        }
    }

    /// Asks it to end, as an orchestrator does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended and closed its outputs.
    ///
    /// # Panics
    /// When it takes longer than the usual deadline.
    pub async fn ended(&mut self) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        let closed = async {
            for output in [&self.stdout, &self.stderr] {
                let _ = output.clone().wait_for(|output| output.closed).await;
            }
        };
        if tokio::time::timeout(DEADLINE, closed).await.is_err() {
            panic!(
                "{} did not end within {DEADLINE:?}\n{}",
                self.name,
                self.log()
            );
        }
        let status = self.child.wait().expect("a child can be waited for");
        self.status = Some(status);
        status
    }

    /// Kills it with its group and waits for its end.
    pub fn kill(&mut self) {
        if self.status.is_none() {
            let _ = kill_process_group(self.pid(), Signal::KILL);
            self.status = Some(
                self.child
                    .wait()
                    .unwrap_or_else(|_| ExitStatus::from_raw(0)),
            );
        }
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id is positive")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprint!("{}", self.log());
        }
    }
}

/// Collects lines in a thread, so that a program never waits for a test which is busy.
fn listen(stream: impl Read + Send + 'static) -> watch::Receiver<Output> {
    let (sender, receiver) = watch::channel(Output::default());
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            sender.send_modify(|output| output.push(text));
            line.clear();
        }
        sender.send_modify(|output| output.closed = true);
    });
    receiver
}
