//! What the agent was told, in checked types.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::identity::settings::Credentials;

/// Everything that the agent was told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The control plane.
    pub control_plane: ControlPlane,
    /// Whether the workload has an identity.
    pub identity: Identity,
    /// How Envoy asks for its configuration.
    pub variant: Variant,
    /// The name of the Pod or WorkloadEntry.
    pub workload: String,
    /// Its namespace.
    pub namespace: String,
    /// Its address.
    pub address: IpAddr,
    /// How traffic gets into the proxy.
    pub interception: Interception,
    /// The Envoy to run.
    pub envoy: PathBuf,
    /// Where its admin interface listens; port 0 leaves the choice to the system.
    pub admin_address: SocketAddr,
    /// Where the agent itself listens; port 0 leaves the choice to the system.
    pub status_address: SocketAddr,
    /// Where it listens for scrapers, if it does.
    pub metrics_address: Option<SocketAddr>,
    /// The number of Envoy's worker threads.
    pub concurrency: u32,
    /// The level of Envoy's logs.
    pub envoy_log_level: String,
    /// How long to wait for what, when the proxy ends.
    pub patience: Patience,
}

/// How Envoy reaches the control plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ControlPlane {
    /// By mutual TLS.
    Secured(XdsAddress),
    /// In the clear, on this machine.
    Plaintext(XdsAddress),
}

impl ControlPlane {
    /// Where it is.
    pub fn address(&self) -> &XdsAddress {
        match self {
            Self::Secured(address) | Self::Plaintext(address) => address,
        }
    }
}

/// Whether the workload has an identity.
#[derive(Clone, Debug)]
pub enum Identity {
    /// It has none: no mutual TLS.
    None,
    /// It gets one by these.
    Issued(Credentials),
}

/// The variant of xDS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Variant {
    /// Incremental.
    Delta,
    /// Everything of one kind at a time.
    StateOfTheWorld,
}

/// How traffic gets into the proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Interception {
    /// The kernel brings it.
    Captured(Captured),
    /// The proxy binds ports.
    None(Bound),
}

/// How the kernel brings traffic. The names are Istio's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Captured {
    /// By redirection.
    Redirect,
    /// By redirection outbound; inbound by transparent proxying, which keeps the client's address.
    Tproxy,
}

impl fmt::Display for Captured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Redirect => "REDIRECT",
            Self::Tproxy => "TPROXY",
        })
    }
}

/// What is bound without capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bound {
    /// Where the application listens.
    pub app: IpAddr,
    /// Where the ports of services and of the HTTP proxy are bound.
    pub outbound: IpAddr,
    /// The port of the HTTP proxy; 0 leaves the choice to the system.
    pub http_proxy_port: u16,
}

/// How long to wait when the proxy ends, counted from SIGTERM.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// For requests and TCP connections to finish.
    pub work: Duration,
    /// For idle connections to be closed by their clients; at most `work`.
    pub idle: Duration,
}

/// Where the control plane is: a host, by address or by name, and a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct XdsAddress {
    /// The host, without the brackets of an IPv6 address.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A host, by address or by name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name that DNS knows.
    Name(String),
}

impl FromStr for XdsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return checked(Host::Address(address.ip()), address.port());
        }
        let fault = || {
            "expected HOST:PORT, such as 127.0.0.1:15010, [::1]:15010 or istiod.example:15010"
                .to_owned()
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(fault)?;
        let port = port.parse::<u16>().map_err(|_| fault())?;
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        // A name of digits and dots is an address that was mistyped.
        let numeric = host
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if host.is_empty() || numeric || !host.bytes().all(sound) {
            return Err(fault());
        }
        checked(Host::Name(host.to_owned()), port)
    }
}

impl fmt::Display for XdsAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host {
            Host::Address(address) => SocketAddr::new(*address, *port).fmt(formatter),
            Host::Name(name) => write!(formatter, "{name}:{port}"),
        }
    }
}

fn checked(host: Host, port: u16) -> Result<XdsAddress, String> {
    if port == 0 {
        return Err("the control plane's port cannot be 0".to_owned());
    }
    Ok(XdsAddress { host, port })
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_plane_by_address_or_name() {
        let parse = |text: &str| {
            text.parse::<XdsAddress>()
                .map(|XdsAddress { host, port }| (host.to_string(), port))
        };
        assert_eq!(
            parse("127.0.0.1:15010"),
            Ok(("127.0.0.1".to_owned(), 15010))
        );
        assert_eq!(parse("[::1]:15010"), Ok(("::1".to_owned(), 15010)));
        assert_eq!(
            parse("control.mesh:15010"),
            Ok(("control.mesh".to_owned(), 15010))
        );
        for text in ["127.0.0.1:15010", "[::1]:15010", "control.mesh:15010"] {
            let shown = text
                .parse::<XdsAddress>()
                .map(|address| address.to_string());
            assert_eq!(shown.as_deref(), Ok(text));
        }
        for bad in [
            "",
            "host",
            "host:",
            "host:x",
            ":1",
            "127.0.0.1:0",
            "127.0.0:1",
            "::1:15010",
            "a b:1",
            "host:70000",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
