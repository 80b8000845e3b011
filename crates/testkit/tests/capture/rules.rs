//! The kernel's rules that bring traffic to the proxy, and the rights that the proxy has in each mode.

use ferromesh_testkit::network::Namespace;
use ferromesh_testkit::programs::program;

/// A way of capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Redirection both ways, by a proxy without any rights.
    Redirect,
    /// Transparent proxying inbound, by a proxy that is root with the right to administer the network and no other.
    Tproxy,
}

impl Mode {
    /// The name by which the agent knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redirect => "REDIRECT",
            Self::Tproxy => "TPROXY",
        }
    }

    /// Sets up capture in a namespace, twice: it replaces what is there.
    pub fn apply(self, namespace: &Namespace) {
        for _ in 0..2 {
            let arguments = ["capture", "--interception-mode", self.name()];
            namespace.administer(&program("ferromesh-agent"), &arguments);
        }
    }

    /// The user of the proxy, and the arguments of `setpriv` that make a process run as the proxy.
    pub fn identity(self) -> (u32, &'static [&'static str]) {
        match self {
            Self::Redirect => (
                1337,
                &[
                    "--reuid=1337",
                    "--regid=1337",
                    "--clear-groups",
                    "--bounding-set=-all",
                ],
            ),
            Self::Tproxy => (
                0,
                &[
                    "--regid=1337",
                    "--clear-groups",
                    "--bounding-set=-all,+net_admin",
                ],
            ),
        }
    }
}
