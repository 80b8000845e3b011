//! What the cryptography of a certificate costs alone, and of a connection.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use ferromesh_testkit::authority;
use ferromesh_testkit::raw::{Certified, Handshake};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

/// The best of so many measurements counts.
const REPETITIONS: u32 = 5;

/// The least CPU time of a certificate.
pub struct Limits {
    /// To verify a request and to sign a certificate.
    pub issue: Duration,
    /// The same, and the server's part of a handshake of TLS 1.3 before.
    pub connect: Duration,
}

/// Measures them.
pub fn measure() -> Result<Limits, Box<dyn Error + Send + Sync>> {
    let (mut issue, mut connect) = (Duration::MAX, Duration::MAX);
    for _ in 0..REPETITIONS {
        issue = issue.min(verify_and_sign(4_000)?);
        connect = connect.min(handshakes(500)?);
    }
    Ok(Limits {
        issue,
        connect: issue + connect,
    })
}

fn verify_and_sign(rounds: u32) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let (message, random) = ([7; 500], SystemRandom::new());
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let signature = key.sign(&random, &message)?;
    let begun = Instant::now();
    for _ in 0..rounds {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key())
            .verify(&message, signature.as_ref())?;
        std::hint::black_box(key.sign(&random, &message)?);
    }
    Ok(begun.elapsed() / rounds)
}

/// The server's part of a handshake in memory, with a P-256 certificate and no client's.
fn handshakes(rounds: u32) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let Certified { chain, key } =
        authority::self_signed(&["ferromesh.istio-system.svc"]).certified;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Those who come for certificates don't come again soon: tickets are for nobody.
    config.send_tls13_tickets = 0;
    let config = Arc::new(config);
    let Handshake::Tls(client, _) = Handshake::tls(None, &[], "localhost") else {
        return Err("no handshake".into());
    };
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        total += handshake(&config, &client)?;
    }
    Ok(total / rounds)
}

fn handshake(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let name = ServerName::try_from("localhost")?;
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let mut spent = Duration::ZERO;
    let mut wire = Vec::new();
    let begun = Instant::now();
    let mut server = ServerConnection::new(Arc::clone(server))?;
    spent += begun.elapsed();
    while server.is_handshaking() {
        wire.clear();
        while client.wants_write() {
            client.write_tls(&mut wire)?;
        }
        let begun = Instant::now();
        let mut unread = wire.as_slice();
        while !unread.is_empty() {
            server.read_tls(&mut unread)?;
            server.process_new_packets()?;
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer)?;
        }
        spent += begun.elapsed();
        let mut unread = answer.as_slice();
        while !unread.is_empty() {
            client.read_tls(&mut unread)?;
            client.process_new_packets()?;
        }
    }
    Ok(spent)
}
