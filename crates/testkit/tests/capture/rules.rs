//! The kernel's rules that bring traffic to the proxy, and the rights that the proxy has in each mode.

use ferromesh_testkit::network::Namespace;

/// A way of capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Redirection both ways, by a proxy without any rights.
    Redirect,
    /// Transparent proxying inbound, by a proxy that is root with the right to administer the network and no other.
    Tproxy,
}

/// Redirection. The proxy is told from the application by its user.
const REDIRECT: &str = r#"
table inet mesh {
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    meta l4proto tcp tcp dport != { 15008, 15020, 15021, 15090 } redirect to :15006
  }
  chain output { type nat hook output priority -100; policy accept;
    meta l4proto != tcp return
    oifname "lo" ip saddr 127.0.0.6 return
    oifname "lo" ip6 saddr ::6 return
    oifname "lo" meta skuid 1337 ip daddr != 127.0.0.1 tcp dport != 15008 redirect to :15006
    oifname "lo" meta skuid 1337 ip6 daddr != ::1 tcp dport != 15008 redirect to :15006
    oifname "lo" meta skuid != 1337 return
    meta skuid 1337 return
    meta skgid 1337 return
    ip daddr 127.0.0.1 return
    ip6 daddr ::1 return
    meta l4proto tcp redirect to :15001
  }
}
"#;

/// Transparent proxying inbound, redirection outbound. The proxy is told from the application by its group, as it has to be
/// root. The mark is never put on a connection by the rule that catches it: its answers would be routed to ourselves.
const TPROXY: &str = r#"
table inet mesh {
  chain prerouting { type filter hook prerouting priority mangle; policy accept;
    meta l4proto != tcp return
    meta mark 1337 ct mark set meta mark return
    tcp dport { 15008, 15020, 15021, 15090 } return
    iifname "lo" meta mark != 1338 return
    ct state established,related meta mark set 1337 accept
    ip daddr != 127.0.0.1 meta l4proto tcp tproxy ip to :15006 meta mark set 1337 accept
    ip6 daddr != ::1 meta l4proto tcp tproxy ip6 to :15006 meta mark set 1337 accept
  }
  chain output { type route hook output priority mangle; policy accept;
    meta l4proto != tcp return
    ct mark 1337 meta mark set ct mark
    oifname "lo" meta mark 1337 return
    oifname "lo" ip daddr != 127.0.0.1 meta skgid 1337 meta mark set 1338
    oifname "lo" ip6 daddr != ::1 meta skgid 1337 meta mark set 1338
  }
  chain natout { type nat hook output priority -100; policy accept;
    meta l4proto != tcp return
    oifname "lo" meta skgid != 1337 return
    meta skgid 1337 return
    ip daddr 127.0.0.1 return
    ip6 daddr ::1 return
    meta l4proto tcp redirect to :15001
  }
}
"#;

impl Mode {
    /// The name by which the agent knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redirect => "REDIRECT",
            Self::Tproxy => "TPROXY",
        }
    }

    /// Sets up capture in a namespace.
    pub fn apply(self, namespace: &Namespace) {
        match self {
            Self::Redirect => {
                namespace.nft(REDIRECT);
                // What comes from here is not captured again. All of 127.0.0.0/8 is there already.
                namespace.address("::6/128", "lo");
            }
            Self::Tproxy => {
                namespace.nft(TPROXY);
                for (family, all) in [("-4", "0.0.0.0/0"), ("-6", "::/0")] {
                    namespace.ip(&[family, "rule", "add", "fwmark", "1337", "lookup", "133"]);
                    namespace.ip(&[
                        family, "route", "add", "local", all, "dev", "lo", "table", "133",
                    ]);
                }
            }
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
