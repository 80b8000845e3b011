//! The least version of TLS, the cipher suites, and the rules of FIPS.

use ferromesh_testkit::raw::{self, Certified, Handshake, Raw};
use ferromesh_testkit::wait::eventually;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{NamedGroup, SupportedProtocolVersion, version};

use crate::world::World;

/// A cryptography with these groups and suites alone.
fn only(groups: &[NamedGroup], suites: &[rustls::CipherSuite]) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .kx_groups
        .retain(|group| groups.contains(&group.name()));
    if !suites.is_empty() {
        provider
            .cipher_suites
            .retain(|suite| suites.contains(&suite.suite()));
    }
    provider
}

async fn ask(
    world: &World,
    certified: &Certified,
    provider: CryptoProvider,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<u16> {
    let handshake = Handshake::tls_by(
        provider,
        &[version],
        Some(certified),
        raw::HTTP,
        "server.shop",
    );
    let mut raw = Raw::open(world.server.inbound(8080), &handshake).await?;
    let reply = raw.send(b"GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
    Ok(reply.status)
}

const P256: &[NamedGroup] = &[NamedGroup::secp256r1];
const ALL: &[NamedGroup] = &[NamedGroup::secp256r1, NamedGroup::X25519];

#[tokio::test]
async fn the_least_version_is_demanded() {
    let world = World::open("meshMTLS: {minProtocolVersion: TLSV1_3}\n", "", &[]).await;
    let own = world.mesh.certificate("shop", "client").await;
    let tls = |version| ask(&world, &own, only(ALL, &[]), version);
    assert_eq!(tls(&version::TLS13).await.unwrap(), 200);
    tls(&version::TLS12).await.unwrap_err();
    // The mesh's own proxies go on.
    world.arrives().await;
    let config = "meshMTLS: {minProtocolVersion: TLSV1_2}\n";
    world.mesh.manifests().write("mesh.yaml", config);
    eventually("TLS 1.2 is taken", async || {
        tls(&version::TLS12)
            .await
            .map_err(|error| error.to_string())
    })
    .await;
}

#[tokio::test]
async fn fips_takes_only_its_suites_and_curves() {
    let config = "defaultConfig: {proxyMetadata: {COMPLIANCE_POLICY: fips-140-3}}\n";
    let world = World::open(config, "", &[]).await;
    let own = world.mesh.certificate("shop", "client").await;
    let suite = rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let foreign = rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let foreign13 = rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
    let (v12, v13) = (&version::TLS12, &version::TLS13);
    for (what, provider, version, is_taken) in [
        ("a suite of FIPS", only(P256, &[suite]), v12, true),
        ("TLS 1.3 with a curve of FIPS", only(P256, &[]), v13, true),
        ("another suite", only(P256, &[foreign]), v12, false),
        (
            "another suite of TLS 1.3",
            only(P256, &[foreign13]),
            v13,
            false,
        ),
        (
            "another curve",
            only(&[NamedGroup::X25519], &[suite]),
            v12,
            false,
        ),
        (
            "another curve in TLS 1.3",
            only(&[NamedGroup::X25519], &[]),
            v13,
            false,
        ),
    ] {
        let outcome = ask(&world, &own, provider, version).await;
        assert_eq!(outcome.is_ok(), is_taken, "{what}: {outcome:?}");
    }
    world.arrives().await;
}
