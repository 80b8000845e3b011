//! The TLS handshake of a connection, which costs the server more than the client: so it has a
//! time limit, only so many are done at one time, and only so many of one address may be without
//! a certificate.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use ferromesh_identity::Certificate;
use rustls::{CertificateError, Error};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::denial::Reason;
use crate::peer::{Peer, Proof, Verified};
use crate::server::{Limits, Tls};
use crate::tls::NotOfThisMesh;

/// Who may shake hands now.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: Semaphore,
    per_address: usize,
    nameless: Mutex<HashMap<IpAddr, usize>>,
}

/// The place of a connection that has shown no certificate, as long as it has not.
#[derive(Debug)]
pub(crate) struct Seat {
    gate: Arc<Gate>,
    address: IpAddr,
}

/// A handshake that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) reason: Reason,
    pub(crate) what: String,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            slots: Semaphore::new(limits.handshakes),
            per_address: limits.nameless_per_address,
            nameless: Mutex::default(),
        }
    }

    fn sit(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut nameless = self.nameless.lock().unwrap_or_else(PoisonError::into_inner);
        let count = nameless.entry(address).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Seat {
            gate: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let nameless = &self.gate.nameless;
        let mut nameless = nameless.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = nameless.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                nameless.remove(&self.address);
            }
        }
    }
}

/// Shakes hands. The seat is to be kept as long as the connection lasts.
pub(crate) async fn accept(
    socket: TcpStream,
    address: SocketAddr,
    tls: &Tls,
    gate: &Arc<Gate>,
    limits: &Limits,
) -> Result<(TlsStream<TcpStream>, Peer, Option<Seat>), Failed> {
    let crowded = |what: &str| Failed {
        reason: Reason::HandshakeCrowded,
        what: what.to_owned(),
    };
    let seat = gate
        .sit(address.ip())
        .ok_or_else(|| crowded("too many connections of this address have no certificate"))?;
    let end = tokio::time::Instant::now() + limits.patience;
    let slot = tokio::time::timeout_at(end, gate.slots.acquire()).await;
    let _slot = slot.map_err(|_| crowded("too many handshakes"))?;
    let config = Arc::clone(&tls.config.borrow());
    let handshake = TlsAcceptor::from(config).accept(socket);
    let stream = tokio::time::timeout_at(end, handshake)
        .await
        .map_err(|_| Failed {
            reason: Reason::HandshakeLate,
            what: "the handshake took too long".to_owned(),
        })?
        .map_err(failed)?;
    let proof = proof(&stream)?;
    let seat = matches!(proof, Proof::Anonymous).then_some(seat);
    Ok((stream, Peer { address, proof }, seat))
}

/// What the handshake has proven. The verifier has looked at the same certificate before.
fn proof(stream: &TlsStream<TcpStream>) -> Result<Proof, Failed> {
    let (_, session) = stream.get_ref();
    let Some([leaf, intermediates @ ..]) = session.peer_certificates() else {
        return Ok(Proof::Anonymous);
    };
    let bad = |error: &dyn std::error::Error| Failed {
        reason: Reason::CertificateNamesNoWorkload,
        what: error.to_string(),
    };
    let chain = std::iter::once(leaf).chain(intermediates);
    let chain = chain.map(|der| der.to_vec()).collect();
    let leaf = Certificate::from_der(leaf).map_err(|error| bad(&error))?;
    let identity = leaf.identity().map_err(|error| bad(&error))?;
    Ok(Proof::Certificate(Verified {
        chain,
        leaf,
        identity,
    }))
}

fn failed(error: io::Error) -> Failed {
    let what = error.to_string();
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    let reason = match tls {
        Some(Error::InvalidCertificate(fault)) => certificate(fault),
        _ => Reason::HandshakeBroken,
    };
    Failed { reason, what }
}

fn certificate(fault: &CertificateError) -> Reason {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Reason::CertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Reason::CertificateNotYetValid
        }
        // The second is what an authority with the name of ours, and another key, comes to.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Reason::CertificateUntrusted
        }
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(NotOfThisMesh::NoWorkload(_)) => Reason::CertificateNamesNoWorkload,
            Some(NotOfThisMesh::OtherDomain(_)) => Reason::CertificateOfOtherDomain,
            None => Reason::CertificateBad,
        },
        _ => Reason::CertificateBad,
    }
}
