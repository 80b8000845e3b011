//! Which IP addresses may be connected to. It is asked of each address after its name has been
//! resolved, and then that address is connected to, so no name can change in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Addresses at which clouds tell machines their secrets, and that are not link-local anyway.
const METADATA: [IpAddr; 4] = [
    // Amazon.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    // Google.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// This machine itself.
    #[error("a loopback address")]
    Loopback,
    /// Nobody's address, or everybody's.
    #[error("no address of a server")]
    Nobody,
    /// A neighbour on the wire, such as the metadata service of most clouds.
    #[error("a link-local address")]
    LinkLocal,
    /// The metadata service of a cloud.
    #[error("the address of a metadata service")]
    Metadata,
    /// An address that the person who runs this program has excluded.
    #[error("an excluded address (--jwks-blocked-cidrs)")]
    Configured,
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Addresses that are blocked besides those that always are.
    pub blocked: Vec<IpNet>,
    /// Tests have servers on loopback only.
    #[cfg(test)]
    pub exempt: Vec<IpNet>,
}

impl Rules {
    /// With these networks blocked besides what always is.
    pub fn new(blocked: Vec<IpNet>) -> Self {
        Self {
            blocked,
            #[cfg(test)]
            exempt: Vec::new(),
        }
    }

    /// Whether an address may be connected to.
    ///
    /// # Errors
    /// If not, why.
    pub fn check(&self, address: IpAddr) -> Result<(), Blocked> {
        let address = address.to_canonical();
        #[cfg(test)]
        if self.exempt.iter().any(|net| net.contains(&address)) {
            return Ok(());
        }
        if self.blocked.iter().any(|net| net.contains(&address)) {
            return Err(Blocked::Configured);
        }
        if METADATA.contains(&address) {
            return Err(Blocked::Metadata);
        }
        match address {
            IpAddr::V4(address) => always_v4(address),
            IpAddr::V6(address) => {
                always_v6(address)?;
                // The same machine by way of a translator.
                embedded(address).map_or(Ok(()), |inner| self.check(IpAddr::V4(inner)))
            }
        }
    }
}

fn always_v4(address: Ipv4Addr) -> Result<(), Blocked> {
    if address.is_loopback() {
        Err(Blocked::Loopback)
    } else if address.is_link_local() {
        Err(Blocked::LinkLocal)
    } else if address.octets()[0] == 0 || address.is_multicast() || address.is_broadcast() {
        // Linux takes 0.0.0.0 for itself.
        Err(Blocked::Nobody)
    } else {
        Ok(())
    }
}

fn always_v6(address: Ipv6Addr) -> Result<(), Blocked> {
    if address.is_loopback() {
        Err(Blocked::Loopback)
    } else if address.is_unicast_link_local() {
        Err(Blocked::LinkLocal)
    } else if address.is_unspecified() || address.is_multicast() {
        Err(Blocked::Nobody)
    } else {
        Ok(())
    }
}

/// The IPv4 address within: compatible (`::a.b.c.d`), NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`) or
/// 6to4 (`2002::/16`).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = address.segments();
    let of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        [0, 0, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, _, _, _, _, _] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_blocked() {
        let rules = Rules {
            blocked: vec!["10.96.0.0/12".parse().expect("a network")],
            exempt: Vec::new(),
        };
        for (address, expected) in [
            ("93.184.216.34", Ok(())),
            ("10.0.0.1", Ok(())),
            ("2001:db8::1", Ok(())),
            ("fd00::1", Ok(())),
            ("127.0.0.1", Err(Blocked::Loopback)),
            ("127.255.0.9", Err(Blocked::Loopback)),
            ("::1", Err(Blocked::Loopback)),
            ("::ffff:127.0.0.1", Err(Blocked::Loopback)),
            ("::127.0.0.1", Err(Blocked::Loopback)),
            ("64:ff9b::7f00:1", Err(Blocked::Loopback)),
            ("2002:7f00:1::", Err(Blocked::Loopback)),
            ("169.254.169.254", Err(Blocked::LinkLocal)),
            ("::ffff:169.254.169.254", Err(Blocked::LinkLocal)),
            ("64:ff9b::a9fe:a9fe", Err(Blocked::LinkLocal)),
            ("fe80::1", Err(Blocked::LinkLocal)),
            ("fd00:ec2::254", Err(Blocked::Metadata)),
            ("fd20:ce::254", Err(Blocked::Metadata)),
            ("100.100.100.200", Err(Blocked::Metadata)),
            ("168.63.129.16", Err(Blocked::Metadata)),
            ("0.0.0.0", Err(Blocked::Nobody)),
            ("0.1.2.3", Err(Blocked::Nobody)),
            ("::", Err(Blocked::Nobody)),
            ("255.255.255.255", Err(Blocked::Nobody)),
            ("224.0.0.1", Err(Blocked::Nobody)),
            ("ff02::1", Err(Blocked::Nobody)),
            ("10.96.0.1", Err(Blocked::Configured)),
            ("64:ff9b::a60:1", Err(Blocked::Configured)),
        ] {
            let found = rules.check(address.parse().expect("an address"));
            assert_eq!(found, expected, "{address}");
        }
    }
}
