//! Network namespaces, for what loopback addresses can't show: traffic that the kernel redirects. Only root can make them.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use ferromesh_chassis::leash;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::programs;

/// The group of the proxy's process, whose traffic is not captured.
pub const PROXY_GROUP: u32 = 1337;

/// Redirects what comes in to port 15006 and what goes out to port 15001, except what the proxy itself sends. As Istio's
/// rules do, but by group only, so that a proxy that is root can be told from an application that is root.
pub const REDIRECT: &str = r#"
table inet ferromesh {
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    meta l4proto tcp tcp dport != { 15008, 15020, 15021, 15090 } redirect to :15006
  }
  chain output { type nat hook output priority -100; policy accept;
    meta l4proto != tcp return
    ip saddr 127.0.0.6 oifname "lo" return
    oifname "lo" meta skgid 1337 ip daddr != 127.0.0.1 tcp dport != 15008 redirect to :15006
    oifname "lo" meta skgid != 1337 return
    meta skgid 1337 return
    ip daddr 127.0.0.1 return
    ip6 daddr ::1 return
    meta l4proto tcp redirect to :15001
  }
}
"#;

/// A network namespace. Dropping it removes it, with its interfaces, when its last process has ended.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A namespace with nothing but its loopback interface.
    ///
    /// # Panics
    /// When this isn't root, or the kernel or `ip` doesn't let us.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let name = format!(
            "ferromesh-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        ip(&["netns", "add", &name]);
        let namespace = Self { name };
        ip(&["-n", &namespace.name, "link", "set", "lo", "up"]);
        namespace
    }

    /// Connects two namespaces by a cable. Each gets its address, in a network of 24 bits, and its way out through the other.
    ///
    /// # Panics
    /// When the kernel or `ip` doesn't let us.
    pub fn connect(&self, address: Ipv4Addr, other: &Self, other_address: Ipv4Addr) {
        let (this, that) = (self.name.as_str(), other.name.as_str());
        ip(&[
            "-n", this, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
            that,
        ]);
        for (name, address, via) in [
            (this, address, other_address),
            (that, other_address, address),
        ] {
            ip(&[
                "-n",
                name,
                "address",
                "add",
                &format!("{address}/24"),
                "dev",
                "eth0",
            ]);
            ip(&["-n", name, "link", "set", "eth0", "up"]);
            ip(&[
                "-n",
                name,
                "route",
                "add",
                "default",
                "via",
                &via.to_string(),
            ]);
        }
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A namespace that is nothing but a switch, to which others are [attached](Self::attach).
    ///
    /// # Panics
    /// When the kernel or `ip` doesn't let us.
    pub fn switch() -> Self {
        let switch = Self::new();
        switch.ip(&["link", "add", "switch", "type", "bridge"]);
        switch.ip(&["link", "set", "switch", "up"]);
        switch
    }

    /// Connects this namespace to a switch. It gets these addresses, in networks of 24 or 64 bits, and its way out through
    /// a neighbour of the same network for each family.
    ///
    /// # Panics
    /// When the kernel or `ip` doesn't let us.
    pub fn attach(&self, switch: &Self, addresses: &[(IpAddr, IpAddr)]) {
        // The name of an interface has 15 letters at most.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let port = format!("port{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.ip(&[
            "link",
            "add",
            "eth0",
            "type",
            "veth",
            "peer",
            "name",
            &port,
            "netns",
            &switch.name,
        ]);
        switch.ip(&["link", "set", &port, "master", "switch", "up"]);
        self.ip(&["link", "set", "eth0", "up"]);
        for (address, way_out) in addresses {
            let (network, family) = match address {
                IpAddr::V4(_) => (format!("{address}/24"), "-4"),
                IpAddr::V6(_) => (format!("{address}/64"), "-6"),
            };
            // Without the check for duplicates, which takes seconds under IPv6.
            let check: &[&str] = if address.is_ipv6() { &["nodad"] } else { &[] };
            self.ip(&[&["address", "add", &network, "dev", "eth0"], check].concat());
            if way_out != address {
                self.ip(&[
                    family,
                    "route",
                    "add",
                    "default",
                    "via",
                    &way_out.to_string(),
                ]);
            }
        }
    }

    /// Runs `ip` in here.
    ///
    /// # Panics
    /// When it fails.
    pub fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", self.name.as_str()], arguments].concat());
    }

    /// Listens in here. The socket stays in here, whoever accepts its connections, and they do too.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn listen(&self, address: SocketAddr) -> TcpListener {
        self.run(async || TcpListener::bind(address))
            .unwrap_or_else(|error| panic!("cannot listen on {address} in {}: {error}", self.name))
    }

    /// Loads rules of nftables.
    ///
    /// # Panics
    /// When `nft` is missing or refuses them.
    pub fn nft(&self, rules: &str) {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, "nft", "-f", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("ip (iproute2) is installed");
        let mut input = child.stdin.take().expect("stdin is piped");
        // When nft is missing, nobody reads: its message says so.
        let _ = input.write_all(rules.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("ip can be waited for");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "nft (Debian: nftables) does not load the rules: {said}"
        );
    }

    /// The command that runs a program in here as root, on a leash.
    pub fn command(&self, program: &Path) -> Command {
        self.run_as(&[], program)
    }

    /// The command that runs a program in here as root of the proxy's group, on a leash.
    pub fn proxy_command(&self, program: &Path) -> Command {
        let group = format!("--regid={PROXY_GROUP}");
        self.run_as(&["setpriv", &group, "--clear-groups"], program)
    }

    fn run_as(&self, prefix: &[&str], program: &Path) -> Command {
        // A change of identity loosens a leash, so the leash comes last. All of them replace themselves by the next.
        let leashed = leash::command(programs::program("ferromesh-agent"), program);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(prefix);
        command.arg(leashed.get_program()).args(leashed.get_args());
        command
    }

    /// Runs a future in here, in a thread of its own: sockets that it opens belong to the namespace.
    ///
    /// # Panics
    /// When the future panics, or the thread can't enter.
    pub fn run<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let entered = scope.spawn(|| {
                let file = File::open(Path::new("/run/netns").join(&self.name))
                    .expect("the namespace is there");
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may enter");
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(work())
            });
            entered
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
    }
}

/// Removes what test processes left behind that were killed.
fn sweep() {
    let entries = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let owner = name
            .strip_prefix("ferromesh-")
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // Another process may have been faster.
            let _ = Command::new("ip").args(["netns", "delete", &name]).output();
        }
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .expect("ip (iproute2) is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ip {}: {said}(network namespaces need root)",
        arguments.join(" ")
    );
}
