//! Signing requests that nobody gets a certificate for, and other wishes.

use ferromesh_ca::Reason;
use prost_types::{Struct, Value, value::Kind};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType};

use crate::world::{CLIENT, World, claims, csr, csr_naming, csr_of, request, uri};

#[tokio::test]
async fn names_of_others_are_refused() {
    let (world, key) = World::new();
    let dns = |text: &str| SanType::DnsName(text.try_into().expect("ascii"));
    for (names, reason) in [
        (
            vec![uri("spiffe://cluster.local/ns/shop/sa/admin")],
            Reason::ForeignSan,
        ),
        (
            vec![uri("spiffe://cluster.local/ns/prod/sa/client")],
            Reason::ForeignSan,
        ),
        (
            vec![uri("spiffe://other.domain/ns/shop/sa/client")],
            Reason::ForeignSan,
        ),
        (
            vec![uri("spiffe://cluster.local/ns/istio-system/sa/ferromesh")],
            Reason::ForeignSan,
        ),
        (
            vec![uri(CLIENT), uri("spiffe://cluster.local/ns/shop/sa/admin")],
            Reason::ForeignSan,
        ),
        (
            vec![uri("SPIFFE://cluster.local/ns/shop/sa/client")],
            Reason::ForeignSan,
        ),
        (
            vec![uri(CLIENT), dns("istiod.istio-system.svc")],
            Reason::ForeignSan,
        ),
        (
            vec![dns("client-v1.client.v1.c1.wl.mesh")],
            Reason::ForeignSan,
        ),
        (vec![dns("*.shop.svc")], Reason::WildcardSan),
        (vec![dns("*")], Reason::WildcardSan),
        (
            vec![uri("spiffe://cluster.local/ns/*/sa/client")],
            Reason::WildcardSan,
        ),
        (
            vec![SanType::IpAddress([127, 0, 0, 1].into())],
            Reason::ForeignSan,
        ),
        (
            vec![SanType::Rfc822Name(
                "a@example.com".try_into().expect("ascii"),
            )],
            Reason::ForeignSan,
        ),
    ] {
        eprintln!("{names:?}");
        world
            .refuses(reason, &key.token(&claims()), &csr_naming(names))
            .await;
    }
}

#[tokio::test]
async fn nobody_becomes_an_authority() {
    let (world, key) = World::new();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut constrained = CertificateParams::default();
    constrained.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let mut usage = CertificateParams::default();
    usage.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
    ];
    let mut crl = CertificateParams::default();
    crl.key_usages = vec![KeyUsagePurpose::CrlSign];
    for params in [ca, constrained, usage, crl] {
        let csr = csr_of(&params, &KeyPair::generate().expect("a key"));
        world
            .refuses(Reason::WantsCa, &key.token(&claims()), &csr)
            .await;
    }
}

#[tokio::test]
async fn weak_and_unknown_keys_are_refused() {
    let (world, key) = World::new();
    let odd = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a key");
    let odd = csr_of(&CertificateParams::default(), &odd);
    world
        .refuses(Reason::WeakKey, &key.token(&claims()), &odd)
        .await;
    for csr in [
        include_str!("../../testdata/rsa-1024.csr"),
        include_str!("../../testdata/rsa-8192.csr"),
        include_str!("../../testdata/rsa-exponent-3.csr"),
    ] {
        world
            .refuses(Reason::WeakKey, &key.token(&claims()), csr)
            .await;
    }
}

#[tokio::test]
async fn who_has_not_the_key_gets_no_certificate_for_it() {
    let (world, key) = World::new();
    let token = key.token(&claims());
    let (own, other) = (csr(), csr());
    // The signature of another request.
    let (mut forged, donor) = (der(&own), der(&other));
    let tail = forged.len() - 64;
    forged.splice(tail.., donor[donor.len() - 64..].iter().copied());
    let status = world
        .ask_with(&token, &pem(&forged))
        .await
        .expect_err("refused");
    assert!(
        ["possession", "malformed-csr"]
            .iter()
            .any(|word| status.message.starts_with(word)),
        "{status:?}"
    );
    // One bit of the key.
    let mut forged = der(&own);
    let at = forged.len() - 120;
    forged[at] ^= 1;
    world
        .refuses(Reason::Possession, &token, &pem(&forged))
        .await;
    let sha1 = include_str!("../../testdata/sha1.csr");
    world.refuses(Reason::Possession, &token, sha1).await;
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let (world, key) = World::new();
    let token = key.token(&claims());
    let sound = csr();
    let mut longer = der(&sound);
    longer.push(0);
    for text in [
        String::new(),
        "hello".to_owned(),
        sound.replace("REQUEST", "PARROT"),
        sound.replace("-----END", "----END"),
        sound.replacen('M', "!", 2),
        pem(&longer),
        pem(&der(&sound)[1..]),
        pem(&[]),
    ] {
        world.refuses(Reason::MalformedCsr, &token, &text).await;
    }
    let padded = format!("{sound}{}", "\n".repeat(16 * 1024));
    world.refuses(Reason::OversizedCsr, &token, &padded).await;
    let header = format!("Bearer {token}");
    world
        .refuses_call(Reason::MalformedRequest, (Some(&header), &[]), b"\x0a\xff")
        .await;
}

#[tokio::test]
async fn nobody_asks_for_others_or_for_another_signer() {
    let (world, key) = World::new();
    let header = format!("Bearer {}", key.token(&claims()));
    for (name, reason) in [
        ("ImpersonatedIdentity", Reason::Impersonation),
        ("CertSigner", Reason::SignerMetadata),
    ] {
        for kind in [Some(Kind::StringValue(CLIENT.to_owned())), None] {
            let mut request = request(&csr(), 0);
            request.metadata = Some(Struct {
                fields: [(name.to_owned(), Value { kind })].into(),
            });
            let body = request.render();
            world
                .refuses_call(reason, (Some(&header), &[]), &body)
                .await;
        }
    }
    // Istio's agents say which cluster they are in.
    let mut request = request(&csr(), 0);
    request.metadata = Some(Struct {
        fields: [("ClusterID".to_owned(), Value { kind: None })].into(),
    });
    world
        .ask(Some(&header), &[], &request.render())
        .await
        .expect("one");
}

fn der(pem: &str) -> Vec<u8> {
    use rustls_pki_types::pem::PemObject;
    let der = rustls_pki_types::CertificateSigningRequestDer::from_pem_slice(pem.as_bytes());
    der.expect("PEM").to_vec()
}

fn pem(der: &[u8]) -> String {
    ferromesh_identity::certificate::pem(der).replace("CERTIFICATE", "CERTIFICATE REQUEST")
}
