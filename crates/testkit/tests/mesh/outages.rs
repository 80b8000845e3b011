//! What the mesh stands on is away for a while, or traffic is moved: nobody notices.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ferromesh_testkit::client::{Protocol, Tcp};
use ferromesh_testkit::cluster::program::Program;
use ferromesh_testkit::{network, wait};

use crate::faults::World;
use crate::pair::app_of;

/// The pause between two lines.
const PAUSE: Duration = Duration::from_millis(20);

/// After so many lines a pod is older than ten seconds. Of younger ones a kubelet that comes back says that they are not
/// ready until it has asked them.
const GROWN_UP: usize = 600;

/// A connection on which lines go to and fro.
struct Line {
    stop: Arc<AtomicBool>,
    heard: Arc<AtomicUsize>,
    worker: JoinHandle<Result<(), String>>,
}

impl Line {
    fn open(from: PathBuf, to: SocketAddr) -> Self {
        let (stop, heard) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&heard));
        let worker = std::thread::spawn(move || {
            network::run_in(&from, async move || {
                let mut line = Tcp::open(to).await?;
                while !stopped.load(Ordering::Relaxed) {
                    line.say("hello").await?;
                    match line.hear().await?.as_deref() {
                        Some("hello") => counted.fetch_add(1, Ordering::Relaxed),
                        other => return Err(format!("{other:?} is heard")),
                    };
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(())
            })
        });
        Self {
            stop,
            heard,
            worker,
        }
    }

    /// Waits until so many lines have come back.
    async fn heard(&self, count: usize) {
        wait::eventually("the line goes on", async || {
            let heard = self.heard.load(Ordering::Relaxed);
            if heard >= count {
                Ok(())
            } else {
                Err(format!("{heard} lines"))
            }
        })
        .await;
    }

    /// Ends it; it must not have been cut.
    fn close(self) {
        self.stop.store(true, Ordering::Relaxed);
        let outcome = self.worker.join().expect("the line goes on");
        assert_eq!(outcome, Ok(()), "it was cut");
    }
}

#[tokio::test]
async fn the_leader_the_api_server_and_the_kubelet_are_not_missed() {
    let world = World::new("outage", Protocol::Http2, &["--set", "replicas=3"]);
    let line = Line::open(world.pair.client(), world.pair.port(9000));
    world.more().await;

    let path = "jsonpath={.spec.holderIdentity}";
    let leader = || world.control_plane(&["get", "lease", "ferromesh", "--output", path]);
    let first = leader();
    let pod = first.split('_').next().expect("a name");
    world.control_plane(&["delete", "pod", pod, "--force", "--grace-period=0"]);
    wait::within(2 * wait::DEADLINE, "somebody else leads", async || {
        let now = leader();
        if now.is_empty() || now == first {
            Err(now)
        } else {
            Ok(())
        }
    })
    .await;
    world.more().await;

    line.heard(GROWN_UP).await;
    for program in [Program::Kubelet, Program::ApiServer] {
        let killed = world.cluster.kill(program);
        killed.unwrap_or_else(|error| panic!("{error}"));
        world.more().await;
        world.more().await;
    }
    for program in [Program::ApiServer, Program::Kubelet] {
        let run = world.cluster.run(program);
        run.unwrap_or_else(|error| panic!("{error}"));
    }
    let back = world.cluster.wait_for_api();
    back.unwrap_or_else(|error| panic!("{error}"));
    world.more().await;
    // What happens from now on is heard of.
    world.control_plane_is_ready();
    let room = &world.pair.room;
    room.kubectl(&["scale", "deployment/echo", "--replicas=3"]);
    room.ready("deployment/echo");
    wait::eventually("the third instance is used", async || {
        let answers = room.ask("deployment/client", &["--count=20", "http://echo/"]);
        let mut found: Vec<_> = answers.iter().map(|it| it["instance"].as_str()).collect();
        found.sort_unstable();
        found.dedup();
        if found.len() == 3 {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
    line.close();
    world.load.stop("leader, API server and kubelet were away");
}

#[tokio::test]
async fn a_canary_comes_and_goes_without_a_failed_request() {
    let world = World::new("canary", Protocol::Http1, &[]);
    let room = &world.pair.room;
    room.apply(&app_of("canary", 1));
    room.ready("deployment/canary");
    for weight in [0, 50, 100, 50, 0] {
        room.apply(&format!(
            "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: echo}}
spec:
  hosts: [echo]
  http:
  - route:
    - {{destination: {{host: echo}}, weight: {}}}
    - {{destination: {{host: canary}}, weight: {weight}}}
",
            100 - weight
        ));
        wait::eventually(&format!("{weight} % go there"), async || {
            let answers = room.ask("deployment/client", &["--count=30", "http://echo/"]);
            let instances = answers.iter().filter_map(|it| it["instance"].as_str());
            let canaries = instances.filter(|it| it.starts_with("canary-")).count();
            let is_so = match weight {
                0 => canaries == 0,
                100 => canaries == 30,
                _ => (5..=25).contains(&canaries),
            };
            if is_so {
                Ok(())
            } else {
                Err(format!("{canaries} of 30"))
            }
        })
        .await;
        world.more().await;
    }
    room.kubectl(&["delete", "virtualservice/echo"]);
    world.more().await;
    // The last ones to the canary are over.
    room.kubectl(&["delete", "service/canary", "deployment/canary"]);
    world.more().await;
    world.load.stop("a canary came and went");
}
