//! The command line of `ferromesh-agent proxy`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ferromesh_chassis::failure::{Failure, WRONG_USAGE};
use ferromesh_chassis::log;
use ferromesh_identity::{SpiffeId, TrustDomain};

use crate::envoy;
use crate::identity::settings::Credentials;
use crate::settings::{
    Bound, Captured, ControlPlane, Identity, Interception, Patience, Settings, Variant, XdsAddress,
};

/// The port of the HTTP proxy that Istio's users know.
const HTTP_PROXY_PORT: u16 = 15002;

/// How traffic gets into the proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum InterceptionMode {
    /// Nothing is captured: the proxy binds the ports of the workload and of the services that it uses.
    #[value(name = "NONE")]
    None,
    /// Rules of the kernel redirect connections to the ports 15001 and 15006.
    #[value(name = "REDIRECT")]
    Redirect,
    /// As REDIRECT, but the application sees the addresses of its clients. Envoy needs CAP_NET_ADMIN for that.
    #[value(name = "TPROXY")]
    Tproxy,
}

/// How Envoy asks for its configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum XdsVariant {
    /// Incrementally.
    Delta,
    /// Everything of one kind at a time.
    StateOfTheWorld,
}

/// Which workload the proxy stands for, where its control plane is, and what it binds.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The control plane. Envoy and the control plane prove to each other who they are, so a token is needed.
    #[arg(
        long,
        value_name = "HOST:PORT",
        required_unless_present = "plaintext_xds",
        requires = "token"
    )]
    pub xds: Option<XdsAddress>,

    /// Instead of --xds: the control plane's port without TLS, on this machine.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "xds")]
    pub plaintext_xds: Option<XdsAddress>,

    /// The file with the token that proves who the workload is, read again for each certificate.
    #[arg(long, value_name = "FILE", requires = "root_cert")]
    pub token: Option<PathBuf>,

    /// The file with the root certificates by which the control plane is known, read again for each connection.
    #[arg(long, value_name = "FILE", requires = "token")]
    pub root_cert: Option<PathBuf>,

    /// Who issues certificates [default: the same as --xds].
    #[arg(long, value_name = "HOST:PORT", requires = "token")]
    pub ca: Option<XdsAddress>,

    /// The trust domain of the mesh.
    #[arg(long, value_name = "NAME", default_value = "cluster.local", value_parser = trust_domain)]
    pub trust_domain: TrustDomain,

    /// The namespace of the control plane, whose identity is SPIFFE's /ns/NS/sa/ferromesh.
    #[arg(long, value_name = "NS", default_value = "istio-system", value_parser = name)]
    pub root_namespace: String,

    /// The workload that this proxy stands for: the name of a Pod or WorkloadEntry.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub workload: String,

    /// The namespace of the workload.
    #[arg(long, value_name = "NS", value_parser = name)]
    pub namespace: String,

    /// The address of the workload, at which others reach it. With NONE the proxy binds its ports there.
    #[arg(long, value_name = "A")]
    pub address: IpAddr,

    /// With NONE: where the application itself listens [default: 127.0.0.1].
    #[arg(long, value_name = "B")]
    pub app_address: Option<IpAddr>,

    /// With NONE: where the proxy binds the ports of services and of the HTTP proxy [default: 127.0.0.1].
    #[arg(long, value_name = "O")]
    pub outbound_address: Option<IpAddr>,

    /// With NONE: the port of the HTTP proxy on the outbound address; 0 lets the system choose one [default: 15002].
    #[arg(long, value_name = "PORT")]
    pub http_proxy_port: Option<u16>,

    /// How traffic gets into the proxy.
    #[arg(long, value_enum, ignore_case = true, default_value = "NONE")]
    pub interception_mode: InterceptionMode,

    /// The Envoy to run [default: "envoy" as found by PATH].
    #[arg(long, value_name = "PATH")]
    pub envoy: Option<PathBuf>,

    /// Where Envoy's admin interface listens; port 0 lets the system choose one.
    #[arg(long, default_value = "127.0.0.1:15000", value_name = "IP:PORT")]
    pub admin_address: SocketAddr,

    /// Where the agent answers /ready, /healthz/ready and /stats/prometheus; port 0 lets the system choose one.
    #[arg(long, default_value = "127.0.0.1:15021", value_name = "IP:PORT")]
    pub status_address: SocketAddr,

    /// Where the agent answers the same to scrapers, at a port of its own.
    #[arg(long, value_name = "IP:PORT")]
    pub metrics_address: Option<SocketAddr>,

    /// How Envoy asks for its configuration.
    #[arg(long, value_enum, default_value = "delta")]
    pub xds_variant: XdsVariant,

    /// The number of Envoy's worker threads.
    #[arg(long, default_value_t = 2, value_name = "THREADS", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub concurrency: u32,

    /// What Envoy logs: error, warn, info, debug or trace. The agent's own --log-level applies too.
    #[arg(long, default_value = "warn", value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub envoy_log_level: String,

    /// How long requests and TCP connections may take to finish after SIGTERM.
    #[arg(long, default_value_t = 25, value_name = "SECONDS")]
    pub drain_seconds: u32,

    /// How long after SIGTERM idle connections may stay, during which their clients can still use them.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    pub drain_idle_seconds: u32,

    /// How the agent logs.
    #[command(flatten)]
    pub log: log::Arguments,
}

