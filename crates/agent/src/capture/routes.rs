//! Addresses and routes that capture needs besides rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferromesh_chassis::Failure;
use rtnetlink::packet_route::route::{RouteScope, RouteType};
use rtnetlink::packet_route::rule::RuleAction;
use rtnetlink::{Error, Handle, RouteMessageBuilder};

use super::rules::MARK;
use crate::settings::Captured;

/// The table of routes for what was captured transparently.
const TABLE: u32 = 133;

/// The loopback interface; in every network namespace it is the first.
const LOOPBACK: u32 = 1;

/// "It exists", as the kernel says it.
const EXISTS: i32 = -17;

/// The address from which the proxy speaks to the application; 127.0.0.6 is there already.
const SOURCE: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6);

/// Sets them; what is there already stays.
///
/// # Errors
/// When the kernel refuses.
pub fn set(captured: Captured) -> Result<(), Failure> {
    let fault = |error: &dyn std::fmt::Display| Failure::new(format!("routes: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fault(&error))?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(|error| fault(&error))?;
        tokio::spawn(connection);
        let done = async {
            source(&handle).await?;
            match captured {
                Captured::Redirect => Ok(()),
                Captured::Tproxy => local_routes(&handle).await,
            }
        };
        done.await.map_err(|error| fault(&error))
    })
}

async fn source(handle: &Handle) -> Result<(), Error> {
    if !has_ipv6() {
        return Ok(());
    }
    let address = handle.address().add(LOOPBACK, IpAddr::V6(SOURCE), 128);
    unless_there(address.execute().await)
}

/// What carries the mark is for this pod, whatever its address says.
async fn local_routes(handle: &Handle) -> Result<(), Error> {
    let rule = || {
        handle
            .rule()
            .add()
            .fw_mark(MARK)
            .table_id(TABLE)
            .action(RuleAction::ToTable)
    };
    unless_there(rule().v4().execute().await)?;
    let route = RouteMessageBuilder::<Ipv4Addr>::new()
        .output_interface(LOOPBACK)
        .table_id(TABLE)
        .kind(RouteType::Local)
        .scope(RouteScope::Host)
        .build();
    unless_there(handle.route().add(route).execute().await)?;
    if !has_ipv6() {
        return Ok(());
    }
    unless_there(rule().v6().execute().await)?;
    let route = RouteMessageBuilder::<Ipv6Addr>::new()
        .output_interface(LOOPBACK)
        .table_id(TABLE)
        .kind(RouteType::Local)
        .build();
    unless_there(handle.route().add(route).execute().await)
}

/// Whether the kernel of this pod speaks IPv6 at all.
fn has_ipv6() -> bool {
    let text = std::fs::read_to_string("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
    text.is_ok_and(|text| text.trim() == "0")
}

fn unless_there(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(Error::NetlinkError(message)) if message.code.map(i32::from) == Some(EXISTS) => Ok(()),
        other => other,
    }
}
