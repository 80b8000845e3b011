//! Binding an address that a flag names.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::failure::Failure;

/// Listens on the address. Port 0 lets the system choose one, which the second value tells.
///
/// # Errors
/// When the address is taken or not this machine's; the line names the flag.
pub async fn on(flag: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let fault = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::new(format!(
            "{flag} {address}: the port is taken (0 lets the system choose one)"
        )),
        std::io::ErrorKind::AddrNotAvailable => Failure::new(format!(
            "{flag} {address}: this machine has no such address"
        )),
        _ => Failure::new(format!("{flag} {address}: {error}")),
    };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let chosen = listener.local_addr().map_err(fault)?;
    Ok((listener, chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn port_zero_is_chosen_and_a_taken_port_is_named() {
        let (_listener, chosen) = on("--debug-address", "127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        assert_ne!(chosen.port(), 0);
        let failure = on("--debug-address", chosen).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!("--debug-address {chosen}: the port is taken (0 lets the system choose one)")
        );
    }
}
