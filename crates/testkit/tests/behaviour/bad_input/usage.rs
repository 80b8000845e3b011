//! What keeps the programs from starting is one clear line.

use std::net::{SocketAddr, TcpListener};

use ferromesh_testkit::process::Process;
use ferromesh_testkit::programs;

const OPERATOR: &str = "ferromesh-operator";
const AGENT: &str = "ferromesh-agent";
const CLI: &str = "ferromesh";

async fn check(program: &str, arguments: &[&str], status: i32, part: &str) {
    let mut process = Process::run(program, arguments);
    let ended = process.ended().await;
    let all = process.stderr();
    assert_eq!(
        ended.code(),
        Some(status),
        "{program} {arguments:?}: {all:?}"
    );
    assert_eq!(all.len(), 1, "{program} {arguments:?}: {all:?}");
    assert!(
        all[0].starts_with("error: ") && all[0].contains(part),
        "{program} {arguments:?}: {all:?}"
    );
    assert!(
        process.stdout().is_empty(),
        "{program} {arguments:?}: {:?}",
        process.stdout()
    );
}

fn taken() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

#[tokio::test]
async fn the_control_plane_says_in_one_line_why_it_does_not_start() {
    let (_listener, taken) = taken();
    let taken = taken.to_string();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let file = format!("dir:{}", file.path().display());
    let free = "127.0.0.1:0";
    let state = tempfile::tempdir().expect("a directory");
    let state = state.path().display().to_string();
    let (xds, debug) = ("--plaintext-xds-address", "--debug-address");
    let secured = "--xds-address";
    for (arguments, status, part) in [
        (&[][..], 2, "--source <kubernetes|dir:PATH>"),
        (&["--source", "dir:."], 2, "--state <DIR>"),
        (&["--source", "dir:.", secured, free], 2, "--state <DIR>"),
        (&["--source", "dir:.", "--sauce"], 2, "'--sauce'"),
        (&["--source", "k8s:x"], 2, "for a directory, or kubernetes"),
        (&["--source", "dir:"], 2, "the path is empty"),
        (
            &["--source", "dir:/no/such/directory", xds, free, debug, free],
            2,
            "/no/such/directory",
        ),
        (&["--source", &file, xds, free, debug, free], 2, "--source"),
        (
            &["--source", "dir:.", xds, "0.0.0.0:0"],
            2,
            "not a loopback address",
        ),
        (
            &["--source", "dir:.", xds, "[::]:15010"],
            2,
            "not a loopback address",
        ),
        (&["--source", "dir:.", xds, "localhost"], 2, "IP:PORT"),
        (
            &["--source", "dir:.", xds, &taken, debug, free],
            1,
            "the port is taken",
        ),
        (
            &["--source", "dir:.", xds, free, debug, &taken],
            1,
            "the port is taken",
        ),
        (
            &["--source", "dir:.", xds, free, debug, "192.0.2.1:0"],
            2,
            "not a loopback address",
        ),
        (
            &["--source", "dir:.", "--state", &state, secured, &taken],
            1,
            "the port is taken",
        ),
        (
            &[
                "--source",
                "dir:.",
                "--state",
                &state,
                secured,
                "192.0.2.1:0",
            ],
            1,
            "no such address",
        ),
        (
            &["--source", "dir:.", "--state", "/dev/null", xds, free],
            1,
            "--state",
        ),
        (
            &["--source", "dir:.", xds, free, "--log-level", "loud"],
            2,
            "loud",
        ),
    ] {
        check(OPERATOR, arguments, status, part).await;
    }
}

#[tokio::test]
async fn the_agent_says_in_one_line_why_it_does_not_start() {
    let (_listener, taken) = taken();
    let taken = taken.to_string();
    let envoy = programs::envoy().display().to_string();
    let free = "127.0.0.1:0";
    let needed = [
        "proxy",
        "--plaintext-xds",
        "127.0.0.1:1",
        "--workload",
        "web",
        "--namespace",
        "shop",
        "--address",
        "127.1.0.1",
    ];
    for (arguments, status, part) in [
        (&["--no-such-flag"][..], 2, "'--no-such-flag'"),
        (&["--envoy", "/no/such/envoy"], 1, "/no/such/envoy"),
        (
            &["--app-address", "127.1.0.1", "--envoy", &envoy],
            2,
            "are both 127.1.0.1",
        ),
        (&["--interception-mode", "SOME"], 2, "SOME"),
        (
            &[
                "--status-address",
                &taken,
                "--admin-address",
                free,
                "--envoy",
                &envoy,
            ],
            1,
            "the port is taken",
        ),
        (&["--concurrency", "0"], 2, "--concurrency"),
    ] {
        check(AGENT, &[&needed[..], arguments].concat(), status, part).await;
    }
    check(AGENT, &[], 2, "arguments are missing").await;
    check(AGENT, &["proxy"], 2, "--xds <HOST:PORT>").await;
    check(AGENT, &["proxi"], 2, "'proxi'").await;
    let wrong = [
        "proxy",
        "--plaintext-xds",
        "nowhere",
        "--workload",
        "a~b",
        "--namespace",
        "shop",
        "--address",
        "127.1.0.1",
    ];
    check(AGENT, &wrong, 2, "nowhere").await;
    let token = &["--token", "/no/such/token"][..];
    let root = &["--root-cert", "/no/such/root"][..];
    let xds = &["--xds", "127.0.0.1:1"][..];
    for (arguments, part) in [
        (vec![], "--xds <HOST:PORT>"),
        (vec![xds], "--root-cert <FILE> --token <FILE>"),
        (vec![xds, token], "--root-cert <FILE>"),
        (vec![xds, root], "--token <FILE>"),
        (
            vec![xds, token, root, &needed[1..3]],
            "cannot be used with '--plaintext-xds",
        ),
        (
            vec![&needed[1..3], token, root],
            "--token needs --ca beside --plaintext-xds",
        ),
        (
            vec![xds, token, root, &["--trust-domain", "a/b"]],
            "--trust-domain",
        ),
    ] {
        let more = ["--envoy", &envoy];
        let all = [&["proxy"], &needed[3..], &arguments.concat(), &more].concat();
        check(AGENT, &all, 2, part).await;
    }
}

#[tokio::test]
async fn the_tool_says_in_one_line_what_is_wrong_with_its_usage() {
    for (arguments, part) in [
        (&[][..], "arguments are missing"),
        (&["analyse"], "'analyze'"),
        (&["analyze"], "<PATH>..."),
        (&["analyze", "--quiet", "."], "'--quiet'"),
        (&["analyze", "/no/such/file"], "/no/such/file"),
        (&["analyze", "-o", "xml", "."], "xml"),
        (
            &[
                "render",
                "--source",
                "dir:/no/such/directory",
                "--proxy",
                "a.b",
            ],
            "/no/such/directory",
        ),
        (
            &["render", "--source", "/tmp", "--proxy", "a.b"],
            "write dir:/tmp",
        ),
        (
            &["render", "--source", "dir:.", "--proxy", "a"],
            "write NAME.NAMESPACE",
        ),
    ] {
        check(CLI, arguments, 2, part).await;
    }
}
