//! Ports, ranges and interfaces: what becomes arguments of the program that writes rules of the kernel. They are parsed
//! to values, and rendered from these.

use std::fmt::{self, Display};
use std::str::FromStr;

use ipnet::IpNet;

use crate::annotation::Misreading;

/// All of something, or these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen<T> {
    All,
    These(Vec<T>),
}

/// `*`, a list with commas, or nothing.
impl<T: Display> Display for Chosen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = match self {
            Self::All => return f.write_str("*"),
            Self::These(items) => items,
        };
        items.iter().enumerate().try_for_each(|(at, item)| {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{item}")
        })
    }
}

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port(pub u16);

impl Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads one port.
pub(crate) fn port(text: &str) -> Result<Port, Misreading> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u16>().ok().filter(|port| digits && *port != 0);
    number.map(Port).ok_or_else(|| {
        Misreading::new(
            format!("{text:?} is no port"),
            "write numbers from 1 to 65535 with commas between them, such as \"8080,9090\"",
        )
    })
}

/// Reads a range of addresses.
pub(crate) fn range(text: &str) -> Result<IpNet, Misreading> {
    IpNet::from_str(text)
        .map(|range| range.trunc())
        .map_err(|_| {
            Misreading::new(
                format!("{text:?} is no range of addresses"),
                "write CIDR ranges with commas between them, such as \"10.96.0.0/12,fd00::/8\"",
            )
        })
}

/// The name of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface(String);

impl Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the name of an interface: what Linux takes, less what means something to those who read rules.
pub(crate) fn interface(text: &str) -> Result<Interface, Misreading> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if matches!(text, "." | "..")
        || text.is_empty()
        || text.len() > 15
        || text.starts_with('-')
        || !text.bytes().all(sound)
    {
        return Err(Misreading::new(
            format!("{text:?} is no name of a network interface"),
            "write names of up to 15 letters, digits, '-', '_' and '.' with commas between them, such as \"eth1,net0\"",
        ));
    }
    Ok(Interface(text.to_owned()))
}

/// Reads a list with commas; nothing is an empty one.
pub(crate) fn list<T: PartialEq>(
    text: &str,
    read: fn(&str) -> Result<T, Misreading>,
) -> Result<Chosen<T>, Misreading> {
    let mut items = Vec::new();
    if !text.trim().is_empty() {
        for part in text.split(',') {
            let item = read(part.trim())?;
            if !items.contains(&item) {
                items.push(item);
            }
        }
    }
    Ok(Chosen::These(items))
}

/// Reads `*` or a list.
pub(crate) fn all_or_list<T: PartialEq>(
    text: &str,
    read: fn(&str) -> Result<T, Misreading>,
) -> Result<Chosen<T>, Misreading> {
    if text.trim() == "*" {
        Ok(Chosen::All)
    } else {
        list(text, read)
    }
}

#[cfg(test)]
mod tests {
    use super::{all_or_list, interface, list, port, range};

    #[test]
    fn what_is_read_is_rendered_again() {
        let ports = |text| all_or_list(text, port).map(|read| read.to_string());
        for (text, expected) in [
            ("", ""),
            (" ", ""),
            ("*", "*"),
            ("80", "80"),
            (" 80 , 00443,80 ", "80,443"),
        ] {
            assert_eq!(ports(text).as_deref(), Ok(expected), "{text}");
        }
        let ranges = |text| list(text, range).map(|read| read.to_string());
        assert_eq!(
            ranges("10.1.2.3/8, FD00::1/8,10.0.0.0/8").as_deref(),
            Ok("10.0.0.0/8,fd00::/8")
        );
        let names = |text| list(text, interface).map(|read| read.to_string());
        assert_eq!(names("eth0, net1.2").as_deref(), Ok("eth0,net1.2"));
    }

    #[test]
    fn what_means_something_to_rules_is_refused() {
        for text in [
            "8080 } chain x {",
            "0",
            "65536",
            "+80",
            "-1",
            "80-90",
            "80,",
            ",",
            "*,80",
            "http",
            "８０",
            "80\n81",
            "include \"/etc/passwd\"",
        ] {
            assert!(all_or_list(text, port).is_err(), "{text:?}");
        }
        for text in [
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/8 accept",
            "fe80::1%eth0/64",
            "*",
            "a/8",
            "10.0.0.0/8;",
        ] {
            assert!(list(text, range).is_err(), "{text:?}");
        }
        for text in [
            "eth0 }",
            "a/b",
            "..",
            "-o",
            "\"eth0\"",
            "abcdefghijklmnop",
            "eth*",
            "a@b",
            "$(X)",
            "eth0;",
            "a,,b",
        ] {
            assert!(list(text, interface).is_err(), "{text:?}");
        }
    }
}
