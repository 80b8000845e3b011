//! The process under measurement.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::cost;

/// A server in a process of its own, ended when dropped.
pub struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Where it serves xDS.
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts the control plane on a directory and waits until it serves.
    pub fn operator(program: &Path, directory: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg("--source")
            .arg(format!("dir:{}", directory.display()))
            .args(["--plaintext-xds-address", "127.0.0.1:0"])
            .args(["--debug-address", "127.0.0.1:0"]);
        Self::start(command)
    }

    /// Starts the floor: this program's own server of bytes that are encoded beforehand.
    pub fn floor(resource_name: &str) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").arg(resource_name);
        Self::start(command)
    }

    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no stdout"))?;
        let mut lines = BufReader::new(stdout).lines();
        let address = loop {
            let Some(line) = lines.next() else {
                return Err(io::Error::other("the server ended before it was ready"));
            };
            let line: serde_json::Value = match serde_json::from_str(&line?) {
                Ok(line) => line,
                Err(_) => continue,
            };
            if let Some(address) = line["addresses"]["plaintext-xds"].as_str() {
                break address.parse().map_err(io::Error::other)?;
            }
        };
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let stdin = child.stdin.take();
        Ok(Self {
            child,
            stdin,
            address,
        })
    }

    /// Makes the floor push.
    pub fn push(&mut self) -> io::Result<()> {
        match &mut self.stdin {
            Some(stdin) => stdin.write_all(b"\n"),
            None => Err(io::Error::other("no stdin")),
        }
    }

    /// CPU time of all its threads so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        cost::cpu(self.child.id())
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> io::Result<u64> {
        cost::resident(self.child.id())
    }
}
