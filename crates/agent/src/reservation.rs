//! Ports that Envoy is going to bind when its configuration arrives.
//!
//! Envoy shares ports (`SO_REUSEPORT`) with any other process of the same user: a second Envoy on the same port would
//! silently take half of the traffic. So the agent takes the port first, in a way that lets its own Envoy in, and that
//! another agent notices.

use std::net::SocketAddr;

use ferromesh_chassis::Failure;
use tokio::net::TcpSocket;

/// A port that is held for Envoy. It accepts no connection itself.
#[derive(Debug)]
pub struct Reservation {
    socket: TcpSocket,
}

impl Reservation {
    /// Takes the port; 0 lets the system choose one. `what` names it in the error, e.g. `--http-proxy-port`.
    ///
    /// # Errors
    /// When the port is taken, or the address is not this machine's.
    pub fn take(what: &str, address: SocketAddr) -> Result<Self, Failure> {
        check_free(what, address)?;
        let fault = |error| Failure::new(format!("{what}: cannot take {address}: {error}"));
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }
        .map_err(fault)?;
        socket.set_reuseport(true).map_err(fault)?;
        socket.bind(address).map_err(fault)?;
        Ok(Self { socket })
    }

    /// The address with the port that was chosen.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        self.socket
            .local_addr()
            .map_err(|error| Failure::new(format!("cannot tell which port was chosen: {error}")))
    }
}

/// Fails in words that name the flag when nobody could listen on the address now.
///
/// # Errors
/// When the port is taken, or the address is not this machine's.
pub fn check_free(what: &str, address: SocketAddr) -> Result<(), Failure> {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                Failure::new(format!("{what}: {address} is taken by another program"))
            }
            std::io::ErrorKind::AddrNotAvailable => Failure::new(format!(
                "{what}: this machine has no address {}",
                address.ip()
            )),
            _ => Failure::new(format!("{what}: cannot listen on {address}: {error}")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_second_agent_notices_and_the_own_envoy_gets_in() {
        let first = Reservation::take("--http-proxy-port", "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.address().unwrap();
        let second = Reservation::take("--http-proxy-port", address).unwrap_err();
        assert_eq!(
            second.to_string(),
            format!("--http-proxy-port: {address} is taken by another program")
        );

        let envoy = TcpSocket::new_v4().unwrap();
        envoy.set_reuseaddr(true).unwrap();
        envoy.set_reuseport(true).unwrap();
        envoy.bind(address).unwrap();
        let listener = envoy.listen(1).unwrap();
        // The one that only holds the port must not swallow connections.
        let connected = tokio::net::TcpStream::connect(address);
        let (connected, accepted) = tokio::join!(connected, listener.accept());
        assert!(connected.is_ok() && accepted.is_ok());
    }
}
