//! What is in our images runs, as who it shall.

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::room::Room;

/// A program of an image that is run to its end.
struct Run {
    image: &'static str,
    command: &'static [&'static str],
    security: &'static str,
    /// What is in its output.
    says: &'static str,
}

const RESTRICTED: &str = "runAsNonRoot: true, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, \
    capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}";
const CAPTURE: &str = "runAsUser: 0, readOnlyRootFilesystem: true, capabilities: {drop: [ALL], add: [NET_ADMIN]}, \
    seccompProfile: {type: RuntimeDefault}";

const RUNS: [Run; 6] = [
    Run {
        image: "operator",
        command: &["/usr/local/bin/ferromesh-operator", "--version"],
        security: RESTRICTED,
        says: "ferromesh-operator",
    },
    Run {
        image: "proxy",
        command: &["/usr/local/bin/ferromesh-agent", "--version"],
        security: RESTRICTED,
        says: "ferromesh-agent",
    },
    Run {
        image: "proxy",
        command: &["/usr/local/bin/envoy", "--version"],
        security: RESTRICTED,
        says: "1.40.0",
    },
    Run {
        image: "proxy",
        command: &[
            "/usr/sbin/nft",
            "--echo",
            "add table inet a; add chain inet a b { type nat hook output priority -100; }; \
             add rule inet a b meta skuid 1337 tcp dport 80 redirect to :15001",
        ],
        security: CAPTURE,
        says: "redirect to :15001",
    },
    Run {
        image: "echo",
        command: &["/usr/local/bin/ferromesh-echo", "--version"],
        security: RESTRICTED,
        says: "ferromesh-echo",
    },
    Run {
        image: "echo",
        command: &["/usr/local/bin/ferromesh-ask", "--version"],
        security: RESTRICTED,
        says: "ferromesh-ask",
    },
];

#[test]
fn the_programs_of_our_images_run_with_no_more_rights_than_they_need() {
    let room = Room::new(&Cluster::of_tests(), "images", &[]);
    let mut pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: all}\nspec:\n  restartPolicy: Never\n  containers:\n"
        .to_owned();
    for (number, run) in RUNS.iter().enumerate() {
        let command = serde_json::to_string(run.command).expect("strings");
        pod += &format!(
            "  - {{name: run-{number}, image: ferromesh.test/{}:dev, imagePullPolicy: Never, \
             command: {command}, securityContext: {{{}}}}}\n",
            run.image, run.security
        );
    }
    room.apply(&pod);
    let succeeded = "--for=jsonpath={.status.phase}=Succeeded";
    room.kubectl(&["wait", succeeded, "pod/all", "--timeout=60s"]);
    for (number, run) in RUNS.iter().enumerate() {
        let log = room.kubectl(&["logs", "all", "--container", &format!("run-{number}")]);
        assert!(log.contains(run.says), "{:?}: {log}", run.command);
    }
}
