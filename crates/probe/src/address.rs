//! Ranges of addresses.

use std::net::IpAddr;

use envoy::core::CidrRange;
use ferromesh_envoy as envoy;
use ipnet::IpNet;

use crate::answer::Answer;

/// The range; `None` if there is no such one.
pub(crate) fn range(range: &CidrRange) -> Option<IpNet> {
    parse(&range.address_prefix, range.prefix_len)
}

/// The range behind an address and the length of its prefix; without that it is everything, as
/// in Envoy.
pub(crate) fn parse(address: &str, length: Option<u32>) -> Option<IpNet> {
    let address: IpAddr = address.parse().ok()?;
    let length = u8::try_from(length.unwrap_or(0)).ok()?;
    IpNet::new(address, length).ok().map(|range| range.trunc())
}

/// Whether the address is in the range. Ranges of one family know nothing of the other; nobody
/// has the unspecified address, which stands for one that is not known.
pub(crate) fn contains(within: &CidrRange, address: IpAddr) -> Answer {
    match range(within) {
        Some(_) if address.is_unspecified() => Answer::unknown("the address of the client"),
        Some(range) => range.contains(&address).into(),
        None => Answer::unknown(format!(
            "the range of addresses {}/{}",
            within.address_prefix,
            within.prefix_len.unwrap_or(0)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_ranges_of_their_family() {
        for (prefix, length, address, expected) in [
            ("10.1.2.0", Some(24), "10.1.2.3", Answer::Yes),
            ("10.1.2.99", Some(24), "10.1.2.3", Answer::Yes),
            ("10.1.2.0", Some(24), "10.1.3.3", Answer::No),
            ("10.1.2.3", Some(32), "10.1.2.3", Answer::Yes),
            ("10.1.2.3", None, "192.0.2.1", Answer::Yes),
            ("0.0.0.0", Some(0), "::1", Answer::No),
            ("::", Some(0), "10.0.0.1", Answer::No),
            ("2001:db8::", Some(32), "2001:db8:1::1", Answer::Yes),
        ] {
            let range = CidrRange {
                address_prefix: prefix.to_owned(),
                prefix_len: length,
            };
            let address = address.parse().expect("an address");
            assert_eq!(contains(&range, address), expected, "{prefix} {address}");
        }
        let everything = CidrRange::default();
        let anybody = IpAddr::from([0, 0, 0, 0]);
        assert!(matches!(contains(&everything, anybody), Answer::Unknown(_)));
        for (prefix, length) in [("x", 1), ("10.0.0.0", 33)] {
            let range = CidrRange {
                address_prefix: prefix.to_owned(),
                prefix_len: Some(length),
            };
            let address = IpAddr::from([10, 0, 0, 1]);
            assert!(matches!(contains(&range, address), Answer::Unknown(_)));
        }
    }
}
