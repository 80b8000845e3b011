//! An API server that is away takes nothing, and learns everything when it is back.

use ferromesh_testkit::cluster::installation;
use ferromesh_testkit::cluster::own::Own;
use ferromesh_testkit::cluster::program::Program;
use ferromesh_testkit::cluster::room::Room;
use ferromesh_testkit::programs;

use super::{SOUND, route, until};

#[tokio::test]
async fn after_an_outage_of_the_api_server_authors_learn_what_they_missed() {
    let cluster = Own::start("status", &[programs::image("operator")]);
    installation::install(&cluster, &[]);
    let room = Room::new(&cluster, "outage", &[]);
    let alone = ["Programmed", "True", "NoProxies"];
    let dangling = [SOUND[0], ["ResolvedRefs", "False", "HostNotFound"], alone];
    room.apply(&route("nowhere"));
    until(&room, "virtualservice", "route", &dangling).await;
    cluster
        .kill(Program::ApiServer)
        .and_then(|()| cluster.run(Program::ApiServer))
        .and_then(|()| cluster.wait_for_api())
        .unwrap_or_else(|error| panic!("{error}"));
    room.apply(&route("elsewhere"));
    let object = until(&room, "virtualservice", "route", &dangling).await;
    assert_eq!(object["metadata"]["generation"], 2);
}
