//! The command line of `ferromesh-agent capture`. Its lists are those of Istio's annotations.

use std::collections::BTreeSet;

use clap::Args;
use ferromesh_chassis::failure::{Failure, WRONG_USAGE};
use ferromesh_chassis::log;
use ipnet::IpNet;

use super::Proxy;
use super::scope::{Choice, Interface, Range, Scope, choice, list};
use crate::arguments::InterceptionMode;
use crate::settings::Captured;

/// What is captured, and how.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// How traffic gets into the proxy; with NONE there is nothing to set.
    #[arg(long, value_enum, ignore_case = true, default_value = "REDIRECT")]
    pub interception_mode: InterceptionMode,

    /// Ports of the application whose traffic goes through the proxy, or * for all.
    #[arg(long, value_name = "PORTS", default_value = "*")]
    pub inbound_ports: String,

    /// Ports of the application whose traffic doesn't.
    #[arg(long, value_name = "PORTS", default_value = "")]
    pub exclude_inbound_ports: String,

    /// Where the application's connections go through the proxy: CIDR ranges, or * for everywhere.
    #[arg(long, value_name = "RANGES", default_value = "*")]
    pub outbound_ip_ranges: String,

    /// Where they don't.
    #[arg(long, value_name = "RANGES", default_value = "")]
    pub exclude_outbound_ip_ranges: String,

    /// Ports to which connections go through the proxy wherever they go, or * for all.
    #[arg(long, value_name = "PORTS", default_value = "")]
    pub outbound_ports: String,

    /// Ports to which they never do.
    #[arg(long, value_name = "PORTS", default_value = "")]
    pub exclude_outbound_ports: String,

    /// Interfaces of virtual machines in the pod, whose traffic counts as that of the application.
    #[arg(long, value_name = "NAMES", default_value = "")]
    pub virtual_interfaces: String,

    /// Interfaces whose traffic is left alone.
    #[arg(long, value_name = "NAMES", default_value = "")]
    pub exclude_interfaces: String,

    /// The user of the proxy.
    #[arg(long, value_name = "UID", default_value_t = 1337)]
    pub proxy_uid: u32,

    /// The group of the proxy.
    #[arg(long, value_name = "GID", default_value_t = 1337)]
    pub proxy_gid: u32,

    /// How the agent logs.
    #[command(flatten)]
    pub log: log::Arguments,
}

impl Arguments {
    /// What is captured; nothing with NONE.
    ///
    /// # Errors
    /// When a list has something in it that is none of its kind.
    pub fn scope(self) -> Result<Option<Scope>, Failure> {
        let Self {
            interception_mode,
            inbound_ports,
            exclude_inbound_ports,
            outbound_ip_ranges,
            exclude_outbound_ip_ranges,
            outbound_ports,
            exclude_outbound_ports,
            virtual_interfaces,
            exclude_interfaces,
            proxy_uid,
            proxy_gid,
            log: _,
        } = self;
        let captured = match interception_mode {
            InterceptionMode::None => return Ok(None),
            InterceptionMode::Redirect => Captured::Redirect,
            InterceptionMode::Tproxy => Captured::Tproxy,
        };
        let nets = |ranges: BTreeSet<Range>| ranges.into_iter().map(|Range(net)| net).collect();
        let ranges = told("--outbound-ip-ranges", choice(&outbound_ip_ranges))?;
        let excluded = told(
            "--exclude-outbound-ip-ranges",
            list(&exclude_outbound_ip_ranges),
        )?;
        Ok(Some(Scope {
            captured,
            proxy: Proxy {
                user: proxy_uid,
                group: proxy_gid,
            },
            inbound_ports: told("--inbound-ports", choice(&inbound_ports))?,
            excluded_inbound_ports: told("--exclude-inbound-ports", list(&exclude_inbound_ports))?,
            outbound_ranges: match ranges {
                Choice::All => Choice::<IpNet>::All,
                Choice::These(ranges) => Choice::These(nets(ranges)),
            },
            excluded_outbound_ranges: nets(excluded),
            outbound_ports: told("--outbound-ports", choice(&outbound_ports))?,
            excluded_outbound_ports: told(
                "--exclude-outbound-ports",
                list(&exclude_outbound_ports),
            )?,
            virtual_interfaces: told::<BTreeSet<Interface>>(
                "--virtual-interfaces",
                list(&virtual_interfaces),
            )?,
            excluded_interfaces: told("--exclude-interfaces", list(&exclude_interfaces))?,
        }))
    }
}

fn told<T>(flag: &str, read: Result<T, String>) -> Result<T, Failure> {
    read.map_err(|fault| Failure::with_status(format!("{flag}: {fault}"), WRONG_USAGE))
}
