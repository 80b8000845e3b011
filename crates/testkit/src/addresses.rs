//! Loopback addresses that nobody else uses, so that tests and demos run side by side with any ports they like.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// The last octet of the address that marks a block as taken. It is handed out to nobody.
const MARK: u8 = 254;

/// The UDP port of the mark.
const MARK_PORT: u16 = 47_919;

/// The marks of all blocks of this process. They are kept until it ends: who used an address may outlive its test, and
/// nobody shall meet him.
static MARKS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A block `127.x.y.1` to `127.x.y.253` that is this process's until it ends.
///
/// Its mark is a UDP socket, which the kernel gives to one process only and takes back when that dies: no lock file stays.
#[derive(Debug)]
pub struct Addresses {
    octets: [u8; 2],
    next: u8,
}

impl Addresses {
    /// Takes a block that is free.
    ///
    /// # Panics
    /// When there is none among 60 000.
    pub fn take() -> Self {
        // Where the search begins is spread by process, so that many at the same time seldom meet. 127.0 is everybody's.
        let begin = std::process::id().wrapping_mul(2_654_435_761);
        for offset in 0..60_000_u32 {
            let [_, _, x, y] = begin.wrapping_add(offset).to_be_bytes();
            if x == 0 || x == u8::MAX {
                continue;
            }
            let mark = SocketAddr::from((Ipv4Addr::new(127, x, y, MARK), MARK_PORT));
            if let Ok(socket) = UdpSocket::bind(mark) {
                MARKS
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(socket);
                return Self {
                    octets: [x, y],
                    next: 1,
                };
            }
        }
        panic!("there is no free block of loopback addresses");
    }

    /// The next address of the block.
    ///
    /// # Panics
    /// After 253 of them.
    pub fn next_v4(&mut self) -> Ipv4Addr {
        assert!(
            self.next < MARK,
            "the block of loopback addresses is used up"
        );
        let [x, y] = self.octets;
        let address = Ipv4Addr::new(127, x, y, self.next);
        self.next += 1;
        address
    }

    /// The next address of the block, for what takes either family.
    ///
    /// # Panics
    /// After 253 of them.
    pub fn next_ip(&mut self) -> IpAddr {
        self.next_v4().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_addresses_are_distinct() {
        let (mut one, mut two) = (Addresses::take(), Addresses::take());
        let all = [one.next_ip(), one.next_ip(), two.next_ip(), two.next_ip()];
        let distinct: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(distinct.len(), 4, "{all:?}");
        assert!(distinct.iter().all(IpAddr::is_loopback));
    }
}
