//! Network namespaces, for what loopback addresses can't show: traffic that the kernel redirects. Only root can make them.

use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

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
            self.address(&network, "eth0");
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

    /// Gives an address with its network to an interface.
    ///
    /// # Panics
    /// When the kernel or `ip` doesn't let us.
    pub fn address(&self, network: &str, interface: &str) {
        // Under IPv6 an address can't be used until it is known that nobody else has it, unless nobody asks.
        let check: &[&str] = if network.contains(':') {
            &["nodad"]
        } else {
            &[]
        };
        self.ip(&[&["address", "add", network, "dev", interface], check].concat());
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

    /// Runs a program in here until it ends, with the right to administer the network and no other.
    ///
    /// # Panics
    /// When it fails.
    pub fn administer(&self, program: &Path, arguments: &[&str]) {
        let output = Command::new("ip")
            .args([
                "netns",
                "exec",
                &self.name,
                "setpriv",
                "--bounding-set=-all,+net_admin",
            ])
            .arg(program)
            .args(arguments)
            .output()
            .expect("ip (iproute2) is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} {arguments:?}: {said}",
            program.display()
        );
    }

    /// Runs a future in here, in a thread of its own: sockets that it opens belong to the namespace.
    ///
    /// # Panics
    /// When the future panics, or the thread can't enter.
    pub fn run<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        run_in(&Path::new("/run/netns").join(&self.name), work)
    }
}

/// Runs a future in the network namespace that this file stands for, in a thread of its own: sockets that it opens belong
/// to the namespace.
///
/// # Panics
/// When the future panics, or the thread can't enter.
pub fn run_in<T: Send>(namespace: &Path, work: impl AsyncFnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let entered = scope.spawn(|| {
            let file = File::open(namespace).expect("the namespace is there");
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
