//! A pod: a namespace with an application, and with the agent and Envoy if it is part of the mesh.

use std::fs::{self, Permissions};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use ferromesh_testkit::client::Request;
use ferromesh_testkit::echo::{Echo, Kind};
use ferromesh_testkit::mesh::State;
use ferromesh_testkit::network::Namespace;
use ferromesh_testkit::process::Process;
use ferromesh_testkit::programs;
use ferromesh_testkit::wait::eventually;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::rules::Mode;

/// The ports of every application. No service has 8888 and 9999.
const PORTS: [(Kind, u16); 9] = [
    (Kind::Http, 8080),
    (Kind::Http, 8090),
    (Kind::Http, 8888),
    (Kind::Tcp, 9000),
    (Kind::Banner, 9001),
    (Kind::Http, 9002),
    (Kind::Mixed, 9100),
    (Kind::Banner, 9101),
    (Kind::Banner, 9999),
];

/// A pod. Dropping it ends its processes and removes its namespace.
pub struct Pod {
    name: &'static str,
    proxy: Option<Proxy>,
    /// Its application.
    pub echo: Echo,
    namespace: Namespace,
}

struct Proxy {
    // Dropped before the directory that it uses.
    agent: Process,
    admin: SocketAddr,
    _credentials: Credentials,
}

/// The pod's token and the roots, in a directory that only the proxy's user can read, as a mounted volume would be.
struct Credentials {
    _directory: TempDir,
    token: PathBuf,
    root: PathBuf,
}

impl Credentials {
    /// Copies them out of the control plane's own directory.
    async fn copy(state: &State, pod: &str, user: u32) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (token, root) = (
            directory.path().join("token"),
            directory.path().join("root"),
        );
        // Tokens are written when the workloads of the source are known.
        for (from, to) in [(state.token("shop", pod), &token), (state.root(), &root)] {
            eventually(&from.display().to_string(), async || {
                hand_over(&from, to, user).map_err(|error| error.to_string())
            })
            .await;
        }
        give(directory.path(), user).expect("root may give a directory away");
        Self {
            _directory: directory,
            token,
            root,
        }
    }
}

fn hand_over(from: &Path, to: &Path, user: u32) -> std::io::Result<()> {
    fs::copy(from, to)?;
    fs::set_permissions(to, Permissions::from_mode(0o600))?;
    give(to, user)
}

fn give(path: &Path, user: u32) -> std::io::Result<()> {
    chown(path, Some(user), Some(user))
}

impl Pod {
    /// A pod with an application that listens on all ports at these addresses.
    pub fn new(name: &'static str, addresses: &[IpAddr], namespace: Namespace) -> Self {
        let mut echo = Echo::new(name);
        for (address, (kind, port)) in addresses.iter().flat_map(|a| PORTS.map(|port| (a, port))) {
            let listener = namespace.listen(SocketAddr::new(*address, port));
            echo.serve(kind, listener)
                .expect("a listener can be accepted from");
        }
        Self {
            name,
            proxy: None,
            echo,
            namespace,
        }
    }

    /// Brings it into the mesh of a control plane that is outside, and waits until its proxy is ready.
    pub async fn join(&mut self, address: IpAddr, mode: Mode, (xds, state): (SocketAddr, &State)) {
        mode.apply(&self.namespace);
        let (user, _) = mode.identity();
        let credentials = Credentials::copy(state, self.name, user).await;
        let agent = self.agent(address, mode, (relay(&self.namespace, xds), &credentials));
        let addresses = agent.addresses().await;
        let (status, admin) = (addresses["status"], addresses["admin"]);
        self.proxy = Some(Proxy {
            agent,
            admin,
            _credentials: credentials,
        });
        eventually(&format!("{} is ready", self.name), async || {
            let answer =
                self.inside(async || Request::get("localhost", "/ready").send(status).await)?;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.text())
            }
        })
        .await;
    }

    /// Starts the agent as the proxy's user. The programs are opened before the change of identity: they may lie in a folder
    /// that only root may enter.
    fn agent(
        &self,
        address: IpAddr,
        mode: Mode,
        (xds, credentials): (SocketAddr, &Credentials),
    ) -> Process {
        const BECOME: &str =
            r#"exec 8<"$1" 9<"$2"; chown "$3" /dev/stdout /dev/stderr; shift 3; exec setpriv "$@""#;
        const AGENT: &str = "/proc/self/fd/8";
        const ENVOY: &str = "/proc/self/fd/9";
        let (user, identity) = mode.identity();
        let mut command = Command::new("ip");
        command.args([
            "netns",
            "exec",
            self.namespace.name(),
            "sh",
            "-c",
            BECOME,
            "sh",
        ]);
        command
            .arg(programs::program("ferromesh-agent"))
            .arg(programs::envoy())
            .arg(user.to_string());
        // A change of identity loosens a leash, so the leash comes last.
        let leashed = ferromesh_chassis::leash::command(AGENT, AGENT);
        command
            .args(identity)
            .arg(leashed.get_program())
            .args(leashed.get_args());
        command.arg("proxy");
        for (flag, value) in [
            ("--envoy", ENVOY),
            ("--xds", &xds.to_string()),
            ("--token", &credentials.token.display().to_string()),
            ("--root-cert", &credentials.root.display().to_string()),
            ("--workload", self.name),
            ("--namespace", "shop"),
            ("--address", &address.to_string()),
            ("--interception-mode", mode.name()),
            ("--admin-address", "127.0.0.1:0"),
            ("--status-address", "127.0.0.1:0"),
            ("--concurrency", "1"),
        ] {
            command.arg(flag).arg(value);
        }
        Process::start(self.name, command)
    }

    /// Does something in the pod, as its application would.
    pub fn inside<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        self.namespace.run(work)
    }

    /// The lines of the proxy's access log until now, without the agent's announcement.
    pub fn access_log(&self) -> Vec<String> {
        let lines = self.proxy.iter().flat_map(|proxy| proxy.agent.stdout());
        lines
            .filter(|line| !line.contains("\"ferromesh-agent\""))
            .collect()
    }

    /// What the agent has logged until now, and Envoy through it.
    pub fn agent_log(&self) -> Vec<String> {
        let lines = self.proxy.iter().flat_map(|proxy| proxy.agent.stderr());
        lines.collect()
    }

    /// A statistic of Envoy; 0 when it doesn't exist (yet).
    pub fn stat(&self, name: &str) -> u64 {
        let admin = self.proxy.as_ref().expect("the pod has a proxy").admin;
        let answer = self.inside(async || Request::get("localhost", "/stats").send(admin).await);
        let text = answer.expect("the admin interface answers").text();
        let of_name = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        of_name.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Asks Envoy's admin interface, for the message of a failed test.
    pub fn ask_admin(&self, path: &str) -> String {
        let Some(Proxy { admin, .. }) = self.proxy else {
            return "no proxy".to_owned();
        };
        let answer = self.inside(async || Request::get("localhost", path).send(admin).await);
        answer.map_or_else(|error| error, |answer| answer.text())
    }
}

/// A port on the loopback of a namespace that leads to an address of the test's own: the control plane listens
/// on its loopback, too. Sockets stay in the namespace where they were made, so one task does it.
fn relay(namespace: &Namespace, to: SocketAddr) -> SocketAddr {
    let listener = namespace.listen(SocketAddr::from(([127, 0, 0, 1], 0)));
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    listener
        .set_nonblocking(true)
        .expect("a socket can be polled");
    let listener = TcpListener::from_std(listener).expect("a socket can be polled");
    // It ends with the runtime of the test.
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut far = TcpStream::connect(to).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    address
}
