//! Ports that Envoy is going to bind when its configuration arrives.
//!
//! The agent takes them first, in a way that lets its own Envoy in: a port that the system chose stays chosen, and one that
//! is taken is an error at the start instead of a listener that fails later. By default Envoy even shares ports
//! (`SO_REUSEPORT`) with any other process of the same user: a second one would silently take half of the traffic.

use std::net::SocketAddr;

use ferromesh_chassis::Failure;
use tokio::net::TcpSocket;

/// How Envoy will bind a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Binding {
    /// For itself (`enable_reuse_port: false`), so that another Envoy fails.
    Alone,
    /// As it does by default, one socket per worker. Another agent must notice, since Envoy won't.
    Shared,
}

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
    pub fn take(what: &str, address: SocketAddr, binding: Binding) -> Result<Self, Failure> {
        check_free(what, address)?;
        let fault = |error| Failure::new(format!("{what}: cannot take {address}: {error}"));
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }
        .map_err(fault)?;
        match binding {
            Binding::Alone => socket.set_reuseaddr(true),
            Binding::Shared => socket.set_reuseport(true),
        }
        .map_err(fault)?;
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
    use tokio::net::TcpListener;

    use super::*;

    /// Listens as Envoy does.
    fn envoy(address: SocketAddr, binding: Binding) -> TcpListener {
        let envoy = TcpSocket::new_v4().unwrap();
        envoy.set_reuseaddr(true).unwrap();
        envoy.set_reuseport(binding == Binding::Shared).unwrap();
        envoy.bind(address).unwrap();
        envoy.listen(1).unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_own_envoy_gets_in_and_a_second_agent_notices() {
        for binding in [Binding::Alone, Binding::Shared] {
            let take = |address| Reservation::take("--http-proxy-port", address, binding);
            let first = take("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = first.address().unwrap();
            let listener = envoy(address, binding);
            // The one that only holds the port must not swallow connections.
            let connected = tokio::net::TcpStream::connect(address);
            let (connected, accepted) = tokio::join!(connected, listener.accept());
            assert!(connected.is_ok() && accepted.is_ok(), "{binding:?}");

            let taken = format!("--http-proxy-port: {address} is taken by another program");
            assert_eq!(take(address).unwrap_err().to_string(), taken, "{binding:?}");
            drop(listener);
            // Shared ports are protected before Envoy has its configuration, too.
            assert_eq!(
                take(address).is_err(),
                binding == Binding::Shared,
                "{binding:?}"
            );
        }
    }
}
