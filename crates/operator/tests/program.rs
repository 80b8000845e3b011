//! `ferromesh-operator` as a program: its arguments, its start, bad input, its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(30);

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferromesh-operator"));
    command.args(arguments);
    command
}

fn output(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program runs")
}

/// A running control plane; killed when dropped.
struct Operator {
    child: Child,
    debug: SocketAddr,
}

impl Operator {
    fn start(directory: &Path) -> Self {
        let source = format!("dir:{}", directory.display());
        let any = "127.0.0.1:0";
        let mut child = command(&[
            "--source",
            &source,
            "--plaintext-xds-address",
            any,
            "--debug-address",
            any,
            "--log-format",
            "json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the announcement");
        let announced: Value = serde_json::from_str(&line).expect("JSON");
        let debug = announced["addresses"]["debug"]
            .as_str()
            .expect("an address")
            .parse()
            .expect("an address");
        let operator = Self { child, debug };
        operator.until("it is ready", |operator| {
            operator.get("/ready").starts_with("HTTP/1.1 200")
        });
        operator
    }

    /// The whole response to a GET.
    fn get(&self, path: &str) -> String {
        self.get_as(path, "*/*")
    }

    fn get_as(&self, path: &str, accept: &str) -> String {
        let mut stream = TcpStream::connect(self.debug).expect("a connection");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
        )
        .expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a response");
        text
    }

    fn diagnostics(&self) -> Vec<Value> {
        let text = self.get("/debug/diagnostics");
        let (_, body) = text.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    fn codes(&self) -> Vec<String> {
        self.diagnostics()
            .iter()
            .filter_map(|record| record["code"].as_str().map(str::to_owned))
            .collect()
    }

    fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !condition(self) {
            assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as an orchestrator does; returns its exit status and its log.
    fn terminate(mut self) -> (Option<i32>, Vec<Value>) {
        let kill = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(kill.expect("kill runs").success());
        let status = self.child.wait().expect("an end");
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().expect("standard error");
        stderr.read_to_string(&mut text).expect("the log");
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON line"))
            .collect();
        (status.code(), lines)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_keeps_it_from_starting_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    for (arguments, status, line) in [
        (&[][..], 2, "--source"),
        (&["--source", "dir:.", "--sauce"], 2, "'--sauce'"),
        (&["--source", "/etc"], 2, "write dir:/etc"),
        (
            &["--source", "dir:.", "--default-namespace", "A_B"],
            2,
            "not a namespace name",
        ),
        (
            &["--source", "dir:/no/such/directory"],
            2,
            "/no/such/directory",
        ),
        (
            &["--source", "dir:.", "--plaintext-xds-address", "0.0.0.0:0"],
            2,
            "loopback",
        ),
        (
            &["--source", "dir:.", "--plaintext-xds-address", &taken],
            1,
            "the port is taken",
        ),
    ] {
        let all = [arguments, &["--debug-address", "127.0.0.1:0"]].concat();
        // Whatever is not under test must not be the reason.
        let free = ["--plaintext-xds-address", "127.0.0.1:0"];
        let all = if arguments.contains(&free[0]) {
            all
        } else {
            [&all[..], &free].concat()
        };
        let output = output(&all);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        assert!(text.contains(line), "{arguments:?}: {text}");
    }
}

#[test]
fn help_explains() {
    let text = String::from_utf8(output(&["--help"]).stdout).expect("text");
    for part in [
        "--source <kubernetes|dir:PATH>",
        "/debug/syncz",
        "Examples:",
        "SIGTERM",
        "loopback",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn bad_files_are_findings_and_sigterm_is_the_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let draft = folder.path().join("draft");
        std::fs::write(&draft, text).expect("a file");
        std::fs::rename(&draft, folder.path().join(name)).expect("a file");
    };
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - name: http\n    port: 80\n";
    write("web.yaml", service);
    let operator = Operator::start(folder.path());
    assert_eq!(operator.codes(), Vec::<String>::new());

    write("broken.yaml", "kind: [\n");
    write(
        "web.yaml",
        &service.replace("port: 80", "port: 80\n    prot: TCP"),
    );
    operator.until("both are reported", |operator| operator.codes().len() == 2);
    let all = operator.diagnostics();
    let of = |file: &str| {
        all.iter().find(|record| {
            record["file"]
                .as_str()
                .is_some_and(|name| name.ends_with(file))
        })
    };
    let web = of("web.yaml").expect("a finding");
    assert_eq!(
        (web["code"].as_str(), web["line"].as_u64()),
        (Some("unknown-field"), Some(9)),
        "{web}"
    );
    assert_eq!(web["path"], "spec.ports[0].prot");
    assert_eq!(of("broken.yaml").expect("a finding")["object"], Value::Null);
    let metrics = operator.get("/metrics");
    for line in [
        "pilot_services 1",
        "pilot_k8s_reg_events{type=\"Service\",event=\"update\"} 1",
        "pilot_xds 0",
        "pilot_xds_pushes{type=\"cds\"} 0",
        "pilot_total_xds_rejects 0",
        "ferromesh_refused_objects 1",
        "ferromesh_refused_object{kind=\"Service\",namespace=\"default\",name=\"web\",in_force=\"an older version\"} 1",
        "pilot_proxy_convergence_time_count 0",
        "process_resident_memory_bytes ",
        "content-type: text/plain; version=0.0.4",
        "# TYPE pilot_xds_pushes counter",
        "# TYPE pilot_xds gauge",
        "# TYPE process_cpu_seconds_total counter",
        "istio_build{component=\"pilot\",tag=\"",
    ] {
        assert!(
            metrics.lines().any(|found| found.starts_with(line)),
            "{line} is missing in {metrics}"
        );
    }

    assert!(
        !metrics.contains("# EOF") && !metrics.contains(" unknown\n"),
        "{metrics}"
    );
    let open_metrics = operator.get_as(
        "/metrics",
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    );
    for part in [
        "content-type: application/openmetrics-text",
        "\npilot_xds_pushes{type=\"cds\"} 0\n",
        "\n# EOF\n",
    ] {
        assert!(open_metrics.contains(part), "{part}: {open_metrics}");
    }

    write("web.yaml", service);
    std::fs::remove_file(folder.path().join("broken.yaml")).expect("removed");
    operator.until("nothing is wrong", |operator| operator.codes().is_empty());
    assert!(
        operator
            .get("/debug/config_dump?proxy=no.body")
            .starts_with("HTTP/1.1 404")
    );
    assert!(
        operator
            .get("/debug/config_dump")
            .starts_with("HTTP/1.1 400")
    );
    assert!(operator.get("/nowhere").starts_with("HTTP/1.1 404"));

    let (status, log) = operator.terminate();
    assert_eq!(status, Some(0));
    let told = |part: &str| {
        log.iter().any(|line| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains(part))
        })
    };
    assert!(told("update Service default/web"), "{log:?}");
    let finding = log
        .iter()
        .find(|line| line["code"] == "unknown-field")
        .expect("a line about the finding");
    assert_eq!(
        (finding["level"].as_str(), finding["line"].as_u64()),
        (Some("ERROR"), Some(9)),
        "{finding}"
    );
}
