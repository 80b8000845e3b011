//! What is captured, in values.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::Proxy;
use crate::settings::Captured;

/// What is captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// How.
    pub captured: Captured,
    /// Whose traffic is not.
    pub proxy: Proxy,
    /// Ports of the application.
    pub inbound_ports: Choice<u16>,
    /// Those of them that are left alone.
    pub excluded_inbound_ports: BTreeSet<u16>,
    /// Where connections go.
    pub outbound_ranges: Choice<IpNet>,
    /// Where they go without being captured.
    pub excluded_outbound_ranges: BTreeSet<IpNet>,
    /// Ports that are captured wherever connections go.
    pub outbound_ports: Choice<u16>,
    /// Ports that never are.
    pub excluded_outbound_ports: BTreeSet<u16>,
    /// Interfaces of virtual machines in the pod: what comes from there is outbound traffic.
    pub virtual_interfaces: BTreeSet<Interface>,
    /// Interfaces whose traffic is left alone.
    pub excluded_interfaces: BTreeSet<Interface>,
}

/// All or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<T: Ord> {
    /// All.
    All,
    /// These; maybe none.
    These(BTreeSet<T>),
}

/// The name of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface(String);

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Interface {
    type Err = String;

    /// What Linux allows, without the characters that mean something to nft.
    fn from_str(text: &str) -> Result<Self, String> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=15).contains(&text.len()) && text.bytes().all(sound) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text:?} is no name of an interface"))
        }
    }
}

/// Reads a list, separated by commas; empty is none.
///
/// # Errors
/// The first item that is none.
pub fn list<T: Ord + FromStr>(text: &str) -> Result<BTreeSet<T>, String> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items
        .map(|item| item.parse().map_err(|_| format!("{item:?} is none")))
        .collect()
}

/// Reads a list or `*` for all.
///
/// # Errors
/// The first item that is none.
pub fn choice<T: Ord + FromStr>(text: &str) -> Result<Choice<T>, String> {
    match text.trim() {
        "*" => Ok(Choice::All),
        text => list(text).map(Choice::These),
    }
}

/// An address range; a single address is one, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range(pub IpNet);

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse()
            .or_else(|_| address())
            .map(|range: IpNet| Self(range.trunc()))
            .map_err(|_| format!("{text:?} is no range of addresses"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_or_refused() {
        let ports = |text| choice::<u16>(text);
        assert_eq!(ports(" * "), Ok(Choice::All));
        assert_eq!(ports(""), Ok(Choice::These(BTreeSet::new())));
        assert_eq!(
            ports("80, 443,"),
            Ok(Choice::These(BTreeSet::from([80, 443])))
        );
        for bad in [
            "8080 } chain x {",
            "65536",
            "-1",
            "include \"/etc/passwd\"",
            "80;81",
        ] {
            assert!(ports(bad).is_err(), "{bad}");
        }
        let range = |text: &str| text.parse::<Range>().map(|range| range.0.to_string());
        assert_eq!(range("10.1.2.3/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(range("10.1.2.3").as_deref(), Ok("10.1.2.3/32"));
        assert_eq!(range("fd00::1").as_deref(), Ok("fd00::1/128"));
        assert!(range("10.0.0.0/8 } drop").is_err());
        for bad in ["", "eth0\"", "a name", "much-too-long-a-name", "e}"] {
            assert!(bad.parse::<Interface>().is_err(), "{bad}");
        }
        assert!("tap0.1".parse::<Interface>().is_ok());
    }
}
