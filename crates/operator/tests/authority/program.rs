//! The program with a state directory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Killed when dropped.
pub struct Operator {
    child: Child,
    folder: tempfile::TempDir,
    state: PathBuf,
    pub xds: SocketAddr,
    debug: SocketAddr,
}

impl Operator {
    pub fn start(files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let (source, state) = (folder.path().join("source"), folder.path().join("state"));
        std::fs::create_dir(&source).expect("a directory");
        for (name, text) in files {
            std::fs::write(source.join(name), text).expect("a file");
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferromesh-operator"))
            .arg("--source")
            .arg(format!("dir:{}", source.display()))
            .arg("--state")
            .arg(&state)
            .args(["--xds-address", "127.0.0.1:0"])
            .args(["--debug-address", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output");
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line).expect("the announcement");
        let announced: Value = serde_json::from_str(&line).expect("JSON");
        let address = |name: &str| {
            let address = announced["addresses"][name].as_str();
            address
                .and_then(|text| text.parse().ok())
                .expect("an address")
        };
        Self {
            xds: address("xds"),
            debug: address("debug"),
            child,
            folder,
            state,
        }
    }

    pub fn state(&self) -> &Path {
        &self.state
    }

    pub fn write(&self, name: &str, text: &str) {
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, text).expect("a file");
        let name = self.folder.path().join("source").join(name);
        std::fs::rename(&draft, name).expect("a file");
    }

    /// The whole response to a GET.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.debug).expect("a connection");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a response");
        text
    }

    /// Ends it; returns its log.
    pub fn terminate(mut self) -> String {
        let kill = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(kill.expect("kill runs").success());
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().expect("standard error");
        stderr.read_to_string(&mut text).expect("the log");
        let status = self.child.wait().expect("an end");
        assert_eq!(status.code(), Some(0), "{text}");
        text
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A manifest.
pub fn pod(name: &str, account: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "x"}]},
        "status": {"phase": "Running", "podIP": "10.0.1.1", "podIPs": [{"ip": "10.0.1.1"}]},
    })
    .to_string()
}

/// Waits for something.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
