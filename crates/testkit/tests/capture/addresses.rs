//! Who has which address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Address families.
#[derive(Clone, Copy, Debug)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Dual,
}

/// The version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 4.
    V4,
    /// 6.
    V6,
}

impl Families {
    /// The versions.
    pub fn versions(self) -> &'static [Version] {
        match self {
            Self::V4 => &[Version::V4],
            Self::V6 => &[Version::V6],
            Self::Dual => &[Version::V4, Version::V6],
        }
    }
}

impl Version {
    /// The address of a pod.
    pub fn pod(self, pod: Host) -> IpAddr {
        let host = pod as u8;
        match self {
            Self::V4 => Ipv4Addr::new(10, 77, 0, host).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, host.into()).into(),
        }
    }

    /// The address of a service. No machine has it.
    pub fn service(self, service: Service) -> IpAddr {
        let host = service as u8;
        match self {
            Self::V4 => Ipv4Addr::new(10, 96, 0, host).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 0x96, 0, 0, 0, 0, 0, host.into()).into(),
        }
    }

    /// An address of the machine outside that the mesh knows nothing of.
    pub fn external(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(198, 51, 100, 7).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).into(),
        }
    }

    /// A network that is nowhere but in the entry `ranged`.
    pub fn range(self) -> &'static str {
        match self {
            Self::V4 => "203.0.113.0/24",
            Self::V6 => "2001:db8:ffff::/64",
        }
    }

    /// An address of that network.
    pub fn ranged(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(203, 0, 113, 77).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 77).into(),
        }
    }

    /// The address from which a redirecting proxy calls its application.
    pub fn redirected(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(127, 0, 0, 6).into(),
            Self::V6 => Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6).into(),
        }
    }
}

/// The machines, with the last part of their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Calls others.
    Client = 1,
    /// Version v1 of the service.
    V1 = 11,
    /// Version v2 of the service.
    V2 = 12,
    /// No part of the mesh.
    Outside = 99,
}

/// The services with a virtual address, with its last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Both versions, every port.
    Web = 10,
    /// Version v1.
    One = 21,
    /// Version v2, on the same ports.
    Two = 22,
    /// The client itself.
    Client = 30,
}

impl Service {
    /// One of its sockets.
    pub fn at(self, version: Version, port: u16) -> SocketAddr {
        SocketAddr::new(version.service(self), port)
    }
}

impl Host {
    /// One of its sockets.
    pub fn at(self, version: Version, port: u16) -> SocketAddr {
        SocketAddr::new(version.pod(self), port)
    }
}