impl Arguments {
    /// What the arguments mean together.
    ///
    /// # Errors
    /// When they contradict each other, or when there is no Envoy.
    pub fn settings(self) -> Result<Settings, Failure> {
        let Self {
            xds,
            plaintext_xds,
            token,
            root_cert,
            ca,
            trust_domain,
            root_namespace,
            workload,
            namespace,
            address,
            app_address,
            outbound_address,
            http_proxy_port,
            interception_mode,
            envoy,
            admin_address,
            status_address,
            metrics_address,
            xds_variant,
            concurrency,
            envoy_log_level,
            drain_seconds,
            drain_idle_seconds,
            log: _,
        } = self;
        let none = (app_address, outbound_address, http_proxy_port);
        let interception = interception(interception_mode, address, none)?;
        let control_plane = match (xds, plaintext_xds) {
            (Some(address), _) => ControlPlane::Secured(address),
            (None, Some(address)) => ControlPlane::Plaintext(address),
            (None, None) => return Err(wrong_usage("--xds is missing".to_owned())),
        };
        // The parser sees to it that there are both or none.
        let identity = match token.zip(root_cert) {
            Some((token, root)) => Identity::Issued(Credentials {
                ca: authority(ca, &control_plane)?,
                token,
                root,
                control_plane: SpiffeId::of_control_plane(trust_domain.clone(), &root_namespace)
                    .map_err(|fault| wrong_usage(format!("--root-namespace: {fault}")))?,
                trust_domain,
                namespace: namespace.clone(),
            }),
            None => Identity::None,
        };
        Ok(Settings {
            control_plane,
            identity,
            variant: match xds_variant {
                XdsVariant::Delta => Variant::Delta,
                XdsVariant::StateOfTheWorld => Variant::StateOfTheWorld,
            },
            workload,
            namespace,
            address,
            interception,
            envoy: envoy::find(envoy)?,
            admin_address,
            status_address: in_family(status_address, address),
            metrics_address: metrics_address.map(|listen| in_family(listen, address)),
            concurrency,
            envoy_log_level,
            patience: Patience {
                work: Duration::from_secs(drain_seconds.into()),
                idle: Duration::from_secs(drain_idle_seconds.min(drain_seconds).into()),
            },
        })
    }
}

/// All addresses of a workload whose own is of IPv6 are of IPv6: the injector doesn't know which family a pod will have.
fn in_family(listen: SocketAddr, workload: IpAddr) -> SocketAddr {
    if listen.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) && workload.is_ipv6() {
        SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), listen.port())
    } else {
        listen
    }
}

/// How traffic gets into the proxy; the last value is what has a meaning with NONE alone.
fn interception(
    mode: InterceptionMode,
    address: IpAddr,
    (app, outbound, http_proxy_port): (Option<IpAddr>, Option<IpAddr>, Option<u16>),
) -> Result<Interception, Failure> {
    let only_none = [
        ("--app-address", app.is_some()),
        ("--outbound-address", outbound.is_some()),
        ("--http-proxy-port", http_proxy_port.is_some()),
    ];
    match mode {
        InterceptionMode::None => {
            bound(address, app, outbound, http_proxy_port).map(Interception::None)
        }
        InterceptionMode::Redirect => captured(Captured::Redirect, &only_none),
        InterceptionMode::Tproxy => captured(Captured::Tproxy, &only_none),
    }
}

/// Who issues certificates.
fn authority(given: Option<XdsAddress>, xds: &ControlPlane) -> Result<XdsAddress, Failure> {
    match (given, xds) {
        (Some(ca), _) => Ok(ca),
        (None, ControlPlane::Secured(address)) => Ok(address.clone()),
        (None, ControlPlane::Plaintext(_)) => Err(wrong_usage(
            "--token needs --ca beside --plaintext-xds, where no certificates are issued"
                .to_owned(),
        )),
    }
}

/// Captured traffic, for which some flags have no meaning.
fn captured(how: Captured, only_none: &[(&str, bool)]) -> Result<Interception, Failure> {
    match only_none.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(wrong_usage(format!(
            "{flag} has no effect with --interception-mode {how}"
        ))),
        None => Ok(Interception::Captured(how)),
    }
}

