//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use envoy::hcm::HttpConnectionManager;
use ferromesh_envoy as envoy;

use crate::answer::unknown;
use crate::traffic::Traffic;
use crate::verdict::Outcome;

/// The address of the client, as trusted proxies say; without any, that of the connection.
pub(super) fn remote(
    manager: &HttpConnectionManager,
    traffic: &mut Traffic<'_>,
) -> Result<SocketAddr, Outcome> {
    if !manager.original_ip_detection_extensions.is_empty()
        || !manager.early_header_mutation_extensions.is_empty()
    {
        return Err(unknown("how the client's address is found"));
    }
    let source = traffic.connection.source;
    let hops = usize::try_from(manager.xff_num_trusted_hops).unwrap_or(usize::MAX);
    let forwarded = traffic.headers.first("x-forwarded-for");
    let at = |hops: usize| last(forwarded.unwrap_or_default(), hops);
    if !manager.use_remote_address.unwrap_or(false) {
        return Ok(at(hops).unwrap_or(source));
    }
    let remote = match hops.checked_sub(1) {
        None => source,
        Some(hops) => at(hops).unwrap_or(source),
    };
    if !manager.skip_xff_append {
        // For a peer on the same host, Envoy adds an address of its own.
        if source.ip().is_loopback() {
            traffic.headers.forget("x-forwarded-for");
        } else {
            traffic
                .headers
                .add("x-forwarded-for", &source.ip().to_string());
        }
    }
    Ok(remote)
}

/// The last address in a list but so many.
fn last(list: &str, skip: usize) -> Option<SocketAddr> {
    let text = list.rsplit(',').nth(skip)?.trim();
    let address: IpAddr = text.parse().ok()?;
    Some(SocketAddr::new(address, 0))
}

#[cfg(test)]
mod tests {
    use super::last;

    #[test]
    fn the_last_address_but_some_is_found() {
        for (list, skip, expected) in [
            ("", 0, None),
            ("192.0.2.1", 0, Some("192.0.2.1")),
            ("192.0.2.1, 192.0.2.2", 0, Some("192.0.2.2")),
            ("192.0.2.1, 192.0.2.2", 1, Some("192.0.2.1")),
            ("192.0.2.1, 192.0.2.2", 2, None),
            ("192.0.2.1, x", 0, None),
            ("2001:db8::1", 0, Some("2001:db8::1")),
        ] {
            let found = last(list, skip).map(|it| it.ip().to_string());
            assert_eq!(found.as_deref(), expected, "{list} {skip}");
        }
    }
}
