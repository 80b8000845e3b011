//! Programs of the cluster that end and come back. They are in a cluster of their own, so that no other test sees it.

use ferromesh_testkit::cluster::own::Own;
use ferromesh_testkit::cluster::program::Program;
use ferromesh_testkit::cluster::room::Room;
use ferromesh_testkit::{programs, wait};

use crate::echo;

#[tokio::test]
async fn the_api_server_and_the_kubelet_end_and_come_back_while_pods_go_on() {
    let cluster = Own::start("faults", &[programs::image("echo")]);
    let room = Room::new(&cluster, "faults", &[]);
    echo::deploy(&room, 1);
    let pod = room.kubectl(&[
        "get",
        "pods",
        "--output",
        "jsonpath={.items[0].status.podIP}",
    ]);
    for program in [Program::Kubelet, Program::ApiServer] {
        cluster
            .kill(program)
            .unwrap_or_else(|error| panic!("{error}"));
        // The pod itself doesn't need them.
        let mut ask = cluster.on_network(programs::program("ferromesh-ask"));
        let output = ask.arg(format!("http://{pod}:8080/status/204")).output();
        let said = String::from_utf8(output.expect("nsenter is there").stdout).expect("text");
        assert!(
            said.contains("\"status\":204"),
            "{}: {said}",
            program.name()
        );
    }
    assert!(
        !room
            .command()
            .args(["get", "pods"])
            .output()
            .expect("kubectl is there")
            .status
            .success()
    );
    for program in [Program::ApiServer, Program::Kubelet] {
        cluster
            .run(program)
            .unwrap_or_else(|error| panic!("{error}"));
    }
    cluster
        .wait_for_api()
        .unwrap_or_else(|error| panic!("{error}"));
    wait::eventually("new pods run", async || {
        let scaled = room
            .command()
            .args(["scale", "deployment/echo", "--replicas=2"])
            .output();
        let output = scaled.map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    })
    .await;
    room.ready("deployment/echo");
}