/// What is bound without capture. The proxy and the application bind the same ports, so their addresses must differ.
fn bound(
    address: IpAddr,
    app: Option<IpAddr>,
    outbound: Option<IpAddr>,
    http_proxy_port: Option<u16>,
) -> Result<Bound, Failure> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let app = app.unwrap_or(loopback);
    if app == address {
        return Err(wrong_usage(format!(
            "--address and --app-address are both {address}: with --interception-mode NONE the proxy takes the \
             application's ports at the former and hands over to the latter"
        )));
    }
    if address.is_unspecified() {
        return Err(wrong_usage(format!(
            "--address {address}: name the one address at which others reach the workload"
        )));
    }
    Ok(Bound {
        app,
        outbound: outbound.unwrap_or(loopback),
        http_proxy_port: http_proxy_port.unwrap_or(HTTP_PROXY_PORT),
    })
}

fn wrong_usage(text: String) -> Failure {
    Failure::with_status(text, WRONG_USAGE)
}

fn trust_domain(text: &str) -> Result<TrustDomain, String> {
    TrustDomain::new(text).map_err(|fault| fault.to_string())
}

/// A name as Kubernetes allows it. Others would break the node id, in which `~` separates.
fn name(text: &str) -> Result<String, String> {
    let sound = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
    };
    if text.is_empty() || text.len() > 253 || !text.bytes().all(sound) {
        return Err("a name has up to 253 lower case letters, digits, '-' and '.'".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: Arguments,
    }

    const NEEDED: [&str; 9] = [
        "agent",
        "--plaintext-xds",
        "127.0.0.1:15010",
        "--workload",
        "web-0",
        "--namespace",
        "shop",
        "--address",
        "127.1.0.1",
    ];

    /// The settings of these arguments beside the needed ones, or the line that refuses them.
    fn check(more: &[&str], expected: Result<Interception, &str>) {
        let this = std::env::current_exe().unwrap();
        let all = NEEDED.iter().chain(more).map(|word| (*word).to_owned());
        let all = all.chain(["--envoy".to_owned(), this.display().to_string()]);
        let outcome = Program::parse_from(all).arguments.settings();
        let outcome = outcome
            .map(|settings| settings.interception)
            .map_err(|failure| failure.to_string());
        match (&outcome, &expected) {
            (Err(line), Err(part)) => assert!(line.contains(part), "{line}"),
            _ => assert_eq!(outcome, expected.map_err(str::to_owned)),
        }
    }

    #[test]
    fn interception_decides_which_flags_have_a_meaning() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let none = |app: &str, http_proxy_port| {
            Ok(Interception::None(Bound {
                app: app.parse().unwrap(),
                outbound: loopback,
                http_proxy_port,
            }))
        };
        check(&[], none("127.0.0.1", 15002));
        check(
            &["--app-address", "127.1.0.2", "--http-proxy-port", "0"],
            none("127.1.0.2", 0),
        );
        check(
            &["--app-address", "127.1.0.1"],
            Err("--address and --app-address are both 127.1.0.1"),
        );
        check(
            &["--interception-mode", "redirect"],
            Ok(Interception::Captured(Captured::Redirect)),
        );
        check(
            &["--interception-mode", "TPROXY"],
            Ok(Interception::Captured(Captured::Tproxy)),
        );
        check(
            &["--interception-mode", "REDIRECT", "--http-proxy-port", "1"],
            Err("--http-proxy-port has no effect with --interception-mode REDIRECT"),
        );
        check(
            &[
                "--interception-mode",
                "TPROXY",
                "--app-address",
                "127.1.0.2",
            ],
            Err("--app-address has no effect with --interception-mode TPROXY"),
        );
    }

    #[test]
    fn the_kubelet_reaches_the_agent_in_the_family_of_the_pod() {
        for (listen, workload, expected) in [
            ("0.0.0.0:15021", "10.1.2.3", "0.0.0.0:15021"),
            ("0.0.0.0:15021", "fd00::1", "[::]:15021"),
            ("127.0.0.1:15021", "fd00::1", "127.0.0.1:15021"),
            ("[::]:15021", "10.1.2.3", "[::]:15021"),
        ] {
            let chosen = in_family(listen.parse().unwrap(), workload.parse().unwrap());
            assert_eq!(chosen.to_string(), expected);
        }
    }

    #[test]
    fn names_that_break_the_node_id_are_refused() {
        for bad in ["", "a~b", "Web", "a b"] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert_eq!(name("web-0.v1").as_deref(), Ok("web-0.v1"));
    }
}
